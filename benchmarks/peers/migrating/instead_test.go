package migrating_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v7"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// What the pages say to do where Holdfast lacks something that others have.

// retryUnknown says of an error that nobody has classified that it is worth a retry.
func retryUnknown(err error) resilience.Verdict {
	if v := resilience.Classify(err); v != resilience.Unclassified {
		return v
	}
	return resilience.Transient
}

func newLikeBefore() (*holdfast.Pipeline, error) {
	return holdfast.New("payments",
		holdfast.Classify(resilience.Errors(resilience.Permanent, errDeclined), retryUnknown),
		retry.Config{MaxRetries: 2},
	)
}

func TestInsteadOfRetryingEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		payments, err := newLikeBefore()
		require.NoError(t, err)
		theirs := failsafeDoor(retrypolicy.NewWithDefaults[any]())
		require.Equal(t, 3, send(theirs, 1, errBusy))
		require.Equal(t, 3, send(payments.Do, 1, errBusy))
		require.Equal(t, 1, send(payments.Do, 1, errDeclined))
		require.Equal(t, 1, send(payments.Do, 1, resilience.MarkPermanent(errBusy)))
	})
}

// Pending is an answer that is no error, and yet worth another try.
func chargeUntilSettled(ctx context.Context, payments *holdfast.Pipeline, client *settler, order Order) (*Receipt, error) {
	return holdfast.Value(ctx, payments, func(ctx context.Context) (*Receipt, error) {
		receipt, settled, err := client.Charge(ctx, order)
		if err == nil && !settled {
			return receipt, resilience.MarkTransient(errPending)
		}
		return receipt, err
	})
}

func TestInsteadOfHandlingAResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pending := retrypolicy.NewBuilder[string]().HandleResult("pending").Build()
		n := 0
		state, err := failsafe.With[string](pending).Get(func() (string, error) {
			if n++; n < 3 {
				return "pending", nil
			}
			return "settled", nil
		})
		require.NoError(t, err)
		require.Equal(t, "settled", state)
		require.Equal(t, 3, n)

		client := &settler{after: 3}
		receipt, err := chargeUntilSettled(t.Context(), pipeline(t, retry.Config{}), client, Order{ID: "7"})
		require.NoError(t, err)
		require.Equal(t, "7", receipt.ID)
		require.Equal(t, 3, client.attempts)
	})
}

// apiError is as many clients have it.
type apiError struct{ StatusCode int }

func (e *apiError) Error() string { return http.StatusText(e.StatusCode) }

// An error with a status needs no line: what backoff has to be told, Classify knows.
func TestInsteadOfAPermanentForEachStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for status, want := range map[int]int{500: 3, 503: 3, 429: 3, 400: 1, 404: 1} {
			var told error = &apiError{status}
			if status < 500 && status != 429 {
				told = backoff.Permanent(told)
			}
			require.Equal(t, want, send(backoffDoor(backoff.WithMaxTries(3)), 1, told), status)
			require.Equal(t, want, send(through(t, retry.Config{MaxRetries: 2}), 1, fmt.Errorf("call: %w", &apiError{status})), status)
		}
	})
}

// A breaker may be asked before a call, so that another dependency is taken. That takes no place of
// a probe.
func TestInsteadOfAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{})
		p := pipeline(t, breaker.Config{HalfOpenProbes: 1})
		ours := p.Breakers()[0]
		require.Equal(t, gobreaker.StateClosed, b.State())
		require.NoError(t, ours.Ready())
		for range 10 {
			_, _ = b.Execute(func() (struct{}, error) { return struct{}{}, down })
			send(p.Do, 1, down)
		}
		require.Equal(t, gobreaker.StateOpen, b.State())
		require.ErrorIs(t, ours.Ready(), breaker.ErrOpen)
		time.Sleep(2 * time.Minute)
		for range 3 {
			require.Equal(t, gobreaker.StateHalfOpen, b.State())
			require.NoError(t, ours.Ready())
		}
		require.Equal(t, 1, send(p.Do, 1, nil))
		require.Equal(t, breaker.StateClosed, ours.State())
	})
}

// waitUntilReady asks until it is answered, or ctx ends.
func waitUntilReady(ctx context.Context, ping resilience.Func) error {
	return retry.Do(ctx, retry.Config{
		MaxRetries: retry.Unlimited,
		BaseDelay:  time.Second, MaxDelay: 30 * time.Second,
		RetryIf: func(error) bool { return true }, // whatever it says: it is not up yet
	}, ping)
}

func TestInsteadOfWaitingByBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, wait := range map[string]door{"backoff": backoffDoor(backoff.WithMaxElapsedTime(0)), "holdfast": waitUntilReady} {
			n := 0
			require.NoError(t, wait(t.Context(), func(context.Context) error {
				if n++; n <= 50 {
					return errBusy
				}
				return nil
			}), name)
			require.Equal(t, 51, n, name)

			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			require.Error(t, wait(ctx, func(context.Context) error { return errBusy }), name)
			cancel()
		}
	})
}

// hedged makes the call again if it has not come back after a while, and takes the first success.
// The other call is then canceled.
func hedged[T any](ctx context.Context, after time.Duration, call func(context.Context) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan outcome, 2)
	begin := func() {
		value, err := call(ctx)
		outcomes <- outcome{value, err}
	}
	go begin()
	timer := time.NewTimer(after)
	defer timer.Stop()
	running := 1
	for {
		select {
		case <-timer.C:
			running++
			go begin()
		case o := <-outcomes:
			if running--; o.err == nil || running == 0 {
				return o.value, o.err
			}
		}
	}
}

func TestInsteadOfHedging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slowFirst := func() func(context.Context) (int, error) {
			var calls atomic.Int64
			return func(ctx context.Context) (int, error) {
				mine := int(calls.Add(1))
				if mine == 1 {
					select {
					case <-ctx.Done():
						return 0, ctx.Err()
					case <-time.After(10 * time.Second):
					}
				}
				return mine, nil
			}
		}
		start, op := time.Now(), slowFirst()
		first, err := failsafe.With[int](hedgepolicy.NewWithDelay[int](time.Second)).WithContext(t.Context()).
			GetWithExecution(func(exec failsafe.Execution[int]) (int, error) { return op(exec.Context()) })
		require.NoError(t, err)
		require.Equal(t, 2, first)
		require.Equal(t, time.Second, time.Since(start))

		start, op = time.Now(), slowFirst()
		lookups := pipeline(t, breaker.Config{})
		first, err = hedged(t.Context(), time.Second, func(ctx context.Context) (int, error) { return holdfast.Value(ctx, lookups, op) })
		require.NoError(t, err)
		require.Equal(t, 2, first)
		require.Equal(t, time.Second, time.Since(start))
		synctest.Wait()
		// The canceled call had a second, and successes take no time: it says that something hangs.
		require.Equal(t, uint64(1), lookups.Breakers()[0].Counts().Failures)

		_, err = hedged(t.Context(), time.Second, func(context.Context) (int, error) { return 0, down })
		require.ErrorIs(t, err, down)
	})
}
