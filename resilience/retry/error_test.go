package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Every way for a loop to stop, and what is found in its error.
func TestFinalError(t *testing.T) {
	down := &resilience.Error{Kind: resilience.KindServiceUnavailable, Service: "payments", Status: 503}
	gone := errors.New("the user closed the page")
	empty := budget.Config{Initial: -1, Floor: -1}

	for name, c := range map[string]struct {
		row      []resilience.Stage
		op       func() resilience.Func
		ctx      func(ctx context.Context) (context.Context, context.CancelFunc)
		reason   resilience.Reason
		attempts int
		is       []error
		cause    error
		verdict  resilience.Verdict
		judged   resilience.Verdict // by a breaker around the loop
	}{
		"exhausted": {
			row: []resilience.Stage{retry.Config{MaxRetries: 2}}, reason: resilience.ReasonExhausted, attempts: 3,
			is: []error{retry.ErrExhausted}, verdict: resilience.Transient, judged: resilience.Transient,
		},
		"budget": {
			row: []resilience.Stage{empty, retry.Config{}}, reason: resilience.ReasonBudget, attempts: 1,
			is: []error{budget.ErrExhausted}, verdict: resilience.Rejected, judged: resilience.Transient,
		},
		"too late": {
			row: []resilience.Stage{deadline.In(10 * time.Millisecond), retry.Config{}}, reason: resilience.ReasonTooLate, attempts: 1,
			is: []error{deadline.ErrTooLate}, verdict: resilience.Transient, judged: resilience.Transient,
		},
		"canceled": {
			row: []resilience.Stage{retry.Config{}}, reason: resilience.ReasonCanceled, attempts: 1,
			ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(10*time.Millisecond, func() { cancel(gone) })
				return ctx, func() { cancel(nil) }
			},
			is: []error{retry.ErrCanceled, gone, context.Canceled}, cause: gone, verdict: resilience.Canceled,
			judged: resilience.Transient, // by who was not canceled: what the dependency said

		},
		"permanent at last": {
			row: []resilience.Stage{retry.Config{}}, reason: resilience.ReasonPermanent, attempts: 2,
			op: func() resilience.Func { return play(down, resilience.MarkPermanent(down)).op },
			is: []error{retry.ErrNotRetryable}, verdict: resilience.Permanent, judged: resilience.Permanent,
		},
		"a retry-after that is too long": {
			row: []resilience.Stage{retry.Config{}}, reason: resilience.ReasonRetryAfterTooLong, attempts: 1,
			op: func() resilience.Func { return play(resilience.MarkOverload(down, time.Hour)).op },
			is: []error{retry.ErrRetryAfterTooLong}, verdict: resilience.Rejected, judged: resilience.Overload,
		},
		"an open breaker": {
			row: []resilience.Stage{retry.Config{}, breaker.Config{ConsecutiveFailures: 1}}, reason: resilience.ReasonBreakerOpen, attempts: 1,
			is: []error{breaker.ErrOpen}, cause: breaker.ErrOpen, verdict: resilience.Rejected, judged: resilience.Transient,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				policies := make([]resilience.Policy, len(c.row))
				for i, s := range c.row {
					p, err := s.Build()
					require.NoError(t, err)
					policies[i] = p
				}
				ctx := t.Context()
				if c.ctx != nil {
					var cancel context.CancelFunc
					ctx, cancel = c.ctx(ctx)
					defer cancel()
				}
				op := func(context.Context) error { return down }
				if c.op != nil {
					op = c.op()
				}
				err := resilience.Chain(policies...).Wrap(op)(ctx)

				var stop *retry.Error
				require.ErrorAs(t, err, &stop)
				require.Equal(t, c.reason, stop.Reason)
				require.Equal(t, c.reason, resilience.ReasonOf(err))
				require.Equal(t, c.attempts, stop.Attempts)
				for _, target := range c.is {
					require.ErrorIs(t, err, target)
				}
				if c.cause != nil {
					require.ErrorIs(t, stop.Cause, c.cause)
				}
				var last *resilience.Error
				require.ErrorAs(t, err, &last, "the last error")
				require.Same(t, down, last)
				require.ErrorIs(t, err, down)
				require.Equal(t, c.verdict, resilience.Classify(err))
				require.Equal(t, c.judged, resilience.Judge(t.Context(), nil, err))
				require.Contains(t, err.Error(), c.is[0].Error())
				require.Contains(t, err.Error(), down.Error())
			})
		})
	}
}

