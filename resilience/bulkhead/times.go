package bulkhead

import (
	"math"
	"sync/atomic"
	"time"
)

// times is what is usual of the times of successes, and how many of the recent ones were late. The
// usual time is tracked as a quantile, by stochastic approximation: it goes up by four parts when a
// success took longer, and down by one when not, so that four of five take less. It hardly goes up
// while many are late: an overload must not become what is usual.
type times struct {
	both atomic.Uint64 // two float32: the usual time in seconds, and the share of late ones
	seen atomic.Uint32 // successes, up to learning
}

const (
	quantile    = 0.8
	usualStep   = 0.03          // of the usual time, with each success
	lateStep    = usualStep / 8 // upward, while many are late
	newestShare = 1. / 8        // the weight of the newest success in the share of late ones
	manyLate    = 0.25          // late ones
	mostLate    = 0.5           // late ones
	learning    = 32            // successes, in which it learns faster
	fewestSeen  = 10            // successes, before which it says nothing
)

// add learns from a success that took so long. It reports whether most of the recent ones took more
// than factor times as long as is usual, and what that is.
func (t *times) add(took time.Duration, factor float64) (late bool, usual time.Duration) {
	was := t.both.Load()
	base, share := math.Float32frombits(uint32(was>>32)), math.Float32frombits(uint32(was))
	this, seen := float32(took.Seconds()), t.seen.Load()
	if seen == 0 {
		base = this
	}
	if this > float32(factor)*base {
		share += newestShare * (1 - share)
	} else {
		share -= newestShare * share
	}
	move := float32(usualStep)
	switch {
	case seen < learning:
		t.seen.Add(1)
		move = max(usualStep, 1/float32(seen+2))
	case this > base && share > manyLate:
		move = lateStep
	}
	if this > base {
		base *= 1 + move*quantile
	} else {
		base *= 1 - move*(1-quantile)
	}
	// Lost to another: its success will do.
	t.both.CompareAndSwap(was, uint64(math.Float32bits(base))<<32|uint64(math.Float32bits(share)))
	return seen > fewestSeen && share > mostLate, time.Duration(float64(base) * float64(time.Second))
}
