package migrating_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v7"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func chargeByBackoff(ctx context.Context, logger *slog.Logger, client *payer, order Order) (*Receipt, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.Multiplier, pauses.MaxInterval = 100*time.Millisecond, 2, 5*time.Second
	return backoff.Retry(ctx, func() (*Receipt, error) {
		receipt, err := client.Charge(ctx, order)
		if errors.Is(err, errDeclined) {
			return nil, backoff.Permanent(err)
		}
		if errors.Is(err, errBusy) {
			return nil, backoff.RetryAfter(2*time.Second, err)
		}
		return receipt, err
	},
		backoff.WithBackOff(pauses),
		backoff.WithMaxTries(4),
		backoff.WithMaxElapsedTime(10*time.Second),
		backoff.WithNotify(func(err error, wait time.Duration) { logger.Debug("retrying", "err", err, "in", wait) }),
	)
}

func chargeByLoop(ctx context.Context, client *payer, order Order) (*Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // WithMaxElapsedTime, and it ends attempts too
	defer cancel()
	return retry.Value(ctx, chargeRetries, func(ctx context.Context) (*Receipt, error) {
		receipt, err := client.Charge(ctx, order)
		if errors.Is(err, errBusy) {
			return nil, resilience.MarkOverload(err, 2*time.Second) // backoff.RetryAfter
		}
		return receipt, err
	})
}

var chargeRetries = retry.Config{
	MaxRetries: 3, // WithMaxTries counts the first attempt, MaxRetries does not
	BaseDelay:  100 * time.Millisecond, Multiplier: 2, MaxDelay: 5 * time.Second,
	Classify: resilience.Errors(resilience.Permanent, errDeclined), // backoff.Permanent
}

// The two columns of the page do the same.
func TestBackoffSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, charge := range map[string]func(*payer) error{
			"backoff": func(client *payer) error {
				_, err := chargeByBackoff(t.Context(), slog.New(slog.DiscardHandler), client, Order{})
				return err
			},
			"holdfast": func(client *payer) error {
				_, err := chargeByLoop(t.Context(), client, Order{})
				return err
			},
		} {
			blip := &payer{script: []error{down, errBusy, down, nil}}
			require.NoError(t, charge(blip), name)
			require.Equal(t, 4, blip.attempts, name)

			broken := &payer{script: []error{down}}
			require.ErrorIs(t, charge(broken), down, name)
			require.Equal(t, 4, broken.attempts, name)

			declines := &payer{script: []error{errDeclined}}
			require.ErrorIs(t, charge(declines), errDeclined, name)
			require.Equal(t, 1, declines.attempts, name)
		}
	})
}

// backoffDoor returns a door of cenkalti/backoff.
func backoffDoor(options ...backoff.RetryOption) door {
	return func(ctx context.Context, op resilience.Func) error {
		_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, op(ctx) }, options...)
		return err
	}
}

// How long and how often the zero options go on.
func TestBackoffGoesOnForAQuarterOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.Greater(t, send(backoffDoor(), 1, down), 15)
		require.Greater(t, time.Since(start), 12*time.Minute)

		start = time.Now()
		require.Equal(t, 4, send(through(t, retry.Config{}), 1, down))
		require.Less(t, time.Since(start), time.Second)
	})
}

// An error that nobody has marked.
func TestBackoffRetriesEveryError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.Equal(t, 3, send(backoffDoor(backoff.WithMaxTries(3)), 1, errDeclined))
		require.Equal(t, 1, send(through(t, retry.Config{MaxRetries: 2}), 1, errDeclined))
	})
}

// The elapsed time is looked at between attempts only: one that hangs is not cut short.
func TestBackoffMaxElapsedTimeLetsAttemptsHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Hour):
				return down
			}
		}
		start := time.Now()
		require.ErrorIs(t, backoffDoor(backoff.WithMaxElapsedTime(time.Second))(t.Context(), hang), backoff.ErrMaxElapsedTime)
		require.Equal(t, time.Hour, time.Since(start))

		start = time.Now()
		require.ErrorIs(t, through(t, deadline.In(time.Second), retry.Config{})(t.Context(), hang), deadline.ErrTooLate)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// Neither begins a pause that its own time limit would cut short. For a ctx's deadline only
// Holdfast looks ahead.
func TestBackoffSleepsUntilTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pauses := func() backoff.RetryOption { return backoff.WithBackOff(backoff.NewConstantBackOff(10 * time.Second)) }
		start := time.Now()
		require.Equal(t, 1, send(backoffDoor(pauses(), backoff.WithMaxElapsedTime(3*time.Second)), 1, down))
		require.Zero(t, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		op := func(context.Context) error { return down }
		err := through(t, retry.Config{BaseDelay: 10 * time.Second})(ctx, op)
		require.ErrorIs(t, err, deadline.ErrTooLate)
		require.Zero(t, time.Since(start))

		require.ErrorIs(t, backoffDoor(pauses())(ctx, op), context.DeadlineExceeded)
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

// A ctx that has ended before the call.
func TestBackoffRunsOnceUnderAnEndedCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ran := 0
		op := func(context.Context) error { ran++; return down }
		require.ErrorIs(t, backoffDoor()(ctx, op), context.Canceled)
		require.Equal(t, 1, ran)
		require.ErrorIs(t, through(t, retry.Config{})(ctx, op), context.Canceled)
		require.Equal(t, 1, ran)
	})
}

