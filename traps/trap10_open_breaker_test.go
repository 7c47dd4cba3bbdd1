package traps_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: an open breaker ends the retry loop at once: no sleep, no token, and no attempt.
func TestOpenBreakerEndsTheLoop(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		b, err := breaker.New(breaker.Config{ConsecutiveFailures: 1})
		require.NoError(t, err)
		bank, err := budget.New(budget.Config{Floor: -1})
		require.NoError(t, err)
		call := assemble(bank, retry.Aggressive(), b)
		attempts := 0
		op := call.Wrap(func(context.Context) error { attempts++; return errDown })

		// The first attempt opens it: the loop does not sleep towards a refusal.
		require.Zero(t, took(func() { err = op(t.Context()) }))
		require.Equal(t, 1, attempts)
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.ErrorIs(t, err, errRefused)
		require.Equal(t, resilience.ReasonBreakerOpen, resilience.ReasonOf(err))

		// Already open: the refusal comes back as it is.
		require.Zero(t, took(func() { err = op(t.Context()) }))
		require.Equal(t, 1, attempts)
		refusal, ok := err.(*breaker.OpenError) //nolint:errorlint // untouched is what is tested
		require.True(t, ok, "%T", err)
		require.Equal(t, b.RetryAfter(), refusal.RetryAfter())
		require.InDelta(t, 10, bank.Tokens(), 0)
	})
}

// Pins: a breaker that opens during the sleep costs the budget nothing.
func TestBreakerOpenedDuringTheSleep(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		b, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		bank, err := budget.New(budget.Config{Floor: -1})
		require.NoError(t, err)
		call := assemble(bank, retry.Default(), b)
		attempts := 0
		time.AfterFunc(50*time.Millisecond, b.Isolate)
		err = call.Wrap(func(context.Context) error { attempts++; return errDown })(t.Context())
		require.Equal(t, 1, attempts)
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.ErrorIs(t, err, errRefused)
		require.InDelta(t, 10, bank.Tokens(), 0)
	})
}
