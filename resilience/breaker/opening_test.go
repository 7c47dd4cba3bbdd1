package breaker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// decline is an error that nobody has classified.
type decline struct{ code string }

func (d *decline) Error() string { return "declined: " + d.code }

// Whoever reads the log of an opening has to know which of the two settings to look at, and how far
// it was exceeded.
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
		"in a row, some unclassified": {
			breaker.Config{ConsecutiveFailures: 4},
			[]resilience.Func{returning(&decline{"1"}), working, failing, returning(&decline{"4"}), failing, returning(fmt.Errorf("pay: %w", &decline{"17"}))},
			"4 failures in a row, 2 unclassified: *breaker_test.decline (ConsecutiveFailures is 4)",
		},
		"in a row, all unclassified": {
			breaker.Config{ConsecutiveFailures: 20},
			slices.Repeat([]resilience.Func{returning(&decline{"4"})}, 20),
			"20 failures in a row, 20 unclassified: *breaker_test.decline (ConsecutiveFailures is 20)",
		},
		"one, unclassified": {
			breaker.Config{ConsecutiveFailures: 1},
			[]resilience.Func{returning(errors.New("order 4711: declined"))},
			`1 failure, 1 unclassified: *errors.errorString "order : declined" (ConsecutiveFailures is 1)`,
		},
		"a ratio, some unclassified": {
			breaker.Config{MinRequests: 5, ConsecutiveFailures: -1},
			[]resilience.Func{working, failing, returning(&decline{"4"}), working, failing},
			"3 of 5 outcomes in 10s failed, 1 unclassified: *breaker_test.decline (60%; FailureRatio is 50%)",
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
					require.NoError(t, b.Why(), "it opens at the last one")
					_ = linked.Do(t.Context(), op)
				}
				require.EqualError(t, b.Why(), test.want)
				refusal := linked.Do(t.Context(), working)
				var open *breaker.OpenError
				require.ErrorAs(t, refusal, &open)
				require.EqualError(t, open.Why, test.want)
				require.ErrorContains(t, refusal, "circuit breaker is open; next probe in ", "as it was")
				require.Len(t, told, 1)
				require.EqualError(t, told[0].Why, test.want)
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
				if e.Why != nil {
					told = append(told, e.Why.Error())
				}
			}
		})
		times(t, 2, linked, failing)
		for range 2 {
			time.Sleep(b.RetryAfter())
			require.ErrorContains(t, b.Why(), first, "when it is due")
			times(t, 1, linked, failing)
			require.EqualError(t, b.Why(), "a probe failed; it first opened after "+first)
		}
		time.Sleep(b.RetryAfter())
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

		time.Sleep(b.RetryAfter())
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

// An error whose Error method panics, as a typed nil's does, is named by its type, and does
// not end the process.
func TestAnUnclassifiedErrorThatPanics(t *testing.T) {
	b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1})
	var none *decline
	times(t, 1, b, returning(none))
	require.EqualError(t, b.Why(), "1 failure, 1 unclassified: *breaker_test.decline (ConsecutiveFailures is 1)")
}

// A round of probes that fails names them as well.
func TestAFailedRoundNamesUnclassifiedErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := due(t, breaker.Config{ConsecutiveFailures: 9})
		times(t, 2, b, returning(&decline{"4"}))
		require.EqualError(t, b.Why(), "2 of 3 probes failed, 2 unclassified: *breaker_test.decline (FailureRatio is 50%); "+
			"it first opened after 9 failures in a row (ConsecutiveFailures is 9)")
	})
}

// What is ignored is as if the call had not been made: no request, no link in a row, and none that
// breaks one.
func TestIgnoreUnclassified(t *testing.T) {
	unknown := returning(&decline{"4"})
	b := newBreaker(t, breaker.Config{ConsecutiveFailures: 3, MinRequests: 3, IgnoreUnclassified: true})
	times(t, 100, b, unknown)
	require.Equal(t, breaker.Counts{Excluded: 100}, b.Counts())
	times(t, 2, b, failing)
	times(t, 1, b, unknown)
	require.Equal(t, breaker.StateClosed, b.State())
	times(t, 1, b, failing)
	require.Equal(t, breaker.StateOpen, b.State())
	require.EqualError(t, b.Why(), "3 failures in a row (ConsecutiveFailures is 3)")

	b = newBreaker(t, breaker.Config{ConsecutiveFailures: 3})
	times(t, 1, b, unknown)
	require.Equal(t, breaker.Counts{Requests: 1, Failures: 1, Unclassified: 1, ConsecutiveFailures: 1}, b.Counts())
	with, kept := renewed(t, b, breaker.Config{ConsecutiveFailures: 3, IgnoreUnclassified: true})
	require.True(t, kept)
	times(t, 9, with, unknown)
	require.EqualValues(t, 1, b.Counts().Failures, "in force at once, and the state stays")
}

func TestCountsAsJSON(t *testing.T) {
	text, err := json.Marshal(breaker.Counts{1, 2, 3, 4, 5, 6, 7})
	require.NoError(t, err)
	require.JSONEq(t, `{"requests":1,"successes":2,"failures":3,"unclassified":4,"slow":5,"excluded":6,"consecutive_failures":7}`, string(text))
}