// The jitter takes up to half of a pause away. Holdfast's default only adds.
func TestBackoffShortensPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := func(d door) (least, most time.Duration) {
			least = time.Hour
			for range 200 {
				start := time.Now()
				send(d, 1, down)
				took := time.Since(start)
				least, most = min(least, took), max(most, took)
			}
			return least, most
		}
		least, most := first(backoffDoor(backoff.WithMaxTries(2)))
		require.Less(t, least, 400*time.Millisecond) // of 500 ms
		require.Greater(t, most, 600*time.Millisecond)

		least, most = first(through(t, retry.Config{MaxRetries: 1, BaseDelay: 500 * time.Millisecond}))
		require.GreaterOrEqual(t, least, 500*time.Millisecond)
		require.LessOrEqual(t, most, 650*time.Millisecond)
	})
}

// A RetryAfter is waited for to the nanosecond, so that all callers come back at once, and however
// long it is.
func TestBackoffDoesNotSpreadARetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := func(d door, wait time.Duration) (time.Duration, error) {
			start, n := time.Now(), 0
			err := d(t.Context(), func(context.Context) error {
				if n++; n == 1 {
					return errors.Join(backoff.RetryAfter(wait, errBusy), resilience.MarkOverload(errBusy, wait))
				}
				return nil
			})
			return time.Since(start), err
		}
		exact, err := first(backoffDoor(), 10*time.Second)
		require.NoError(t, err)
		require.Equal(t, 10*time.Second, exact)
		spread, err := first(through(t, retry.Config{}), 10*time.Second)
		require.NoError(t, err)
		require.Greater(t, spread, 10*time.Second)
		require.Less(t, spread, 15*time.Second)

		long, err := first(backoffDoor(), 10*time.Minute)
		require.NoError(t, err)
		require.Equal(t, 10*time.Minute, long)
		refused, err := first(through(t, retry.Config{}), 10*time.Minute)
		require.ErrorIs(t, err, retry.ErrRetryAfterTooLong)
		require.Zero(t, refused)
	})
}

// A BackOff has the state of one call: whoever shares it resets the pauses of others. A
// retry.Config is data.
func TestBackoffSharedBetweenCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &backoff.ExponentialBackOff{InitialInterval: time.Second, Multiplier: 10, MaxInterval: time.Hour}
		nested := func(d door) time.Duration {
			start, n := time.Now(), 0
			err := d(t.Context(), func(ctx context.Context) error {
				if n++; n == 2 { // another call, which succeeds
					require.NoError(t, d(ctx, func(context.Context) error { return nil }))
				}
				if n == 3 {
					return nil
				}
				return down
			})
			require.NoError(t, err)
			return time.Since(start)
		}
		require.Equal(t, 2*time.Second, nested(backoffDoor(backoff.WithBackOff(shared)))) // not 1 s + 10 s
		loop := retry.Config{BaseDelay: time.Second, Multiplier: 10, MaxDelay: time.Hour, Jitter: retry.NoJitter}
		require.Equal(t, 11*time.Second, nested(through(t, loop)))
	})
}

// The error of a call that gives up: both find the last error and why, ours the attempts too.
func TestBackoffRetryError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := func(context.Context) error { return down }
		err := backoffDoor(backoff.WithMaxTries(4))(t.Context(), op)
		require.ErrorIs(t, err, backoff.ErrExhausted)
		require.ErrorIs(t, err, down)

		err = through(t, retry.Config{})(t.Context(), op)
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.ErrorIs(t, err, down)
		stopped, ok := errors.AsType[*retry.Error](err)
		require.True(t, ok)
		require.Equal(t, 4, stopped.Attempts)
		require.Positive(t, stopped.Elapsed)
	})
}

// A permanent error comes back inside a RetryError, or as it is.
func TestBackoffWrapsAPermanentError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := backoffDoor()(t.Context(), func(context.Context) error { return backoff.Permanent(errDeclined) })
		require.ErrorIs(t, err, backoff.ErrPermanent)
		require.EqualError(t, err, "backoff: permanent error (last error: card declined)")

		err = through(t, retry.Config{Classify: resilience.Errors(resilience.Permanent, errDeclined)})(t.Context(),
			func(context.Context) error { return errDeclined })
		require.Equal(t, errDeclined, err)
	})
}
