package migrating_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	retrygo "github.com/avast/retry-go/v5"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func chargeByRetryGo(ctx context.Context, logger *slog.Logger, client *payer, order Order) (*Receipt, error) {
	return retrygo.NewWithData[*Receipt](
		retrygo.Context(ctx),
		retrygo.Attempts(4),
		retrygo.Delay(100*time.Millisecond),
		retrygo.MaxDelay(5*time.Second),
		retrygo.LastErrorOnly(true),
		retrygo.RetryIf(func(err error) bool { return !errors.Is(err, errDeclined) }),
		retrygo.OnRetry(func(n uint, err error) { logger.Debug("retrying", "attempt", n, "err", err) }),
	).Do(func() (*Receipt, error) { return client.Charge(ctx, order) })
}

func newRetries(logger *slog.Logger) (*holdfast.Pipeline, error) {
	return holdfast.New("payments", // once, not per call
		holdfast.Observe(resilience.NewLogObserver(logger)), // OnRetry
		retry.Config{
			MaxRetries: 3, // Attempts counts the first one, MaxRetries does not
			BaseDelay:  100 * time.Millisecond, MaxDelay: 5 * time.Second,
			RetryIf: func(err error) bool { return !errors.Is(err, errDeclined) },
		},
	)
}

func chargeByRetries(ctx context.Context, payments *holdfast.Pipeline, client *payer, order Order) (*Receipt, error) {
	return holdfast.Value(ctx, payments, func(ctx context.Context) (*Receipt, error) { return client.Charge(ctx, order) })
}

// The two columns of the page do the same.
func TestRetryGoSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := slog.New(slog.DiscardHandler)
		payments, err := newRetries(logger)
		require.NoError(t, err)
		for name, charge := range map[string]func(*payer) error{
			"retry-go": func(client *payer) error {
				_, err := chargeByRetryGo(t.Context(), logger, client, Order{})
				return err
			},
			"holdfast": func(client *payer) error {
				_, err := chargeByRetries(t.Context(), payments, client, Order{})
				return err
			},
		} {
			for _, script := range [][]error{{down, errBusy, down, nil}, {errBusy}, {errDeclined}} {
				client := &payer{script: script}
				err, last := charge(client), script[len(script)-1]
				require.ErrorIs(t, err, last, name)
				if last == errDeclined {
					require.Equal(t, 1, client.attempts, name)
				} else {
					require.Equal(t, 4, client.attempts, name)
				}
			}
		}
	})
}

// retryGoDoor returns a door of avast/retry-go.
func retryGoDoor(options ...retrygo.Option) door {
	return func(ctx context.Context, op resilience.Func) error {
		return retrygo.New(append([]retrygo.Option{retrygo.Context(ctx)}, options...)...).Do(func() error { return op(ctx) })
	}
}

// How often the zero options try, and for how long.
func TestRetryGoTriesTenTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.Equal(t, 10, send(retryGoDoor(), 1, down))
		require.Greater(t, time.Since(start), 51*time.Second)

		start = time.Now()
		require.Equal(t, 4, send(through(t, retry.Config{}), 1, down))
		require.Less(t, time.Since(start), time.Second)
	})
}

// What RetryIf says by default: all but retrygo.Unrecoverable.
func TestRetryGoRetriesEveryError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.Equal(t, 10, send(retryGoDoor(), 1, errDeclined))
		require.Equal(t, 1, send(retryGoDoor(), 1, retrygo.Unrecoverable(errDeclined)))
		require.Equal(t, 1, send(through(t, retry.Config{}), 1, errDeclined))
		require.Equal(t, 1, send(through(t, retry.Config{}), 1, resilience.MarkPermanent(down)))
	})
}

// Without retrygo.Context nothing ends a call but its attempts: the caller is long gone.
func TestRetryGoWithoutContextGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		_ = retrygo.New().Do(func() error {
			n++
			cancel()
			return ctx.Err()
		})
		require.Equal(t, 10, n)
		require.Equal(t, 1, sendCanceled(through(t, retry.Config{}), 1))
	})
}

// A RetryIf of your own replaces IsRecoverable. In Holdfast it overrules the verdict, but neither
// the end of the ctx nor a refusal nor MarkNoRetry.
func TestRetryGoRetryIfReplacesUnrecoverable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		always := func(error) bool { return true }
		require.Equal(t, 10, send(retryGoDoor(retrygo.RetryIf(always)), 1, retrygo.Unrecoverable(errDeclined)))
		ours := through(t, retry.Config{RetryIf: always})
		require.Equal(t, 4, send(ours, 1, errDeclined))
		require.Equal(t, 1, send(ours, 1, resilience.MarkNoRetry(down, resilience.Transient)))
		require.Equal(t, 1, sendCanceled(ours, 1))
	})
}

// A pause that the ctx's deadline cuts short.
func TestRetryGoSleepsUntilTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		op := func(context.Context) error { return down }
		start := time.Now()
		err := through(t, retry.Config{BaseDelay: 10 * time.Second})(ctx, op)
		require.ErrorIs(t, err, deadline.ErrTooLate)
		require.ErrorIs(t, err, down)
		require.Zero(t, time.Since(start))

		err = retryGoDoor(retrygo.Delay(10*time.Second), retrygo.LastErrorOnly(true))(ctx, op)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, down)
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

// The error of a call that gives up: a list of all errors, or the last one and what happened.
func TestRetryGoListsAllErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := func() resilience.Func {
			n := 0
			return func(context.Context) error {
				if n++; n == 1 {
					return resilience.MarkTransient(errBusy)
				}
				return down
			}
		}
		err := retryGoDoor(retrygo.Attempts(3))(t.Context(), script())
		require.ErrorIs(t, err, errBusy)
		require.ErrorIs(t, err, down)
		require.ErrorContains(t, err, "All attempts fail:\n#1: busy\n#2: ")

		err = through(t, retry.Config{MaxRetries: 2})(t.Context(), script())
		require.NotErrorIs(t, err, errBusy)
		require.ErrorIs(t, err, down)
		require.ErrorContains(t, err, "payments: retries exhausted (after 3 attempts in ")
	})
}

// The jitter of the zero options is up to 100 ms, however long the pause is. Holdfast's grows with
// the pause.
func TestRetryGoJitterDoesNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		most := func(d door) (most time.Duration) {
			for range 100 {
				start := time.Now()
				send(d, 1, down)
				most = max(most, time.Since(start))
			}
			return most
		}
		theirs := most(retryGoDoor(retrygo.Attempts(2), retrygo.Delay(10*time.Second)))
		require.Less(t, theirs, 10*time.Second+100*time.Millisecond)
		ours := most(through(t, retry.Config{MaxRetries: 1, BaseDelay: 10 * time.Second}))
		require.Greater(t, ours, 11*time.Second)
	})
}
