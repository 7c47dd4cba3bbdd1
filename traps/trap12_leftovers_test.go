package traps_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: a caller who gives up during a pause is answered at once, with the last error, and the
// retry that was paid for is paid back.
func TestCancelEndsTheSleep(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		bank, err := budget.New(budget.Config{Floor: -1})
		require.NoError(t, err)
		call := assemble(bank, retry.Config{BaseDelay: time.Hour, MaxDelay: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.Equal(t, time.Second, took(func() { err = call.Wrap(failing)(ctx) }))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errRefused)
		require.Equal(t, resilience.ReasonCanceled, resilience.ReasonOf(err))
		require.InDelta(t, 10, bank.Tokens(), 0)
	})
}

// Pins: no goroutine is ever started, neither by a stage nor by a ctx that one derives.
func TestNoGoroutineIsStarted(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		before := runtime.NumGoroutine()
		call := assemble(
			deadline.In(time.Minute), budget.Config{}, retry.Default(), bulkhead.Config{MaxWait: time.Second}, deadline.In(time.Second),
		)
		err := call.Wrap(func(context.Context) error {
			if n := runtime.NumGoroutine(); n > before {
				t.Errorf("%d goroutines in the op; %d before", n, before)
			}
			return errDown
		})(t.Context())
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.LessOrEqual(t, runtime.NumGoroutine(), before)
	})
}

// Pins: a timer that was stopped halfway and used again does not fire for the sleep before: the
// attempts after it are all made, and in a bubble (the bubble's clock would otherwise stand still)
// pooled timers are not used at all.
func TestStoppedTimersDoNotFireAgain(t *testing.T) {
	p, err := holdfast.New("payments", retry.Config{MaxRetries: 3, BaseDelay: time.Hour, MaxDelay: time.Hour, Jitter: retry.NoJitter})
	require.NoError(t, err)
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		attempts := 0
		err := p.Do(ctx, func(context.Context) error {
			attempts++
			go cancel() // ends the hour
			return errDown
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, attempts)
	}
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		call := assemble(retry.Config{MaxRetries: 3, BaseDelay: time.Hour, MaxDelay: time.Hour, Jitter: retry.NoJitter})
		require.Equal(t, 3*time.Hour, took(func() { err = call.Wrap(failing)(t.Context()) }))
		require.ErrorIs(t, err, retry.ErrExhausted)
	})
}

// Pins: a pause of zero is no pause, and takes no timer: the clock does not move.
func TestZeroDelayDoesNotSleep(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		call := assemble(retry.Config{
			MaxRetries: 50, Jitter: retry.NoJitter, Backoff: retry.BackoffFunc(func(int) time.Duration { return 0 }),
		})
		attempts := 0
		require.Zero(t, took(func() {
			_ = call.Wrap(func(context.Context) error { attempts++; return errDown })(t.Context())
		}))
		require.Equal(t, 51, attempts)
	})
}
