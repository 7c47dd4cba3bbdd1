package retry_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var (
	errLost   = resilience.MarkTransient(errors.New("the answer was lost"))
	errUnsent = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	errNo     = resilience.MarkPermanent(errors.New("declined"))
)

// What must not be carried out twice is repeated only on proof that it was not sent, and doubt is
// said.
func TestOnce(t *testing.T) {
	plain := func(ctx context.Context) context.Context { return ctx }
	for name, c := range map[string]struct {
		config   retry.Config
		mark     func(context.Context) context.Context
		errs     []error
		attempts int
		reason   resilience.Reason // ReasonNone: the call succeeds
		unknown  bool
	}{
		"not marked":                       {retry.Config{}, plain, []error{errLost}, 2, resilience.ReasonNone, false},
		"once, answer lost":                {retry.Config{}, resilience.MarkOnce, []error{errLost}, 1, resilience.ReasonOutcomeUnknown, true},
		"only unsent, answer lost":         {retry.Config{OnlyUnsent: true}, plain, []error{errLost}, 1, resilience.ReasonOutcomeUnknown, true},
		"once, failed dials":               {retry.Config{}, resilience.MarkOnce, []error{errUnsent, errUnsent}, 3, resilience.ReasonNone, false},
		"once, dial, then lost":            {retry.Config{}, resilience.MarkOnce, []error{errUnsent, errLost}, 2, resilience.ReasonOutcomeUnknown, true},
		"once, dials to the end":           {retry.Config{MaxRetries: 1}, resilience.MarkOnce, []error{errUnsent, errUnsent}, 2, resilience.ReasonExhausted, false},
		"once, an answer":                  {retry.Config{}, resilience.MarkOnce, []error{errNo}, 1, resilience.ReasonPermanent, false},
		"once, dial, then an answer":       {retry.Config{}, resilience.MarkOnce, []error{errUnsent, errNo}, 2, resilience.ReasonPermanent, false},
		"once, nobody knows":               {retry.Config{}, resilience.MarkOnce, []error{errRefused}, 1, resilience.ReasonOutcomeUnknown, true},
		"nobody knows":                     {retry.Config{}, plain, []error{errRefused}, 1, resilience.ReasonUnclassified, false},
		"once, not to be repeated":         {retry.Config{}, resilience.MarkOnce, []error{resilience.MarkNoRetry(errLost, resilience.Transient)}, 1, resilience.ReasonOutcomeUnknown, true},
		"once, no retries anyway":          {retry.Config{MaxRetries: retry.None}, resilience.MarkOnce, []error{errLost}, 1, resilience.ReasonOutcomeUnknown, true},
		"idempotent overrules only unsent": {retry.Config{OnlyUnsent: true}, resilience.MarkIdempotent, []error{errLost}, 2, resilience.ReasonNone, false},
		"RetryIf does not overrule once": {
			retry.Config{RetryIf: func(error) bool { return true }}, resilience.MarkOnce, []error{errRefused}, 1, resilience.ReasonOutcomeUnknown, true,
		},
		"once, refused": {retry.Config{}, resilience.MarkOnce, []error{resilience.MarkRejected(errRefused)}, 1, resilience.ReasonRejected, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := play(c.errs...)
				err := newPolicy(t, c.config).Do(c.mark(t.Context()), s.op)
				require.Equal(t, c.attempts, s.attempts)
				require.Equal(t, c.reason, resilience.ReasonOf(err), "%v", err)
				require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
				require.Equal(t, c.unknown, resilience.NoRetry(err) && c.reason == resilience.ReasonOutcomeUnknown)
				if c.unknown {
					require.ErrorIs(t, err, c.errs[len(c.errs)-1])
					require.False(t, resilience.Unsent(err))
				}
			})
		})
	}
}

// Doubt of an attempt stays with the call, whatever stops it then.
func TestDoubtStaysWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(resilience.MarkOnce(t.Context()))
		err := newPolicy(t, retry.Config{}).Do(ctx, func(context.Context) error { cancel(); return errLost })
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.True(t, resilience.NoRetry(err))

		ctx, cancel = context.WithTimeout(resilience.MarkOnce(t.Context()), time.Second)
		defer cancel()
		err = newPolicy(t, retry.Config{}).Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.ErrorContains(t, err, resilience.ErrOutcomeUnknown.Error(), "also for whoever reads the log")
		require.Equal(t, resilience.Permanent, resilience.Classify(err), "whoever goes by the verdict must not try again")
	})
}

// A loop around one that ended in doubt does not go on, nor does one whose attempts were all unsent
// take that for doubt.
func TestDoubtEndsAnOuterLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer, inner := newPolicy(t, retry.Config{}), newPolicy(t, retry.Config{OnlyUnsent: true, MaxRetries: 1})
		s := play(errLost)
		err := outer.Do(t.Context(), func(ctx context.Context) error { return inner.Do(ctx, s.op) })
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, 1, s.attempts)
		require.Equal(t, resilience.Transient, resilience.Judge(t.Context(), nil, err), "and the dependency failed")

		s = play(errUnsent, errUnsent, errUnsent)
		once := resilience.MarkOnce(t.Context())
		require.NoError(t, outer.Do(once, func(ctx context.Context) error { return inner.Do(ctx, s.op) }))
		require.Equal(t, 4, s.attempts)
	})
}

// Somebody else's cancel is a failure of the dependency, and not the end of a caller who is there.
func TestSomebodyElsesCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(context.Canceled, context.Canceled)
		require.NoError(t, newPolicy(t, retry.Config{}).Do(t.Context(), s.op))
		require.Equal(t, 3, s.attempts)

		b, err := breaker.New(breaker.Config{ConsecutiveFailures: 3})
		require.NoError(t, err)
		for range 3 {
			_ = b.Do(t.Context(), func(context.Context) error { return context.Canceled })
		}
		require.Equal(t, breaker.StateOpen, b.State())
	})
}

// What RetryIf says of an error is this loop's affair: a breaker around it counts what the
// dependency did.
func TestRetryIfDoesNotHideAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, retry.Config{RetryIf: func(err error) bool { return err == errDown }}) //nolint:errorlint // identity
		for _, errs := range [][]error{{errDown, errLost}, {errLost}} {                          // at whichever attempt
			err := p.Do(t.Context(), play(errs...).op)
			require.ErrorIs(t, err, errLost)
			require.ErrorIs(t, err, retry.ErrNotRetryable)
			require.Equal(t, resilience.ReasonPermanent, resilience.ReasonOf(err))
			require.Equal(t, resilience.Transient, resilience.Judge(t.Context(), nil, err))
			require.Equal(t, resilience.Permanent, resilience.Assess(t.Context(), nil, err).Retry)
		}
	})
}

func TestNilErrorOfALoop(t *testing.T) {
	var e *retry.Error
	require.Equal(t, "a nil *retry.Error", e.Error())
	require.Equal(t, resilience.Unclassified, resilience.Judge(t.Context(), nil, e))
	require.Equal(t, resilience.ReasonUnclassified, resilience.ReasonOf(e))
	require.False(t, e.NoRetry() || e.Timeout() || e.Unasked() || e.Unsent())
	require.NotPanics(t, func() { _ = newPolicy(t, retry.Config{}).Do(t.Context(), func(context.Context) error { return e }) })
}
