package breaker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: time.Second, MaxOpenFor: time.Second})
		var heard []resilience.Event
		var linked *breaker.Breaker
		linked = link(t, b, func(ctx context.Context, e resilience.Event) {
			heard = append(heard, e)
			_, _, _, _ = b.State(), linked.Counts(), b.RetryAfter(), b.Ready()
			if e.Kind == resilience.EventBreaker {
				_ = linked.Do(ctx, working) // a probe hears of itself first, so this one is refused
			}
		})
		times(t, 1, linked, failing)
		refusal := linked.Do(t.Context(), working)
		time.Sleep(b.RetryAfter())
		times(t, 1, linked, failing)
		time.Sleep(b.RetryAfter())
		times(t, 1, linked, working)
		b.Isolate()
		b.Reset()
		times(t, 1, linked, working)

		change := func(from, to breaker.State) resilience.Event {
			return resilience.Event{Kind: resilience.EventBreaker, Pipeline: "payments", Stage: "breaker", From: from, To: to}
		}
		var changes []resilience.Event
		for _, e := range heard {
			if e.Kind == resilience.EventBreaker {
				require.Equal(t, e.To == breaker.StateOpen, e.Why != nil, "%v", e)
				e.Why = nil // what it says: see opening_test.go
				changes = append(changes, e)
			}
		}
		require.Equal(t, []resilience.Event{
			change(breaker.StateClosed, breaker.StateOpen), change(breaker.StateOpen, breaker.StateHalfOpen),
			change(breaker.StateHalfOpen, breaker.StateOpen), change(breaker.StateOpen, breaker.StateHalfOpen),
			change(breaker.StateHalfOpen, breaker.StateClosed),
			change(breaker.StateClosed, breaker.StateIsolated), change(breaker.StateIsolated, breaker.StateClosed),
		}, changes)
		require.Contains(t, heard, resilience.Event{
			Kind: resilience.EventReject, Pipeline: "payments", Stage: "breaker",
			Verdict: resilience.Rejected, Reason: resilience.ReasonBreakerOpen, Err: refusal,
		})
	})
}

// Pins: a queue that nobody empties does not grow for ever, and keeps the newest changes.
func TestChangesThatNobodyHears(t *testing.T) {
	b := newBreaker(t, breaker.Config{})
	var heard []resilience.Event
	linked := link(t, b, func(_ context.Context, e resilience.Event) { heard = append(heard, e) })
	for range 1000 {
		b.Isolate()
		b.Reset()
	}
	require.NoError(t, linked.Do(t.Context(), working))
	require.Len(t, heard, 128)
	require.Equal(t, breaker.StateClosed, heard[127].To)
}
