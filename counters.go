package holdfast

import (
	"sync/atomic"
	"unsafe"

	"github.com/media-gateway/holdfast/resilience"
)

// numStripes is how many ways the counters of a pipeline are split, so that callers on
// different processors rarely write to the same cache line. A power of two: pick takes 4 bits.
const numStripes = 1 << 4

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

// pick returns the stripe of the goroutine on whose stack c lies, as its address tells: callers
// on different processors rarely share one, and each finds its own in its processor's cache
// again. (A stripe at random would be in another processor's cache half of the time.)
func (s *counters) pick(c *call) *stripe {
	address := uint64(uintptr(unsafe.Pointer(c)))     //nolint:gosec // only its value counts
	return &s.stripes[address*0x9e3779b97f4a7c15>>60] // Fibonacci hashing: the top bits are well mixed
}

// total is the sum over all stripes.
type total struct{ started, finished, failed, unreached, repeated uint64 }

// sum reads what is over before what has begun, so that no call seems to have ended before
// it began.
func (s *counters) sum() (t total) {
	for i := range s.stripes {
		part := &s.stripes[i]
		t.unreached += part.unreached.Load()
		t.failed += part.failed.Load()
		t.finished += part.finished.Load()
		t.repeated += part.repeated.Load()
		t.started += part.started.Load()
	}
	return t
}
