package holdfast

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// windowSeconds is how many seconds a window remembers. It is above maxHealthWindow, and a power of
// two, since at masks with it.
const windowSeconds = 1 << 6

// window counts, per second, the recent calls that did not succeed, for Health. Only such calls
// write to it, so a success costs nothing. How many calls succeeded is derived from the pipeline's
// counters: the first call that is counted in a second stores how many calls had finished before.
type window struct {
	start   mono.Time  // when second 0 began
	mu      sync.Mutex // held to begin a second, and to read
	seconds [windowSeconds]second
}

// second holds the counts of one second.
type second struct {
	number   atomic.Int64 // see window.number
	finished uint64       // how many calls had ended before the first that is counted here; guarded by mu
	failed   [resilience.NumReasons]atomic.Uint32
	refused  [resilience.NumReasons]atomic.Uint32 // ended without an attempt
	fault    atomic.Uint32                        // of those that failed: the caller's fault
	canceled atomic.Uint32                        // counted in neither failed nor refused
	last     atomic.Int64                         // a mono.Time: when a call failed or was refused
}

func newWindow(start mono.Time) *window {
	w := &window{start: start}
	for i := range w.seconds {
		w.seconds[i].number.Store(math.MinInt64) // no second of any clock
	}
	return w
}

// remember counts a call that did not succeed, in the window. j is the judgment of err. The calls
// of a Keyed's keys count in its total's window.
func (c *call) remember(j resilience.Judgment, err error) {
	p := c.recorder.of.total()
	now := mono.Now()
	s := p.counters.window(now).at(now, &p.counters)
	reason := resilience.ReasonAborted
	if err != resilience.ErrAborted { //nolint:errorlint // identity: set by Do
		reason = resilience.ReasonFor(j.Retry, err)
	}
	if j.Retry == resilience.Canceled {
		s.canceled.Add(1)
		return
	}
	s.last.Store(int64(now))
	switch {
	case c.attempts == 0 && reason != resilience.ReasonAborted:
		s.refused[reason].Add(1)
	default:
		s.failed[reason].Add(1)
		if j.Dependency == resilience.Permanent {
			s.fault.Add(1)
		}
	}
}

// at returns the second that now is in. It begins that if no call has.
func (w *window) at(now mono.Time, c *counters) *second {
	n := w.number(now)
	s := &w.seconds[n&(windowSeconds-1)]
	if s.number.Load() != n {
		w.begin(s, n, c)
	}
	return s
}

// begin makes s the second n. The counters already have the call that begins it as finished, but it
// belongs to this second, hence the - 1. Other calls that end at this moment may be on either side.
func (w *window) begin(s *second, n int64, c *counters) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.number.Load() == n {
		return // another call was faster
	}
	for i := range s.failed {
		s.failed[i].Store(0)
		s.refused[i].Store(0)
	}
	s.fault.Store(0)
	s.canceled.Store(0)
	s.finished = max(c.sum().finished, 1) - 1
	s.number.Store(n)
}

// number returns the number of the second that t is in. It is negative if t is a time of another
// clock, as in a synctest bubble.
func (w *window) number(t mono.Time) int64 {
	n, rest := int64(t-w.start)/int64(time.Second), int64(t-w.start)%int64(time.Second)
	if rest < 0 {
		n--
	}
	return n
}

// begun returns when the last n seconds began, the current one included.
func (w *window) begun(n int64, now mono.Time) mono.Time {
	return w.start + mono.Time((w.number(now)-n+1)*int64(time.Second))
}

// recent is the sum over the seconds of a window.
type recent struct {
	calls, failed, refused, fault, canceled uint64
	last                                    mono.Time // when a call failed or was refused

	failedBy, refusedBy [resilience.NumReasons]uint64
}

// over sums up the last n seconds, the current one included.
func (w *window) over(n int64, now mono.Time, c *counters) (r recent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.last = math.MinInt64
	last, first := w.number(now), int64(math.MaxInt64)
	var before uint64
	for i := range w.seconds {
		s := &w.seconds[i]
		number := s.number.Load()
		if number <= last-n || number > last { // too old, or of another clock
			continue
		}
		if number < first {
			first, before = number, s.finished
		}
		r.add(s)
	}
	if first <= last {
		r.calls = c.sum().finished - before
	}
	r.calls -= min(r.canceled, r.calls)
	r.calls = max(r.calls, r.failed+r.refused) // see begin
	return r
}

func (r *recent) add(s *second) {
	before := r.failed + r.refused
	for i := range s.failed {
		failed, refused := uint64(s.failed[i].Load()), uint64(s.refused[i].Load())
		r.failedBy[i] += failed
		r.refusedBy[i] += refused
		r.failed += failed
		r.refused += refused
	}
	if r.failed+r.refused > before {
		r.last = max(r.last, mono.Time(s.last.Load()))
	}
	r.fault += uint64(s.fault.Load())
	r.canceled += uint64(s.canceled.Load())
}
