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
// goes wrong; attempts are derived from the exceptions. A pipeline of one key of many is small
// instead: its counters are one stripe, and its calls count in its front's as well.
type counters struct {
	stripes *[numStripes]aligned // nil if they are not split: then all calls count in only
	only    stripe
	denied  atomic.Pointer[denials] // nil before the first, in a small one
}

// stripe is a part of the counters.
type stripe struct {
	started   atomic.Uint64 // calls
	finished  atomic.Uint64 // calls that are over
	failed    atomic.Uint64 // calls that ended with an error
	unreached atomic.Uint64 // calls that ended without an attempt
	repeated  atomic.Uint64 // attempts after a call's first
}

// aligned is a stripe alone on its cache lines (128 bytes: processors fetch them in pairs).
type aligned struct {
	stripe
	_ [128 - 5*8]byte
}

// denials is how often calls stopped, by reason.
type denials [resilience.NumReasons]atomic.Uint64

// split makes the counters those of a pipeline with callers on many processors.
func (s *counters) split() {
	s.stripes = new([numStripes]aligned)
	s.denied.Store(new(denials))
}

// pick returns the stripe of the goroutine on whose stack c lies, as its address tells: callers
// on different processors rarely share one, and each finds its own in its processor's cache
// again. (A stripe at random would be in another processor's cache half of the time.) The counters have to be split.
func (s *counters) pick(c *call) *stripe {
	address := uint64(uintptr(unsafe.Pointer(c)))            //nolint:gosec // only its value counts
	return &s.stripes[address*0x9e3779b97f4a7c15>>60].stripe // Fibonacci hashing: the top bits are well mixed
}

// deny counts a call that stopped.
func (s *counters) deny(reason resilience.Reason) {
	d := s.denied.Load()
	if d == nil {
		d = s.firstDenial()
	}
	d[reason].Add(1)
}

func (s *counters) firstDenial() *denials {
	s.denied.CompareAndSwap(nil, new(denials)) // else another call was faster
	return s.denied.Load()
}

// end counts a call that did not go as well as it could.
func (s *stripe) end(attempts int, err error) {
	if attempts == 0 {
		s.unreached.Add(1)
	}
	if err != nil {
		s.failed.Add(1)
	}
}

// total is the sum over all stripes.
type total struct{ started, finished, failed, unreached, repeated uint64 }

// sum reads what is over before what has begun, so that no call seems to have ended before
// it began.
func (s *counters) sum() (t total) {
	if s.stripes == nil {
		t.add(&s.only)
		return t
	}
	for i := range s.stripes {
		t.add(&s.stripes[i].stripe)
	}
	return t
}

func (t *total) add(part *stripe) {
	t.unreached += part.unreached.Load()
	t.failed += part.failed.Load()
	t.finished += part.finished.Load()
	t.repeated += part.repeated.Load()
	t.started += part.started.Load()
}

// idle reports whether no call is in flight that began before.
func (s *counters) idle() bool {
	t := s.sum()
	return t.started == t.finished
}
