package holdfastprom_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
)

// Pins: no event ends a call or breaks a scrape, whatever its enums are.
func TestAnyEvent(t *testing.T) {
	m, r := newMetrics(t, holdfastprom.WithExemplars(traceOf), holdfastprom.WithNativeHistograms(1.1))
	verdicts := upTo(resilience.Rejected)
	reasons := upTo(resilience.Reason(resilience.NumReasons))
	states := upTo(resilience.StateIsolated)
	for _, kind := range upTo(resilience.EventFleet) {
		for _, attempt := range []int{math.MinInt, -1, 0, 1, 4, 5, math.MaxInt} {
			for _, verdict := range verdicts {
				for _, reason := range reasons {
					m.Observe(t.Context(), resilience.Event{Kind: kind, Attempt: attempt, Attempts: attempt, Verdict: verdict, Reason: reason, Pipeline: "payments"})
				}
			}
		}
		for _, from := range states {
			for _, to := range states {
				m.Observe(t.Context(), resilience.Event{Kind: kind, From: from, To: to, Pipeline: "payments"})
			}
		}
		for _, d := range []time.Duration{math.MinInt64, -1, 0, 1, math.MaxInt64} {
			m.Observe(t.Context(), resilience.Event{Kind: kind, Elapsed: d, Delay: d, Change: &resilience.Change{}, Err: errors.New("x")})
		}
	}
	_, err := r.Gather()
	require.NoError(t, err)
}

// upTo returns the values of an enum, two that it does not have, and the last that its type has.
func upTo[E ~uint8](last E) (values []E) {
	for e := range last + 3 {
		values = append(values, e)
	}
	return append(values, math.MaxUint8)
}

// Pins: unknown values, from a later version or a user's classifier, are counted, so that the
// numbers of attempts and calls stay right.
func TestWhatIsNotKnownIsCounted(t *testing.T) {
	m, r := newMetrics(t)
	for _, kind := range []resilience.EventKind{resilience.EventAttempt, resilience.EventCall, resilience.EventGiveUp, resilience.EventReject, resilience.EventBreaker} {
		m.Observe(t.Context(), resilience.Event{Kind: kind, Pipeline: "payments", Attempt: 1, Attempts: 1, Verdict: 99, Reason: 99, From: 99, To: 99, Stage: "retry"})
	}
	require.Equal(t, []string{
		`attempts_total{attempt="1",verdict="invalid"} 1`,
		`breaker_transitions_total{from="unknown",to="unknown"} 1`,
		`calls_total{outcome="failure",reason="unknown"} 1`,
		`denials_total{reason="unknown",stage="retry"} 1`,
	}, counted(t, r, "attempts_total", "calls_total", "denials_total", "breaker_transitions_total"))
}

// Pins: this package knows all values of the contract's enums.
func TestAllThatIsKnownHasAName(t *testing.T) {
	m, r := newMetrics(t)
	for verdict := resilience.Verdict(0); verdict < resilience.NumVerdicts; verdict++ {
		m.Observe(t.Context(), resilience.Event{Kind: resilience.EventAttempt, Attempt: 1, Verdict: verdict})
	}
	for reason := resilience.Reason(0); reason < resilience.NumReasons; reason++ {
		m.Observe(t.Context(), resilience.Event{Kind: resilience.EventCall, Reason: reason})
	}
	for state := resilience.State(0); state.String() != "unknown"; state++ {
		m.Observe(t.Context(), resilience.Event{Kind: resilience.EventBreaker, From: state})
	}
	_, body := get(t, r, "text/plain")
	for _, value := range []string{`"unknown"`, `"invalid"`} {
		require.NotContains(t, body, value)
	}
	require.Contains(t, body, `verdict="unclassified"`)
	require.Contains(t, body, `reason="outcome_unknown"`)
	// EventUnclassified has none: such attempts are counted by their verdict. Nor has EventLimit:
	// the bulkhead counts its cuts. Nor has EventFleet, which is of no pipeline: the fleet counts
	// its troubles.
	require.Equal(t, "unknown", (resilience.EventFleet + 1).String(), "a new kind of event wants a metric")
}

func FuzzObserve(f *testing.F) {
	f.Add(uint8(1), uint8(2), uint8(3), uint8(0), uint8(1), 2, "payments", "retry", int64(5), "trace_id", "c0ffee")
	f.Add(uint8(4), uint8(255), uint8(255), uint8(255), uint8(255), -1, "\xff", "\xff", int64(math.MinInt64), "__name", "\xff")
	f.Add(uint8(7), uint8(0), uint8(0), uint8(0), uint8(0), 1, "", "", int64(0), "x", strings.Repeat("ä", 200))
	f.Fuzz(func(t *testing.T, kind, verdict, reason, from, to uint8, attempt int, pipeline, stage string, d int64, label, value string) {
		m, r := newMetrics(t, holdfastprom.WithExemplars(func(ctx context.Context) map[string]string { return map[string]string{label: value} }))
		m.Observe(t.Context(), resilience.Event{
			Kind: resilience.EventKind(kind), Verdict: resilience.Verdict(verdict), Reason: resilience.Reason(reason),
			From: resilience.State(from), To: resilience.State(to), Attempt: attempt, Pipeline: pipeline, Stage: stage,
			Delay: time.Duration(d), Elapsed: time.Duration(d),
		})
		_, err := r.Gather()
		require.NoError(t, err)
	})
}
