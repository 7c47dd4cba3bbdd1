package traps_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: callers who give up do not open the breaker, whatever error comes back then; attempts
// that time out do.
func TestCancelIsNoFailureButATimeoutIs(t *testing.T) {
	untilEnd := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	ownWords := func(ctx context.Context) error { <-ctx.Done(); return errDown }

	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		b, err := breaker.New(breaker.Config{ConsecutiveFailures: 3})
		require.NoError(t, err)
		call := assemble(retry.Custom(0, 0, 0, false), b, deadline.In(time.Second))

		for _, op := range []resilience.Func{untilEnd, ownWords} {
			for range 3 {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(10*time.Millisecond, cancel)
				require.Error(t, call.Wrap(op)(ctx))
			}
			require.Equal(t, breaker.StateClosed, b.State())
			require.Zero(t, b.Counts().Failures)
		}
		for range 3 {
			require.ErrorIs(t, call.Wrap(untilEnd)(t.Context()), context.DeadlineExceeded)
		}
		require.Equal(t, breaker.StateOpen, b.State())
	})
}
