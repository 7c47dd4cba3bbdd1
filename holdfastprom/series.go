package holdfastprom

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// What this version does not know, and what a user's classifier made up, is counted under the
// label "unknown": a call that ended is never lost.
const (
	unknownVerdict = resilience.Rejected + 1
	unknownReason  = resilience.Reason(resilience.NumReasons)
	unknownState   = resilience.StateIsolated + 1
)

// attemptCap is the attempt that shares its label with all further ones.
const attemptCap = 4

var attemptNames = [attemptCap]string{"1", "2", "3", "4+"}

// series are the counters of the pipelines of one name. It is the Observer to which they report.
// What hardly ever happens is looked up when it first does, so that it costs no series before.
type series struct {
	metrics *Metrics
	name    string

	calls           [unknownVerdict + 1][unknownReason + 1]lazy[prometheus.Counter]
	callDuration    [unknownVerdict + 1]lazy[prometheus.Observer]
	attempts        [attemptCap][unknownVerdict + 1]lazy[prometheus.Counter]
	attemptDuration prometheus.Observer
	retries         prometheus.Counter
	backoff         prometheus.Observer
	denied          [unknownReason + 1]lazy[prometheus.Counter]
	transitions     [unknownState + 1][unknownState + 1]lazy[prometheus.Counter]
	rejections      atomic.Pointer[[]rejection]
	stages, tuning  lazy[prometheus.Counter]

	mu        sync.Mutex
	pipelines []weak.Pointer[holdfast.Pipeline] // the last one came last
	forgotten bool                              // must not come back into the vectors
}

// rejection is the counter of what a stage refused for a reason. A pipeline has few of them, so
// that looking through a list is the fastest.
type rejection struct {
	stage   string
	reason  resilience.Reason
	counter prometheus.Counter
}

// lazy is a child of a vector that is looked up when it is first needed.
type lazy[T any] struct{ child atomic.Pointer[T] }

func (l *lazy[T]) get(look func() T) T {
	if c := l.child.Load(); c != nil {
		return *c
	}
	c := look() // the same child for whoever looks at the same time
	l.child.Store(&c)
	return c
}

// newSeries looks up what most pipelines will need, so that it is there as a zero before it
// first happens: rate() cannot see an increase from nothing.
func (m *Metrics) newSeries(name string) *series {
	s := &series{metrics: m, name: name}
	s.attemptDuration, s.backoff = s.observer(m.attemptDuration), s.observer(m.backoff)
	s.retries = s.counter(m.retries)
	s.callTime(resilience.Success)
	s.callCount(resilience.Success, resilience.ReasonNone)
	s.callCount(resilience.Transient, resilience.ReasonExhausted)
	s.callCount(resilience.Permanent, resilience.ReasonPermanent)
	for i := range attemptNames {
		s.attemptCount(i, resilience.Success)
	}
	s.attemptCount(0, resilience.Transient)
	s.updateCount(false)
	s.updateCount(true)
	for _, reason := range []resilience.Reason{
		resilience.ReasonExhausted, resilience.ReasonBudget, resilience.ReasonTooLate,
		resilience.ReasonRetryAfterTooLong, resilience.ReasonBreakerOpen,
	} {
		s.denialCount(reason)
	}
	return s
}

// foresee is newSeries for what only a pipeline with a budget, a breaker, a bulkhead or a loop that learns can need.
func (s *series) foresee(p *holdfast.Snapshot) {
	if p.Budget != nil {
		s.callCount(resilience.Rejected, resilience.ReasonBudget)
	}
	if p.Learned != nil {
		s.callCount(resilience.Rejected, resilience.ReasonUnlikely)
		s.denialCount(resilience.ReasonUnlikely)
	}
	if len(p.Breakers) > 0 {
		s.callCount(resilience.Rejected, resilience.ReasonBreakerOpen)
		s.rejectionCount("breaker", resilience.ReasonBreakerOpen)
		s.transitionCount(resilience.StateClosed, resilience.StateOpen)
		s.transitionCount(resilience.StateOpen, resilience.StateHalfOpen)
		s.transitionCount(resilience.StateHalfOpen, resilience.StateOpen)
		s.transitionCount(resilience.StateHalfOpen, resilience.StateClosed)
	}
	if len(p.Bulkheads) > 0 {
		s.callCount(resilience.Rejected, resilience.ReasonBulkheadFull)
		s.rejectionCount("bulkhead", resilience.ReasonBulkheadFull)
	}
}

