package traps_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: under a ctx that ended before the first attempt the op does not run, and the error says
// both that and why.
func TestEndedCtxRunsNothing(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		guard, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		bank, err := budget.New(budget.Config{Initial: 5, DepositOn: budget.Arrival})
		require.NoError(t, err)
		call := assemble(deadline.In(time.Second), bank, retry.Aggressive(), guard, deadline.In(time.Millisecond))

		gone := errors.New("the user closed the page")
		canceled, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		expired, cancelExpired := context.WithTimeout(t.Context(), 0)
		defer cancelExpired()

		for name, c := range map[string]struct {
			ctx    context.Context
			reason resilience.Reason
			is     []error
		}{
			"canceled": {canceled, resilience.ReasonCanceled, []error{context.Canceled, gone, retry.ErrCanceled}},
			"expired":  {expired, resilience.ReasonTooLate, []error{context.DeadlineExceeded, deadline.ErrTooLate}},
		} {
			ran := false
			err := call.Wrap(func(context.Context) error { ran = true; return nil })(c.ctx)
			require.False(t, ran, name)
			for _, target := range c.is {
				require.ErrorIs(t, err, target, name)
			}
			require.Equal(t, c.reason, resilience.ReasonOf(err), name)
			var stop *retry.Error
			require.ErrorAs(t, err, &stop, name)
			require.Zero(t, stop.Attempts, name)
		}
		require.Zero(t, guard.Counts().Requests)
		require.InDelta(t, 5, bank.Tokens(), 0, "a call that never was deposits nothing")
	})
}

// Pins: a pipeline checks the ctx even if it has no retry loop to do so.
func TestEndedCtxRunsNothingInAnyPipeline(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, stage := range map[string]resilience.Stage{
		"deadline": deadline.In(time.Second), "breaker": breaker.Config{}, "bulkhead": bulkhead.Config{}, "retry": retry.Config{},
	} {
		p, err := holdfast.New(name, stage)
		require.NoError(t, err)
		require.ErrorIs(t, p.Do(ctx, func(context.Context) error { t.Fatal("the op ran"); return nil }), context.Canceled)
		require.Zero(t, p.Snapshot().Attempts)
	}
}
