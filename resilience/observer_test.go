package resilience_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

func TestObservers(t *testing.T) {
	require.Nil(t, resilience.Observers())
	require.Nil(t, resilience.Observers(nil, nil))

	var heard []string
	note := func(name string) resilience.Observer {
		return resilience.ObserverFunc(func(_ context.Context, e resilience.Event) { heard = append(heard, name+" "+e.Kind.String()) })
	}
	all := resilience.Observers(note("a"), nil, resilience.Observers(note("b"), note("c")))
	all.Observe(t.Context(), resilience.Event{Kind: resilience.EventRetry})
	require.Equal(t, []string{"a retry", "b retry", "c retry"}, heard)

	heard = nil
	resilience.Observers(nil, note("alone")).Observe(t.Context(), resilience.Event{Kind: resilience.EventCall})
	require.Equal(t, []string{"alone call"}, heard)
}

// Every kind of event, and the line that it makes.
func TestLogObserver(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		event resilience.Event
		want  string
	}{
		"attempt": {
			resilience.Event{Kind: resilience.EventAttempt, Attempt: 1, Verdict: resilience.Transient, Elapsed: time.Second, Err: boom},
			`level=DEBUG msg="attempt failed" pipeline=payments attempt=1 verdict=transient elapsed=1s error=boom`,
		},
		"attempt that worked": {resilience.Event{Kind: resilience.EventAttempt, Attempt: 1}, ""},
		"retry": {
			resilience.Event{Kind: resilience.EventRetry, Attempt: 1, Verdict: resilience.Overload, Delay: time.Second, Err: boom},
			`level=DEBUG msg=retrying pipeline=payments attempt=1 verdict=overload delay=1s error=boom`,
		},
		"wait": {
			resilience.Event{Kind: resilience.EventWait, Attempt: 1, Reason: resilience.ReasonBudget, Delay: time.Second, Err: boom},
			`level=DEBUG msg="waiting: refused for now" pipeline=payments reason=budget_exhausted attempt=1 delay=1s error=boom`,
		},
		"reject": {
			resilience.Event{Kind: resilience.EventReject, Stage: "breaker", Breaker: "ledger", Reason: resilience.ReasonBreakerOpen, Err: boom},
			`level=DEBUG msg=refused pipeline=payments stage=breaker breaker=ledger reason=breaker_open error=boom`,
		},
		"give up": {
			resilience.Event{Kind: resilience.EventGiveUp, Attempts: 3, Reason: resilience.ReasonBudget, Elapsed: time.Second, Err: boom},
			`level=WARN msg="gave up" pipeline=payments reason=budget_exhausted attempts=3 elapsed=1s error=boom`,
		},
		// An adapter's error ends a call at its first attempt without an event of the loop.
		"outcome unknown": {
			resilience.Event{Kind: resilience.EventCall, Attempts: 1, Reason: resilience.ReasonOutcomeUnknown, Elapsed: time.Second, Err: boom},
			`level=WARN msg="gave up" pipeline=payments reason=outcome_unknown attempts=1 elapsed=1s error=boom`,
		},
		"outcome unknown, said by the loop too": {
			resilience.Event{Kind: resilience.EventGiveUp, Attempts: 1, Reason: resilience.ReasonOutcomeUnknown, Err: boom}, "",
		},
		"unclassified": {
			resilience.Event{Kind: resilience.EventUnclassified, Err: errors.New("status 503"), Unclassified: &resilience.UnclassifiedKind{What: "a 5xx", Count: 3}},
			`level=WARN msg="unclassified error: not retried; counts as a failure of the dependency; say what it means with ` +
				`holdfast.Classify(resilience.Errors(resilience.Permanent, …))" pipeline=payments what="a 5xx" count=3 error="status 503"`,
		},
		"unclassified, by an error itself": {
			resilience.Event{Kind: resilience.EventUnclassified, Err: errors.New("status 503")},
			`level=WARN msg="unclassified error: not retried; counts as a failure of the dependency; say what it means with ` +
				`holdfast.Classify(resilience.Errors(resilience.Permanent, …))" pipeline=payments what="*errors.errorString \"status \"" count=1 error="status 503"`,
		},
		"breaker": {
			resilience.Event{Kind: resilience.EventBreaker, Stage: "breaker", Breaker: "ledger", From: resilience.StateClosed, To: resilience.StateOpen},
			`level=WARN msg="circuit breaker open" pipeline=payments stage=breaker breaker=ledger from=closed to=open`,
		},
		"breaker that says why": {
			resilience.Event{Kind: resilience.EventBreaker, Stage: "breaker", From: resilience.StateClosed, To: resilience.StateOpen, Why: boom},
			`level=WARN msg="circuit breaker open" pipeline=payments stage=breaker from=closed to=open why=boom`,
		},
		"shadow": {
			resilience.Event{Kind: resilience.EventShadow, Attempt: 2, Err: boom},
			`level=DEBUG msg="retry budget (in shadow) would have refused a retry" pipeline=payments attempt=2 error=boom`,
		},
		"a fleet that has lost its store": {
			resilience.Event{Kind: resilience.EventFleet, Why: boom, Fleet: &resilience.FleetChange{Name: "shop", Pod: "shop-1", Apart: true, After: time.Second}},
			`level=WARN msg="the fleet's store is in trouble; every breaker goes by itself until it is back" fleet=shop pod=shop-1 why=boom`,
		},
		"a fleet's store with a bug": {
			resilience.Event{Kind: resilience.EventFleet, Why: bug{}, Fleet: &resilience.FleetChange{Name: "shop", Pod: "shop-1", Apart: true}},
			`level=WARN msg="the fleet's store is in trouble; every breaker goes by itself until it is back" fleet=shop pod=shop-1 ` +
				`why="a resilience_test.bug whose Error method panics"`,
		},
		"a fleet that has its store back": {
			resilience.Event{Kind: resilience.EventFleet, Fleet: &resilience.FleetChange{Name: "shop", Pod: "shop-1", After: 1234567 * time.Microsecond}},
			`level=INFO msg="the fleet's store is back" fleet=shop pod=shop-1 after=1.235s`,
		},
		"a fleet without facts": {resilience.Event{Kind: resilience.EventFleet, Why: boom}, ""},

		"update":       {resilience.Event{Kind: resilience.EventUpdate}, `level=INFO msg="pipeline updated" pipeline=payments`},
		"call":         {resilience.Event{Kind: resilience.EventCall, Attempts: 1, Err: boom}, ""},
		"no kind":      {resilience.Event{}, ""},
		"unknown kind": {resilience.Event{Kind: 99}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			o := resilience.NewLogObserver(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
				Level: slog.LevelDebug, ReplaceAttr: withoutTime,
			})))
			c.event.Pipeline = "payments"
			o.Observe(t.Context(), c.event)
			if c.want != "" {
				c.want += "\n"
			}
			require.Equal(t, c.want, out.String())
		})
	}
}

