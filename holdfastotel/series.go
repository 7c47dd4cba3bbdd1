package holdfastotel

import (
	"context"
	"slices"
	"sync/atomic"
	"weak"

	"go.opentelemetry.io/otel/attribute"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// What this version does not know, and what a user's classifier made up, is counted as
// "unknown": a call that ended is never lost.
const (
	unknownVerdict = resilience.Rejected + 1
	unknownReason  = resilience.Reason(resilience.NumReasons)
	unknownState   = resilience.StateIsolated + 1
)

// attemptCap is the attempt that is counted together with all further ones.
const attemptCap = 4

var groupNames = [attemptCap]string{"1", "2", "3", "4+"}

// series is the Observer to which the pipelines of one name report. It has the attributes of
// all that they can count; what hardly ever happens is put together when it first does.
type series struct {
	instruments *instruments
	spans       *spans
	pipeline    attribute.KeyValue

	only        *point // the pipeline, and nothing else
	calls       [unknownVerdict + 1][unknownReason + 1]lazy
	outcomes    [unknownVerdict + 1]lazy
	attempts    [attemptCap][unknownVerdict + 1]lazy
	reasons     [unknownReason + 1]lazy
	transitions [unknownState + 1][unknownState + 1]lazy
	tuning      lazy
	stages      lazy
	rejections  atomic.Pointer[[]rejection]

	ledger ledger

	pipelines []weak.Pointer[holdfast.Pipeline] // the last one came last; under the Observer's mutex
}

// rejection is the point of what a stage refused for a reason. A pipeline has few of them, so
// that looking through a list is the fastest.
type rejection struct {
	stage  string
	reason resilience.Reason
	point  *point
}

func newSeries(o *Observer, name string) *series {
	pipeline := keyPipeline.String(name)
	return &series{instruments: o.instruments, spans: newSpans(o, pipeline), pipeline: pipeline, only: newPoint(pipeline)}
}

// startAtZero counts nothing where most pipelines will count something: a backend cannot see
// an increase from a series that was not there.
func (s *series) startAtZero() {
	ctx, m := context.Background(), s.instruments
	m.calls.Add(ctx, 0, s.call(resilience.Success, resilience.ReasonNone).add...)
	for i := range groupNames {
		m.attempts.Add(ctx, 0, s.attempt(i, resilience.Success).add...)
	}
	m.attempts.Add(ctx, 0, s.attempt(0, resilience.Transient).add...)
	m.retries.Add(ctx, 0, s.only.add...)
	for _, reason := range []resilience.Reason{
		resilience.ReasonExhausted, resilience.ReasonBudget, resilience.ReasonTooLate,
		resilience.ReasonRetryAfterTooLong, resilience.ReasonBreakerOpen,
	} {
		m.denied.Add(ctx, 0, s.reason(reason).add...)
	}
}

// Observe counts e, and notes it on the caller's span.
func (s *series) Observe(ctx context.Context, e resilience.Event) {
	s.count(ctx, &e)
	s.spans.note(ctx, &e)
}

func (s *series) count(ctx context.Context, e *resilience.Event) {
	m := s.instruments
	switch e.Kind {
	case resilience.EventAttempt:
		if e.Attempt > 0 {
			m.attempts.Add(ctx, 1, s.attempt(min(e.Attempt, attemptCap)-1, e.Verdict).add...)
			m.attemptDuration.Record(ctx, e.Elapsed.Seconds(), s.only.record...)
		}
	case resilience.EventCall:
		m.calls.Add(ctx, 1, s.call(e.Verdict, e.Reason).add...)
		m.callDuration.Record(ctx, e.Elapsed.Seconds(), s.outcome(e.Verdict).record...)
	case resilience.EventRetry:
		m.retries.Add(ctx, 1, s.only.add...)
		m.backoff.Record(ctx, e.Delay.Seconds(), s.only.record...)
	case resilience.EventGiveUp:
		if e.Denied() {
			m.denied.Add(ctx, 1, s.reason(e.Reason).add...)
		}
	case resilience.EventReject:
		m.rejections.Add(ctx, 1, s.rejection(e.Stage, e.Reason).add...)
	case resilience.EventBreaker:
		m.transitions.Add(ctx, 1, s.transition(e.From, e.To).add...)
	case resilience.EventUpdate:
		m.updates.Add(ctx, 1, s.update(e.Change != nil).add...)
	}
}

func (s *series) call(v resilience.Verdict, r resilience.Reason) *point {
	v, r = min(v, unknownVerdict), min(r, unknownReason)
	return s.calls[v][r].get(func() *point {
		return newPoint(s.pipeline, keyOutcome.String(v.Outcome()), keyReason.String(r.String()))
	})
}

func (s *series) outcome(v resilience.Verdict) *point {
	v = min(v, unknownVerdict)
	return s.outcomes[v].get(func() *point { return newPoint(s.pipeline, keyOutcome.String(v.Outcome())) })
}

func (s *series) attempt(i int, v resilience.Verdict) *point {
	v = min(v, unknownVerdict)
	return s.attempts[i][v].get(func() *point {
		return newPoint(s.pipeline, keyAttemptGroup.String(groupNames[i]), keyVerdict.String(v.String()))
	})
}

func (s *series) reason(r resilience.Reason) *point {
	r = min(r, unknownReason)
	return s.reasons[r].get(func() *point { return newPoint(s.pipeline, keyReason.String(r.String())) })
}

func (s *series) transition(from, to resilience.State) *point {
	from, to = min(from, unknownState), min(to, unknownState)
	return s.transitions[from][to].get(func() *point {
		return newPoint(s.pipeline, keyBreakerFrom.String(from.String()), keyBreakerTo.String(to.String()))
	})
}

func (s *series) update(byHand bool) *point {
	l, kind := &s.stages, "stages"
	if byHand {
		l, kind = &s.tuning, "tuning"
	}
	return l.get(func() *point { return newPoint(s.pipeline, keyUpdateKind.String(kind)) })
}

func (s *series) rejection(stage string, r resilience.Reason) *point {
	r = min(r, unknownReason)
	for {
		was := s.rejections.Load()
		var list []rejection
		if was != nil {
			list = *was
		}
		for i := range list {
			if known := &list[i]; known.reason == r && known.stage == stage {
				return known.point
			}
		}
		more := append(slices.Clip(list), rejection{stage, r, newPoint(s.pipeline, keyStage.String(text(stage)), keyReason.String(r.String()))})
		s.rejections.CompareAndSwap(was, &more)
	}
}
