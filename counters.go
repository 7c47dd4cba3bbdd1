package holdfast

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// numStripes is how many ways the counters of a pipeline are split, so that callers on
// different processors rarely write to the same cache line.
const numStripes = 16

// counters count a pipeline's calls. Two additions are all that a call costs on which nothing
// goes wrong; attempts are derived from the exceptions.
type counters struct {
	stripes [numStripes]stripe
	denials [resilience.NumReasons]atomic.Uint64
}

// stripe is a part of the counters, alone on its cache lines (128 bytes: processors fetch
// them in pairs).
type stripe struct {
	started   atomic.Uint64 // calls
	finished  atomic.Uint64 // calls that are over
	failed    atomic.Uint64 // calls that ended with an error
	unreached atomic.Uint64 // calls that ended without an attempt
	repeated  atomic.Uint64 // attempts after a call's first
	_         [128 - 5*8]byte
}

// pick returns a stripe at random. Where the time left was read, its nanoseconds are as good
// a die as any, and cost nothing.
func (c *counters) pick(left time.Duration) *stripe {
	if left == noDeadline {
		return &c.stripes[rand.Uint32()%numStripes]
	}
	return &c.stripes[uint64(left)%numStripes]
}

// total is the sum over all stripes.
type total struct{ started, finished, failed, unreached, repeated uint64 }

// sum reads what is over before what has begun, so that no call seems to have ended before
// it began.
func (c *counters) sum() (t total) {
	for i := range c.stripes {
		s := &c.stripes[i]
		t.unreached += s.unreached.Load()
		t.failed += s.failed.Load()
		t.finished += s.finished.Load()
		t.repeated += s.repeated.Load()
		t.started += s.started.Load()
	}
	return t
}
