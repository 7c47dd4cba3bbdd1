// Package usual learns how long successes usually take, and tells when most of the recent ones take
// longer. A dependency that has too much to do answers late before it fails, and goes on answering
// late while it refuses quickly what it cannot queue.
package usual

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// Times is what is usual of the times of successes, and how many of the recent ones were late. The
// zero value has seen none. It is safe for concurrent use, and does not allocate.
//
// The usual time is tracked as a quantile, by stochastic approximation (Robbins and Monro, 1951):
// it goes up by four parts when a success took longer, and down by one when not, so that four of
// five take less. The parts are the smaller, the more successes there are in a second, and so what
// is usual changes by half in 20 to 30 s at the most, however many successes there are: an overload
// does not soon become what is usual.
type Times struct {
	both atomic.Uint64 // two float32: the usual time in seconds, and the share of late ones
	at   atomic.Int64  // of the newest success: a mono.Time
	seen atomic.Uint32 // successes, up to learning
}

const (
	quantile    = 0.8
	most        = 0.03             // of the usual time, with each success
	perTime     = 30 * time.Second // in which it may change by all of itself
	newestShare = 1. / 8           // the weight of the newest success in the share of late ones
	mostLate    = 0.5              // late ones
	learning    = 32               // successes, in which it learns faster
	fewestSeen  = 10               // successes, before which it says nothing
	far         = 12               // times the usual time: learning alone comes to ten times as much
	recent      = 5 * time.Minute  // after which those from before are not recent any more

	// least is the shortest time that is told from others, in seconds. What grows by parts of
	// itself would never leave 0, which is what a clock that ticks slowly says of a quick success;
	// and from a microsecond it would take minutes.
	least = 1e-3
)

// Learned reports whether it has seen enough successes to know what is usual.
func (t *Times) Learned() bool { return t.seen.Load() >= learning }

// Add learns from a success that ended now and took so long. It reports whether most of the recent
// ones took more than factor times as long as is usual, and what that is.
func (t *Times) Add(took time.Duration, now mono.Time, factor float64) (late bool, usual time.Duration) {
	was := t.both.Load()
	base, share := math.Float32frombits(uint32(was>>32)), math.Float32frombits(uint32(was))
	this, seen := max(least, float32(took.Seconds())), t.seen.Load()
	if seen == 0 {
		base = this
	}
	passed := int64(now) - t.at.Swap(int64(now))
	if passed > int64(recent) {
		share = 0
	}
	if this > float32(factor)*base {
		share += newestShare * (1 - share)
	} else {
		share -= newestShare * share
	}
	if seen < fewestSeen && share > mostLate && this > far*base {
		base, share = this, 0 // these are not late: those before them were unusually quick
	}
	part := min(most, float32(max(0, passed))/float32(perTime))
	if seen < learning {
		t.seen.Add(1)
		part = max(most, 1/float32(seen+2))
	}
	if this > base {
		base *= 1 + part*quantile
	} else {
		base *= 1 - part*(1-quantile)
	}
	base = max(least, base)
	// Lost to another: its success will do.
	t.both.CompareAndSwap(was, uint64(math.Float32bits(base))<<32|uint64(math.Float32bits(share)))
	return seen > fewestSeen && share > mostLate, time.Duration(float64(base) * float64(time.Second))
}
