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

// inARow is a breaker that opens for three failures in a row and for nothing else.
func inARow(t *testing.T) *breaker.Breaker {
	t.Helper()
	return newBreaker(t, breaker.Config{FailureRatio: -1, ConsecutiveFailures: 3, Window: 10 * time.Second})
}

// Pins: gobreaker's count of failures in a row (v2.4.0) forgets with the window, so that a
// dependency with little traffic, which ConsecutiveFailures is there for, never opened its breaker.
func TestFailuresInARowCountOverAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := inARow(t)
		for i := range 3 {
			require.Equal(t, breaker.StateClosed, b.State(), i)
			require.EqualValues(t, i, b.Counts().ConsecutiveFailures)
			require.ErrorIs(t, b.Do(t.Context(), failing), errDown)
			if i < 2 {
				time.Sleep(time.Hour)
				require.Zero(t, b.Counts().Failures, "the window has forgotten it")
			}
		}
		require.Equal(t, breaker.StateOpen, b.State())
	})
}

// Pins: gobreaker (v2.4.0) drops the outcome of an attempt that took as long as the window, so that
// hanging never opened a breaker.
func TestAttemptsThatOutlastTheWindowCountInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := inARow(t)
		for range 3 {
			require.Error(t, b.Do(t.Context(), func(context.Context) error {
				time.Sleep(time.Minute)
				return errDown
			}))
			require.Zero(t, b.Counts().Failures)
		}
		require.Equal(t, breaker.StateOpen, b.State())
	})
}

func TestWhatBreaksARow(t *testing.T) {
	mistaken := returning(resilience.MarkPermanent(errors.New("400")))
	canceled := returning(resilience.MarkRejected(errors.New("refused further in")))
	for name, test := range map[string]struct {
		ops  []resilience.Func
		open bool
	}{
		"a success does":                   {[]resilience.Func{failing, failing, working, failing, failing}, false},
		"the caller's mistake does":        {[]resilience.Func{failing, failing, mistaken, failing}, false},
		"a refusal does not":               {[]resilience.Func{failing, canceled, failing, canceled, failing}, true},
		"a panic is a failure like others": {[]resilience.Func{failing, func(context.Context) error { panic("boom") }, failing}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := inARow(t)
			for _, op := range test.ops {
				func() {
					defer func() { _ = recover() }()
					_ = b.Do(t.Context(), op)
				}()
			}
			require.Equal(t, test.open, b.State() == breaker.StateOpen)
		})
	}
}

// Pins: a failure that comes back after the breaker has opened and closed again is of the time
// before, and so is a success.
func TestOutcomesFromBeforeAChangeOfStateDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{FailureRatio: -1, ConsecutiveFailures: 2, OpenFor: time.Second, HalfOpenProbes: 1})
		late := func(answer error, after time.Duration) {
			go func() {
				_ = b.Do(t.Context(), func(context.Context) error {
					time.Sleep(after)
					return answer
				})
			}()
		}
		late(errDown, time.Minute)
		late(nil, 2*time.Minute)
		synctest.Wait()
		require.Error(t, b.Do(t.Context(), failing))
		require.Error(t, b.Do(t.Context(), failing))
		require.Equal(t, breaker.StateOpen, b.State())
		time.Sleep(b.RetryAfter())
		require.NoError(t, b.Do(t.Context(), working))
		require.Equal(t, breaker.StateClosed, b.State())

		require.Error(t, b.Do(t.Context(), failing))
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, b.Counts().ConsecutiveFailures, "the late failure is no second one")
		require.Equal(t, breaker.StateClosed, b.State())
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, b.Counts().ConsecutiveFailures, "nor does the late success end the row")
		require.Error(t, b.Do(t.Context(), failing))
		require.Equal(t, breaker.StateOpen, b.State())
	})
}
