package deadline_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
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
		at := stage.PlaceIn([]resilience.Policy{newDeadline(t, 500*time.Millisecond)}, 0)
		at.Pipeline = "payments"
		linked := at.Link()
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

// An op that says by its ctx's cause why it ended is not told so a second time.
func TestTheCauseIsNotSaidTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := newDeadline(t, time.Second).Do(t.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("charging: %w", context.Cause(ctx))
		})
		require.EqualError(t, err, "charging: deadline of 1s exceeded")
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
		"a definite answer that knows of it":  {resilience.MarkPermanent(context.DeadlineExceeded), false, resilience.Permanent},
		"a refusal that knows of it":          {resilience.MarkRejected(context.DeadlineExceeded), false, resilience.Rejected},
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

// That a loop's last attempt was declined after the deadline is what the caller has to know.
func TestALoopThatWasDeclinedTooLate(t *testing.T) {
	declined := resilience.MarkPermanent(errors.New("card declined"))
	loop, err := retry.New(retry.Config{})
	require.NoError(t, err)
	for _, attempts := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			call := resilience.Chain(newDeadline(t, 2*time.Second), loop)
			left := attempts
			err := call.Wrap(func(context.Context) error {
				if left--; left > 0 {
					return resilience.MarkTransient(errors.New("connection reset"))
				}
				time.Sleep(3 * time.Second)
				return declined
			})(t.Context())
			require.ErrorIs(t, err, declined)
			require.Equal(t, resilience.Permanent, resilience.Classify(err))
			require.Equal(t, resilience.ReasonPermanent, resilience.ReasonOf(err))
		})
	}
}

// Pins: an answer that only the team's classifier knows, after the limit, was Permanent and
// too_late.
func TestReasonOfAnAnswerThatCameLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := newDeadline(t, time.Second).Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return errors.New("declined") })
		require.Equal(t, resilience.ReasonTooLate, resilience.ReasonFor(resilience.Transient, err))
		require.Equal(t, resilience.ReasonPermanent, resilience.ReasonFor(resilience.Permanent, err))
	})
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
			_ = p.Do(ctx, func(inner context.Context) error {
				require.Equal(t, inherits, inner == ctx, "%v", left)
				return nil
			})
			cancel()
		}
		_ = p.Do(t.Context(), func(inner context.Context) error {
			_, limited := inner.Deadline()
			require.True(t, limited, "a ctx without an end")
			return nil
		})
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

func TestVerdictOfAnError(t *testing.T) {
	var none *deadline.Error
	require.Equal(t, resilience.Unclassified, none.Verdict())
	require.Equal(t, resilience.Transient, (&deadline.Error{Limit: time.Second}).Verdict())
	require.Equal(t, resilience.Transient, (&deadline.Error{Limit: time.Second, Err: errors.New("cut off")}).Verdict())
	require.Equal(t, resilience.Permanent, (&deadline.Error{Limit: time.Second, Err: resilience.MarkPermanent(errors.New("declined"))}).Verdict())
}
