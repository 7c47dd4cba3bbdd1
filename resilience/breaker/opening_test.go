package breaker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Whoever reads the log of an opening has to know which of the two settings to look at, and how far it was exceeded.
func TestABreakerSaysWhatOpenedIt(t *testing.T) {
	const inARow = "4 failures in a row (ConsecutiveFailures is 4)"
	tests := map[string]struct {
		config breaker.Config
		calls  []resilience.Func
		want   string
	}{
		"in a row": {
			breaker.Config{ConsecutiveFailures: 4},
			[]resilience.Func{working, failing, failing, failing, failing}, inARow,
		},
		"a ratio": {
			breaker.Config{MinRequests: 5, ConsecutiveFailures: -1},
			[]resilience.Func{working, failing, failing, working, failing},
			"3 of 5 outcomes in 10s failed (60%; FailureRatio is 50%)",
		},
		"a ratio that is odd": {
			breaker.Config{FailureRatio: 1.0 / 3, MinRequests: 3, Window: time.Minute},
			[]resilience.Func{working, working, failing},
			"1 of 3 outcomes in 1m0s failed (33.3%; FailureRatio is 33.3%)",
		},
		"both at once": {
			breaker.Config{MinRequests: 4, ConsecutiveFailures: 4},
			[]resilience.Func{failing, failing, failing, failing}, inARow,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, test.config)
				var told []resilience.Event
				linked := link(t, b, func(_ context.Context, e resilience.Event) {
					if e.Kind == resilience.EventBreaker {
						told = append(told, e)
					}
				})
				for _, op := range test.calls {
					require.NoError(t, b.Why())
					_ = linked.Do(t.Context(), op)
				}
				require.EqualError(t, b.Why(), test.want)
				refusal := linked.Do(t.Context(), working)
				var open *breaker.OpenError
				require.ErrorAs(t, refusal, &open)
				require.EqualError(t, open.Why, test.want)
				require.EqualError(t, refusal, "circuit breaker is open; next probe in 5s", "as it was")
				require.Len(t, told, 1)
				require.EqualError(t, told[0].Err, test.want)
			})
		})
	}
}

func TestAFailedProbeSaysWhatOpenedTheBreakerFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const first = "2 failures in a row (ConsecutiveFailures is 2)"
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 2, HalfOpenProbes: 1})
		var told []string
		linked := link(t, b, func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventBreaker {
				told = append(told, e.To.String())
				if e.Err != nil {
					told = append(told, e.Err.Error())
				}
			}
		})
		times(t, 2, linked, failing)
		for range 2 {
			time.Sleep(10 * time.Second)
			require.ErrorContains(t, b.Why(), first, "when it is due")
			times(t, 1, linked, failing)
			require.EqualError(t, b.Why(), "a probe failed; it first opened after "+first)
		}
		time.Sleep(10 * time.Second)
		hang, done := make(chan error), make(chan struct{})
		go func() {
			defer close(done)
			_ = linked.Do(context.Background(), func(context.Context) error { return <-hang })
		}()
		synctest.Wait()
		require.ErrorContains(t, b.Why(), first, "half-open")
		time.Sleep(10 * time.Second)
		var refusal *breaker.OpenError
		require.ErrorAs(t, linked.Do(t.Context(), working), &refusal)
		require.EqualError(t, refusal.Why, "no probe came back within 10s; it first opened after "+first)
		hang <- errors.New("late")
		<-done

		time.Sleep(10 * time.Second)
		times(t, 1, linked, working)
		require.NoError(t, b.Why(), "closed")
		b.Isolate()
		require.NoError(t, b.Why())
		require.ErrorAs(t, linked.Do(t.Context(), working), &refusal)
		require.NoError(t, refusal.Why)
		b.Reset()
		times(t, 2, linked, failing)
		require.EqualError(t, b.Why(), first, "and anew")
		require.Equal(t, []string{
			"open", first,
			"half-open", "open", "a probe failed; it first opened after " + first,
			"half-open", "open", "a probe failed; it first opened after " + first,
			"half-open", "open", "no probe came back within 10s; it first opened after " + first,
			"half-open", "closed", "isolated", "closed", "open", first,
		}, told)
	})
}
