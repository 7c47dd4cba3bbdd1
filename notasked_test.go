package holdfast_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
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

// If a call never reached the dependency, no attempt is counted, no token is kept, and no breaker
// counts it.

func TestRetryThatEndsWhileItWaitsForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
		require.NoError(t, err)
		p := newPipeline(t, budget.Config{Floor: -1}, plain(3), places)
		why := errors.New("user closed the tab")
		ctx, cancel := context.WithCancelCause(t.Context())
		runs := 0
		err = p.Do(ctx, func(context.Context) error {
			runs++
			time.AfterFunc(50*time.Millisecond, func() { _ = places.Acquire(context.Background()) })
			time.AfterFunc(time.Second, func() { cancel(why) })
			return errFlaky
		})
		require.Equal(t, 1, runs)
		var stop *retry.Error
		require.ErrorAs(t, err, &stop)
		require.Equal(t, 1, stop.Attempts)
		require.Equal(t, resilience.ReasonCanceled, stop.Reason)
		require.ErrorIs(t, err, errFlaky)
		require.ErrorIs(t, err, why)
		s := p.Snapshot()
		require.InDelta(t, 10, s.Budget.Tokens, 0)
		require.Equal(t, uint64(1), s.Attempts)
	})
}

func TestCallThatEndsWhileItWaitsForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
		require.NoError(t, err)
		require.NoError(t, places.Acquire(t.Context()))
		p := newPipeline(t, breaker.Config{ConsecutiveFailures: 1}, deadline.In(time.Second), places, retry.Config{})
		op, runs := failing(0, nil)
		err = p.Do(t.Context(), op)
		require.Zero(t, *runs)
		require.ErrorIs(t, err, deadline.ErrTooLate)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "payments: deadline of 1s exceeded")
		s := p.Snapshot()
		require.Equal(t, breaker.StateClosed, s.Breakers[0].State, "the dependency was not asked")
		require.Equal(t, map[resilience.Reason]uint64{resilience.ReasonTooLate: 1}, s.Denials)
		require.Zero(t, s.Attempts)
	})
}

func TestInnerLoopThatAskedBeforeItWasStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newPipeline(t, budget.Config{Initial: -1, Floor: -1}, retry.Config{})
		outer := newPipeline(t, budget.Config{Floor: -1}, plain(3))
		runs, inside := 0, 0
		err := outer.Do(t.Context(), func(ctx context.Context) error {
			if runs++; runs == 1 {
				return errFlaky
			}
			return inner.Do(ctx, func(context.Context) error { inside++; return errFlaky })
		})
		require.Equal(t, 2, runs)
		require.Equal(t, 1, inside)
		var stop *retry.Error
		require.ErrorAs(t, err, &stop)
		require.Equal(t, 2, stop.Attempts, "the second attempt did reach the dependency")
		require.ErrorIs(t, err, budget.ErrExhausted)
		require.InDelta(t, 9, outer.Snapshot().Budget.Tokens, 0, "and its token is spent")
	})
}

func TestUnwatchedPipelineLeavesASharedBreakersChangesToTheWatched(t *testing.T) {
	var d diary
	shared, err := breaker.New(breaker.Config{ConsecutiveFailures: 1})
	require.NoError(t, err)
	watched, unwatched := newPipeline(t, holdfast.Observe(&d), shared), newPipeline(t, shared)
	require.Error(t, unwatched.Do(t.Context(), func(context.Context) error { return errFlaky }))
	require.ErrorIs(t, watched.Do(t.Context(), func(context.Context) error { return nil }), breaker.ErrOpen)
	require.Contains(t, d, "breaker closed→open")
}

func TestTimeoutWithoutALoopHasItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		p := newPipeline(t, holdfast.Observe(&d), deadline.In(time.Second))
		err := p.Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.Equal(t, resilience.ReasonTooLate, resilience.ReasonOf(err))
		require.Equal(t, "call attempts=1 transient too_late elapsed=1s", d[len(d)-1])
	})
}

func TestStagesKeepTheirNumbersWhenOneIsWrong(t *testing.T) {
	_, err := holdfast.New("p", budget.Config{}, retry.Config{Multiplier: math.Inf(1)}, budget.Config{})
	require.EqualError(t, err, "p: stage 2: retry: Multiplier is +Inf; want 1 or more, or 0 for the default (2)\n"+
		"p: stage 3: a second budget (the first is stage 1); a retry loop draws on one, so want one")
}