func TestErrorText(t *testing.T) {
	boom := errors.New("boom")
	for want, e := range map[string]*retry.Error{
		"payments: retry budget exhausted (after 2 attempts in 153ms): connection refused": {
			Pipeline: "payments", Reason: resilience.ReasonBudget, Attempts: 2, Elapsed: 153 * time.Millisecond, Err: errRefused,
		},
		"retries exhausted (after 1 attempt in 0s): connection refused": {Reason: resilience.ReasonExhausted, Attempts: 1, Err: errRefused},
		"the caller gave up before the first attempt: context canceled": {
			Reason: resilience.ReasonCanceled, Err: context.Canceled, Cause: context.Canceled,
		},
		"payments: no time was left before the first attempt: context deadline exceeded": {
			Pipeline: "payments", Reason: resilience.ReasonTooLate, Err: context.DeadlineExceeded, Cause: context.DeadlineExceeded,
		},
		"payments: whether the call was carried out is unknown (after 1 attempt in 1s): boom": {
			Pipeline: "payments", Reason: resilience.ReasonOutcomeUnknown, Attempts: 1, Elapsed: time.Second,
			Err: &resilience.CallError{Err: boom, Effect: resilience.EffectUnknown},
		},
		"the caller gave up (after 1 attempt in 1s): connection refused (boom)": {
			Reason: resilience.ReasonCanceled, Attempts: 1, Elapsed: time.Second, Err: errRefused, Cause: boom,
		},
		"bulkhead is full: 1 call in flight (after 1 attempt in 1s): connection refused": {
			Reason: resilience.ReasonBulkheadFull, Attempts: 1, Elapsed: time.Second, Err: errRefused, Cause: &bulkhead.FullError{MaxConcurrent: 1},
		},
	} {
		require.Equal(t, want, e.Error())
	}
}

// Pins: a loop around a loop does not multiply attempts where the inner one was told to stop.
func TestLoopAroundALoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		spent, err := budget.New(budget.Config{Initial: -1, Floor: -1})
		require.NoError(t, err)
		inner := paying(t, spent, retry.Config{}).Wrap(func(context.Context) error { attempts++; return errDown })
		err = newPolicy(t, retry.Config{}).Do(t.Context(), inner)
		require.ErrorIs(t, err, budget.ErrExhausted)
		require.Equal(t, 1, attempts)
	})
}

func TestNotStarted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.EOF)
	var e *retry.Error
	require.ErrorAs(t, newPolicy(t, retry.Config{}).Do(ctx, func(context.Context) error { return nil }), &e)
	require.Equal(t, resilience.ReasonCanceled, e.Reason)
	require.Zero(t, e.Attempts)
	require.ErrorIs(t, e, context.Canceled)
	require.ErrorIs(t, e, io.EOF)
	require.Equal(t, resilience.Canceled, resilience.Classify(e))
}

func TestTimeout(t *testing.T) {
	for err, want := range map[error]bool{
		context.DeadlineExceeded:                       true,
		fmt.Errorf("read: %w", os.ErrDeadlineExceeded): true,
		errors.New("refused"):                          false,
	} {
		stopped := &retry.Error{Reason: resilience.ReasonExhausted, Attempts: 2, Err: err}
		require.Equal(t, want, stopped.Timeout(), err)
		require.Equal(t, want, (&url.Error{Op: "Get", URL: "/", Err: stopped}).Timeout(), err)
	}
	require.False(t, (&retry.Error{}).Timeout())
}

// wrappedEnd is a ctx of somebody's own, whose Err says more than the two errors that it documents.
type wrappedEnd struct {
	context.Context
	err error
}

func (c *wrappedEnd) Err() error { return c.err }

// Pins: why a ctx ended is found also where its Err wraps the error that it documents. What is
// neither of the two is no cancel: nobody knows that the caller gave up.
func TestACtxWhoseErrSaysMore(t *testing.T) {
	for err, want := range map[error]resilience.Reason{
		context.Canceled: resilience.ReasonCanceled, fmt.Errorf("request 7: %w", context.Canceled): resilience.ReasonCanceled,
		context.DeadlineExceeded:                              resilience.ReasonTooLate,
		fmt.Errorf("request 7: %w", context.DeadlineExceeded): resilience.ReasonTooLate,
		errors.New("shutting down"):                           resilience.ReasonTooLate,
	} {
		t.Run(err.Error(), func(t *testing.T) {
			require.Equal(t, want, resilience.ReasonOf(retry.Do(&wrappedEnd{t.Context(), err}, retry.Config{}, func(context.Context) error { return nil })))
			require.Equal(t, want, resilience.ReasonOf(resilience.NotStarted(&wrappedEnd{t.Context(), err})))

			ctx := &wrappedEnd{Context: t.Context()}
			got := retry.Do(ctx, retry.Config{}, func(context.Context) error {
				ctx.err = err
				return resilience.MarkTransient(io.EOF)
			})
			require.Equal(t, want, resilience.ReasonOf(got), "%v", got)
			require.ErrorIs(t, got, err)
			require.ErrorIs(t, got, io.EOF)
		})
	}
}

func TestWhatAnErrorSaysOfTheDependency(t *testing.T) {
	var none *retry.Error
	require.Equal(t, resilience.Unclassified, none.DependencyVerdict())
	require.Equal(t, resilience.Canceled, (&retry.Error{}).DependencyVerdict(), "there was no attempt")
}
