package traps_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Pins: reading a breaker changes nothing and tells nobody; the change it foresees is told
// once, by the call that makes it.
func TestScrapeTellsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := breaker.New(breaker.Config{ConsecutiveFailures: 2, HalfOpenProbes: 2, OpenFor: time.Second})
		require.NoError(t, err)
		var heard []string
		p, err := holdfast.New("payments", holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventBreaker {
				heard = append(heard, fmt.Sprintf("%v → %v", e.From, e.To))
			}
		})), b)
		require.NoError(t, err)
		scrape := func(want breaker.State) {
			t.Helper()
			for range 10 {
				require.Equal(t, want, b.State())
				require.Equal(t, want, p.Snapshot().Breakers[0].State)
				_, _, _ = b.Counts(), b.RetryAfter(), b.Ready()
			}
		}

		_, _ = p.Do(t.Context(), failing), p.Do(t.Context(), failing)
		scrape(breaker.StateOpen)
		require.Equal(t, []string{"closed → open"}, heard)

		time.Sleep(time.Hour)
		scrape(breaker.StateHalfOpen)
		require.Equal(t, []string{"closed → open"}, heard, "a scrape changed the state")

		require.NoError(t, p.Do(t.Context(), working))
		scrape(breaker.StateHalfOpen)
		require.NoError(t, p.Do(t.Context(), working))
		scrape(breaker.StateClosed)
		require.Equal(t, []string{"closed → open", "open → half-open", "half-open → closed"}, heard)
	})
}
