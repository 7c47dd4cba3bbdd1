package deadline_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

func newDeadline(t *testing.T, d time.Duration) *deadline.Policy {
	t.Helper()
	p, err := deadline.New(deadline.In(d))
	require.NoError(t, err)
	return p
}

func TestEndsTheOp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := newDeadline(t, time.Second).Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.Equal(t, time.Second, time.Since(start))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "deadline of 1s exceeded")
		require.Equal(t, resilience.Transient, resilience.Classify(err))
		require.NoError(t, t.Context().Err(), "the caller's own ctx lives")
	})
}

func TestCauseNamesThePipelineAndTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		linked := newDeadline(t, 500*time.Millisecond).Link(resilience.Links{Pipeline: "payments"})
		var cause error
		err := linked.Wrap(func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		})(t.Context())
		require.EqualError(t, cause, "payments: deadline of 500ms exceeded")
		var e *deadline.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "payments", e.Pipeline)
		require.Equal(t, 500*time.Millisecond, e.Limit)
		require.ErrorIs(t, cause, context.DeadlineExceeded)
	})
}

// What the op returns after the limit has ended its ctx, and what becomes of it.
func TestErrorsAfterTheLimit(t *testing.T) {
	unknown := errors.New("use of closed network connection")
	permanent := resilience.MarkPermanent(errors.New("card declined"))
	typed := &resilience.Error{Kind: resilience.KindDatabase, Err: context.DeadlineExceeded}
	for name, c := range map[string]struct {
		err     error
		wrapped bool
		verdict resilience.Verdict
	}{
		"an unknown error":                    {unknown, true, resilience.Transient},
		"an error that explains itself":       {permanent, false, resilience.Permanent},
		"one that explains it as the timeout": {typed, true, resilience.Transient},
		"a wrapped end":                       {&net.OpError{Op: "read", Err: context.DeadlineExceeded}, true, resilience.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := newDeadline(t, time.Second).Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return c.err })
				require.ErrorIs(t, err, c.err)
				require.Equal(t, c.verdict, resilience.Classify(err))
				var e *deadline.Error
				require.Equal(t, c.wrapped, errors.As(err, &e))
				if c.wrapped {
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.True(t, e.Timeout())
					require.Contains(t, err.Error(), c.err.Error())
				}
			})
		})
	}
}

func TestWhatIsLeftAlone(t *testing.T) {
	boom := errors.New("boom")
	synctest.Test(t, func(t *testing.T) {
		p := newDeadline(t, time.Second)
		require.Equal(t, boom, p.Do(t.Context(), func(context.Context) error { return boom }), "an error in time")
		require.NoError(t, p.Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return nil }), "a success that came late")

		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() { cancel(gone) })
		err := p.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.Equal(t, context.Canceled, err, "the caller's own end")
		require.Equal(t, gone, context.Cause(ctx))
	})
}

func TestInheritsAnEarlierEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newDeadline(t, time.Second)
		for left, inherits := range map[time.Duration]bool{time.Millisecond: true, time.Second: true, time.Second + 1: false, time.Hour: false} {
			ctx, cancel := context.WithTimeout(t.Context(), left)
			require.Equal(t, inherits, p.Inherits(ctx), "%v", left)
			_ = p.Do(ctx, func(inner context.Context) error {
				require.Equal(t, inherits, inner == ctx, "%v", left)
				return nil
			})
			cancel()
		}
		require.False(t, p.Inherits(t.Context()))
	})
}

// Pins: an outer limit's error passes an inner limit untouched, and each names its own.
func TestNested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer, inner := newDeadline(t, 2*time.Second), newDeadline(t, time.Second)
		untilEnd := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		err := resilience.Chain(outer, inner).Wrap(untilEnd)(t.Context())
		require.EqualError(t, err, "deadline of 1s exceeded")
		err = resilience.Chain(outer, resilience.PolicyFunc(func(next resilience.Func) resilience.Func {
			return func(ctx context.Context) error { time.Sleep(1500 * time.Millisecond); return next(ctx) }
		}), inner).Wrap(untilEnd)(t.Context())
		require.EqualError(t, err, "deadline of 2s exceeded")
	})
}

func TestConfig(t *testing.T) {
	for _, limit := range []time.Duration{0, -1, -time.Second} {
		_, err := deadline.New(deadline.In(limit))
		var wrong *resilience.FieldError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, "Limit", wrong.Field)
		require.Equal(t, limit, wrong.Value)
	}
	var p *deadline.Policy
	_, err := p.Build()
	require.Error(t, err)
	require.Equal(t, "deadline 500ms", newDeadline(t, 500*time.Millisecond).String())
	require.Equal(t, 500*time.Millisecond, newDeadline(t, 500*time.Millisecond).Limit())
}
