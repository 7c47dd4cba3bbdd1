package metrics

import (
	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// foreseen is a child of a metric that is shown as 0 before it first counts something: otherwise
// rate() misses the first increase, since the series did not exist. Rare events are not foreseen:
// each child is a series in the backend.
type foreseen struct {
	in     presence // nil: in every pipeline
	values []string // of the labels
}

// presence reports whether the pipeline of a Snapshot has a stage.
type presence func(s *holdfast.Snapshot) bool

func withBudget(s *holdfast.Snapshot) bool  { return s.Budget != nil }
func withBreaker(s *holdfast.Snapshot) bool { return len(s.Breakers) > 0 }
func withLearner(s *holdfast.Snapshot) bool { return s.Learned != nil }

// waitsFor is the presence of a patient loop, and of what may refuse to it.
func waitsFor(refuses presence) presence {
	return func(s *holdfast.Snapshot) bool { return s.Waits != nil && refuses(s) }
}

func foreseenWaits() []foreseen {
	return []foreseen{
		{waitsFor(withBudget), []string{resilience.ReasonBudget.String()}},
		{waitsFor(withBreaker), []string{resilience.ReasonBreakerOpen.String()}},
		{waitsFor(withBulkhead), []string{resilience.ReasonBulkheadFull.String()}},
		{waitsFor(withRateLimit), []string{resilience.ReasonRateLimited.String()}},
	}
}

// denial is a denial to expect: which stage denies, why, and the verdict of a call that ends with
// it.
type denial struct {
	stage   string
	reason  resilience.Reason
	verdict resilience.Verdict
	in      presence
}

var denialsOfCalls = []denial{
	{"pipeline", resilience.ReasonTooLate, resilience.Rejected, nil}, // the time was up before the call came
	{"retry", resilience.ReasonExhausted, resilience.Transient, nil},
	{"retry", resilience.ReasonTooLate, resilience.Transient, nil},
	{"retry", resilience.ReasonRetryAfterTooLong, resilience.Rejected, nil},
	{"retry", resilience.ReasonOutcomeUnknown, resilience.Permanent, nil},
	{"retry", resilience.ReasonBudget, resilience.Rejected, withBudget},
	{"retry", resilience.ReasonUnlikely, resilience.Rejected, withLearner},
	{"retry", resilience.ReasonBreakerOpen, resilience.Rejected, withBreaker}, // it asks the breaker before it pauses
	{"breaker", resilience.ReasonBreakerOpen, resilience.Rejected, withBreaker},
}

func foreseenDenials() (all []foreseen) {
	for _, d := range denials {
		all = append(all, foreseen{d.in, []string{d.stage, d.reason.String()}})
	}
	return all
}

func foreseenCalls() []foreseen {
	all := []foreseen{
		callThat(resilience.Success, resilience.ReasonNone, nil),
		callThat(resilience.Permanent, resilience.ReasonPermanent, nil),
		callThat(resilience.Unclassified, resilience.ReasonUnclassified, nil),
	}
	for _, d := range denials {
		all = append(all, callThat(d.verdict, d.reason, d.in))
	}
	return all
}

func callThat(v resilience.Verdict, r resilience.Reason, in presence) foreseen {
	return foreseen{in, []string{v.Outcome(), r.String()}}
}

func foreseenAttempts() (all []foreseen) {
	for _, group := range attemptGroups {
		all = append(all, foreseen{values: []string{group, resilience.Success.String()}})
	}
	for _, v := range []resilience.Verdict{resilience.Transient, resilience.Unclassified} {
		all = append(all, foreseen{values: []string{attemptGroups[0], v.String()}})
	}
	return all
}

// foreseenTransitions are the transitions that a breaker makes by itself, not by hand.
func foreseenTransitions() (all []foreseen) {
	for _, change := range [][2]resilience.State{
		{resilience.StateClosed, resilience.StateOpen},
		{resilience.StateOpen, resilience.StateHalfOpen},
		{resilience.StateHalfOpen, resilience.StateOpen},
		{resilience.StateHalfOpen, resilience.StateClosed},
	} {
		all = append(all, foreseen{withBreaker, []string{change[0].String(), change[1].String()}})
	}
	return all
}