// counter looks up a child of v. It is for good: what was forgotten counts into nothing.
func (s *series) counter(v *prometheus.CounterVec, labels ...string) prometheus.Counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forgotten {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "forgotten"})
	}
	return v.WithLabelValues(slices.Insert(labels, 0, s.name)...)
}

func (s *series) observer(v *prometheus.HistogramVec, labels ...string) prometheus.Observer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forgotten {
		return prometheus.ObserverFunc(func(float64) {})
	}
	return v.WithLabelValues(slices.Insert(labels, 0, s.name)...)
}

func (s *series) callCount(v resilience.Verdict, r resilience.Reason) prometheus.Counter {
	v, r = min(v, unknownVerdict), min(r, unknownReason)
	return s.calls[v][r].get(func() prometheus.Counter { return s.counter(s.metrics.calls, v.Outcome(), r.String()) })
}

func (s *series) callTime(v resilience.Verdict) prometheus.Observer {
	v = min(v, unknownVerdict)
	return s.callDuration[v].get(func() prometheus.Observer { return s.observer(s.metrics.callDuration, v.Outcome()) })
}

func (s *series) attemptCount(i int, v resilience.Verdict) prometheus.Counter {
	v = min(v, unknownVerdict)
	return s.attempts[i][v].get(func() prometheus.Counter { return s.counter(s.metrics.attempts, attemptNames[i], v.String()) })
}

func (s *series) denialCount(r resilience.Reason) prometheus.Counter {
	r = min(r, unknownReason)
	return s.denied[r].get(func() prometheus.Counter { return s.counter(s.metrics.denied, r.String()) })
}

func (s *series) transitionCount(from, to resilience.State) prometheus.Counter {
	from, to = min(from, unknownState), min(to, unknownState)
	return s.transitions[from][to].get(func() prometheus.Counter {
		return s.counter(s.metrics.transitions, from.String(), to.String())
	})
}

func (s *series) updateCount(byHand bool) prometheus.Counter {
	l, kind := &s.stages, "stages"
	if byHand {
		l, kind = &s.tuning, "tuning"
	}
	return l.get(func() prometheus.Counter { return s.counter(s.metrics.updates, kind) })
}

func (s *series) rejectionCount(stage string, r resilience.Reason) prometheus.Counter {
	r = min(r, unknownReason)
	for {
		was := s.rejections.Load()
		var list []rejection
		if was != nil {
			list = *was
		}
		for i := range list {
			if known := &list[i]; known.reason == r && known.stage == stage {
				return known.counter
			}
		}
		more := append(slices.Clip(list), rejection{stage, r, s.counter(s.metrics.rejections, label(stage), r.String())})
		s.rejections.CompareAndSwap(was, &more)
	}
}

// Observe counts e.
func (s *series) Observe(ctx context.Context, e resilience.Event) {
	switch e.Kind {
	case resilience.EventAttempt:
		if e.Attempt > 0 {
			s.attemptCount(min(e.Attempt, attemptCap)-1, e.Verdict).Inc()
			observe(s.attemptDuration, seconds(e.Elapsed), s.metrics.exemplar(ctx))
		}
	case resilience.EventCall:
		labels := s.metrics.exemplar(ctx)
		inc(s.callCount(e.Verdict, e.Reason), labels)
		observe(s.callTime(e.Verdict), seconds(e.Elapsed), labels)
	case resilience.EventRetry:
		s.retries.Inc()
		s.backoff.Observe(seconds(e.Delay))
	case resilience.EventGiveUp:
		if e.Denied() {
			s.denialCount(e.Reason).Inc()
		}
	case resilience.EventReject:
		s.rejectionCount(e.Stage, e.Reason).Inc()
	case resilience.EventBreaker:
		s.transitionCount(e.From, e.To).Inc()
	case resilience.EventUpdate:
		s.updateCount(e.Change != nil).Inc()
	}
}

// seconds is d.Seconds() without its integer division, which takes longer than an Inc.
func seconds(d time.Duration) float64 { return float64(d) / float64(time.Second) }
