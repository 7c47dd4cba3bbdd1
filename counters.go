package holdfast

import (
	"sync/atomic"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/stripes"
	"github.com/media-gateway/holdfast/resilience"
)

// counters count a pipeline's calls. A call that succeeds at its first attempt costs two additions;
// the number of attempts is derived (see Pipeline.counted). A key's pipeline must be small: its
// counters are one stripe. Its calls also count in its Keyed's total.
type counters struct {
	stripes *[stripes.Count]aligned // nil if they are not split: all calls count in only
	only    stripe
	denied  atomic.Pointer[denials] // if not split: nil before the first
	lately  atomic.Pointer[window]  // nil before the first call that did not succeed
}

// stripe is a part of the counters.
type stripe struct {
	started   atomic.Uint64 // calls
	finished  atomic.Uint64 // calls that are over
	failed    atomic.Uint64 // calls that ended with an error
	unreached atomic.Uint64 // calls that ended without an attempt
	repeated  atomic.Uint64 // attempts after a call's first
	again     atomic.Int64  // calls that are past their first attempt and not over
}

// aligned is a stripe alone on its cache lines (128 bytes: processors fetch them in pairs).
type aligned struct {
	stripe
	_ [128 - 6*8]byte
}

// denials is how often calls stopped, by reason.
type denials [resilience.NumReasons]atomic.Uint64

// split prepares the counters for callers on many processors.
func (s *counters) split() {
	s.stripes = new([stripes.Count]aligned)
	s.denied.Store(new(denials))
}

// pick returns the stripe for the goroutine that has c on its stack, or the only one if the
// counters are not split.
func (s *counters) pick(c *call) *stripe {
	if s.stripes == nil {
		return &s.only
	}
	return &s.stripes[stripes.Of(c)].stripe
}

// deny counts a call or attempt that was denied for reason.
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

// window returns what the pipeline remembers for Health.
func (s *counters) window(now mono.Time) *window {
	if w := s.lately.Load(); w != nil {
		return w
	}
	s.lately.CompareAndSwap(nil, newWindow(now)) // else another call was faster
	return s.lately.Load()
}

// end counts a call that failed, or that ended without an attempt.
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

// sum reads what is over before what has begun, so that no stripe has more calls finished than
// started.
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

// inFlight returns how many calls are, and how many of those are not past their first attempt.
func (s *counters) inFlight() (calls, firsts int) {
	t := s.sum()
	again := s.only.again.Load()
	if s.stripes != nil {
		for i := range s.stripes {
			again += s.stripes[i].again.Load()
		}
	}
	calls = int(t.started - t.finished) //nolint:gosec // no more calls than fit into memory
	return calls, max(0, calls-int(again))
}

// idle reports whether no call is in flight. It may miss one that begins meanwhile.
func (s *counters) idle() bool {
	t := s.sum()
	return t.started == t.finished
}