// bug is an error whose Error method panics.
type bug struct{}

func (bug) Error() string { panic("a bug") }

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// loud is an error whose Error method must not be called.
type loud struct{ t *testing.T }

func (l loud) Error() string { l.t.Error("formatted"); return "" }

func TestLogObserverFormatsNothingWhenOff(t *testing.T) {
	o := resilience.NewLogObserver(slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError})))
	for kind := range resilience.EventKind(resilience.NumEventKinds + 1) {
		o.Observe(t.Context(), resilience.Event{
			Kind: kind, Verdict: resilience.Transient, Err: loud{t}, Why: loud{t}, Fleet: &resilience.FleetChange{Apart: true},
		})
	}
}

func TestLogObserverDefaultsToSlogDefault(t *testing.T) {
	var out bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(was)
	resilience.NewLogObserver(nil).Observe(t.Context(), resilience.Event{Kind: resilience.EventGiveUp})
	require.Contains(t, out.String(), "gave up")
}

func TestDenied(t *testing.T) {
	type event = resilience.Event
	giveUp := func(attempts int, v resilience.Verdict, r resilience.Reason) event {
		return event{Kind: resilience.EventGiveUp, Attempts: attempts, Verdict: v, Reason: r}
	}
	for name, c := range map[string]struct {
		event event
		want  bool
	}{
		"a stage refused":              {event{Kind: resilience.EventReject, Reason: resilience.ReasonBreakerOpen}, true},
		"all attempts were used":       {giveUp(1, resilience.Transient, resilience.ReasonExhausted), true},
		"no token for another":         {giveUp(2, resilience.Overload, resilience.ReasonBudget), true},
		"no time for another":          {giveUp(2, resilience.Transient, resilience.ReasonTooLate), true},
		"no time for the first":        {giveUp(0, resilience.Rejected, resilience.ReasonTooLate), true},
		"it must not be repeated":      {giveUp(1, resilience.Transient, resilience.ReasonOutcomeUnknown), true},
		"nor was it worth it":          {giveUp(1, resilience.Unclassified, resilience.ReasonOutcomeUnknown), false},
		"the caller left":              {giveUp(2, resilience.Transient, resilience.ReasonCanceled), false},
		"the caller had left":          {giveUp(0, resilience.Canceled, resilience.ReasonCanceled), false},
		"the second is permanent":      {giveUp(2, resilience.Permanent, resilience.ReasonPermanent), false},
		"the second is unclassified":   {giveUp(2, resilience.Unclassified, resilience.ReasonUnclassified), false},
		"a stage refused the second":   {giveUp(1, resilience.Rejected, resilience.ReasonBreakerOpen), false}, // its refusal counts
		"another attempt is coming":    {event{Kind: resilience.EventRetry, Attempt: 1, Verdict: resilience.Transient}, false},
		"a budget in shadow":           {event{Kind: resilience.EventShadow, Verdict: resilience.Transient, Reason: resilience.ReasonBudget}, false},
		"the call that was rejected":   {event{Kind: resilience.EventCall, Verdict: resilience.Rejected, Reason: resilience.ReasonBreakerOpen}, false},
		"an attempt that was rejected": {event{Kind: resilience.EventAttempt, Attempt: 1, Verdict: resilience.Rejected}, false},
	} {
		require.Equal(t, c.want, c.event.Denied(), name)
	}
}

func TestOutcome(t *testing.T) {
	for verdict, want := range map[resilience.Verdict]string{
		resilience.Success: "success", resilience.Transient: "failure", resilience.Overload: "failure",
		resilience.Permanent: "failure", resilience.Canceled: "canceled", resilience.Rejected: "rejected", 99: "failure",
	} {
		require.Equal(t, want, verdict.Outcome())
	}
}
