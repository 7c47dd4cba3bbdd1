package holdfastdash

import (
	"context"
	"sync/atomic"

	"github.com/media-gateway/holdfast/resilience"
)

// watcher is an Observer of one pipeline. It counts how long calls took, which calls were refused
// and which errors there were. Of a call that succeeds it hears one event, and adds to one counter.
type watcher struct {
	latencies histogram // of the calls that reached the dependency
	refused   [resilience.NumReasons]atomic.Uint32
	errors    errorKinds
}

func (w *watcher) Hears(k resilience.EventKind) bool {
	return k == resilience.EventCall || k == resilience.EventRetry
}

func (w *watcher) Observe(_ context.Context, e resilience.Event) {
	switch e.Kind {
	case resilience.EventCall:
		w.ended(&e)
	case resilience.EventRetry:
		w.errors.note(e.Err, e.Verdict, resilience.ReasonNone)
	default: // an event that Hears excludes, but a fan-out of observers passes on
	}
}

// ended counts a call. A refused call takes no time: among the latencies, it would make a
// dependency that is down look fast.
func (w *watcher) ended(e *resilience.Event) {
	switch {
	case e.Attempts > 0:
		w.latencies.add(e.Elapsed)
		if e.Err != nil {
			w.errors.note(e.Err, e.Verdict, e.Reason)
		}
	case e.Err != nil && e.Reason != resilience.ReasonCanceled && e.Reason < resilience.NumReasons:
		w.refused[e.Reason].Add(1)
	}
}

// refusals are how many calls were refused, by reason, up to some time.
type refusals [resilience.NumReasons]uint32

// advance sets r to the current counts of w, and returns the rates since the old ones, by the names
// of the reasons: nil if there were none.
func (r *refusals) advance(w *watcher, per func(is, was uint64) float64) (rates map[string]float64) {
	for reason := range r {
		n := w.refused[reason].Load()
		if since := n - r[reason]; since > 0 { // right even if n overflowed
			if rates == nil {
				rates = map[string]float64{}
			}
			rates[resilience.Reason(reason).String()] = per(uint64(since), 0)
		}
		r[reason] = n
	}
	return rates
}

var _ resilience.Selective = (*watcher)(nil)
