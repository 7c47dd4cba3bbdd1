package migrating_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	fsbudget "github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/failsafe-go/failsafe-go/fallback"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func newExecutor() failsafe.Executor[*Receipt] {
	retries := retrypolicy.NewBuilder[*Receipt]().
		HandleErrors(down, timeout.ErrExceeded).
		WithMaxRetries(3).
		WithBackoff(100*time.Millisecond, 5*time.Second).
		WithJitterFactor(0.3).
		Build()
	gate := circuitbreaker.NewBuilder[*Receipt]().
		HandleErrors(down, timeout.ErrExceeded).
		WithFailureRateThreshold(0.5, 20, 10*time.Second).
		WithSuccessThreshold(3).
		WithDelay(5 * time.Second).
		Build()
	return failsafe.With[*Receipt](
		fallback.NewBuilderWithResult(&Receipt{ID: "later"}).HandleErrors(circuitbreaker.ErrOpen).Build(),
		retries, gate, timeout.New[*Receipt](time.Second))
}

func chargeByExecutor(ctx context.Context, payments failsafe.Executor[*Receipt], client *payer, order Order) (*Receipt, error) {
	return payments.WithContext(ctx).GetWithExecution(func(exec failsafe.Execution[*Receipt]) (*Receipt, error) {
		return client.Charge(exec.Context(), order)
	})
}

func newStages() (*holdfast.Pipeline, error) {
	return holdfast.New("payments",
		holdfast.Classify(resilience.Errors(resilience.Permanent, errDeclined)), // once, for all stages
		deadline.In(10*time.Second),                                             // there is no pause that would outlast it
		retry.Config{MaxRetries: 3, BaseDelay: 100 * time.Millisecond, MaxDelay: 5 * time.Second, Jitter: retry.AdditiveJitter(0.3)},
		breaker.Config{
			FailureRatio: 0.5, MinRequests: 20, Window: 10 * time.Second, ConsecutiveFailures: -1,
			HalfOpenProbes: 3, MinSuccesses: 3,
			OpenFor: 5 * time.Second, MaxOpenFor: 5 * time.Second,
		},
		deadline.In(time.Second),
	)
}

func chargeByStages(ctx context.Context, payments *holdfast.Pipeline, client *payer, order Order) (*Receipt, error) {
	receipt, err := holdfast.Value(ctx, payments, func(ctx context.Context) (*Receipt, error) {
		return client.Charge(ctx, order)
	})
	if errors.Is(err, breaker.ErrOpen) { // the fallback
		return &Receipt{ID: "later"}, nil
	}
	return receipt, err
}

// The two columns of the page do the same: a blip and an attempt that hangs are retried, a declined
// card is not, an outage opens the breaker, and then the fallback answers.
func TestFailsafeSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		payments, err := newStages()
		require.NoError(t, err)
		executor := newExecutor()
		for name, charge := range map[string]func(*payer) (*Receipt, error){
			"failsafe": func(client *payer) (*Receipt, error) {
				return chargeByExecutor(t.Context(), executor, client, Order{ID: "7"})
			},
			"holdfast": func(client *payer) (*Receipt, error) {
				return chargeByStages(t.Context(), payments, client, Order{ID: "7"})
			},
		} {
			blip := &payer{script: []error{down, down, nil}}
			receipt, err := charge(blip)
			require.NoError(t, err, name)
			require.Equal(t, "7", receipt.ID, name)

			declines := &payer{script: []error{errDeclined}}
			_, err = charge(declines)
			require.ErrorIs(t, err, errDeclined, name)
			require.Equal(t, 1, declines.attempts, name)

			hangs := &payer{hang: true}
			_, err = charge(hangs)
			require.Error(t, err, name)
			require.Equal(t, 4, hangs.attempts, name)

			time.Sleep(time.Minute) // nothing of that counts any more
			broken := &payer{script: []error{down}}
			for range 20 {
				_, _ = charge(broken)
			}
			require.Equal(t, 20, broken.attempts, name)
			receipt, err = charge(&payer{})
			require.NoError(t, err, name)
			require.Equal(t, "later", receipt.ID, name)
		}
	})
}

// failsafeDoor returns a door of failsafe-go.
func failsafeDoor(policies ...failsafe.Policy[any]) door {
	e := failsafe.With(policies...)
	return func(ctx context.Context, op resilience.Func) error {
		return e.WithContext(ctx).RunWithExecution(func(exec failsafe.Execution[any]) error { return op(exec.Context()) })
	}
}

// The first policy is the outermost, as the first stage is.
func TestFailsafeHasTheSameOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retries := retrypolicy.NewBuilder[any]().WithMaxRetries(-1).WithDelay(100 * time.Millisecond).Build()
		attempts := func(d door) (n int) {
			_ = d(t.Context(), func(ctx context.Context) error {
				n++
				time.Sleep(300 * time.Millisecond)
				return down
			})
			return n
		}
		loop := retry.Config{MaxRetries: retry.Unlimited, BaseDelay: 100 * time.Millisecond, Multiplier: 1, Jitter: retry.NoJitter}
		require.Equal(t, 3, attempts(failsafeDoor(timeout.New[any](time.Second), retries)))
		require.Equal(t, 3, attempts(through(t, deadline.In(time.Second), loop)))
	})
}

// What the zero retry policies repeat, and when.
func TestFailsafeRetriesEveryErrorAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs := failsafeDoor(retrypolicy.NewWithDefaults[any]())
		start := time.Now()
		require.Equal(t, 3, send(theirs, 1, errDeclined))
		require.Equal(t, 3, send(theirs, 1, down))
		require.Zero(t, time.Since(start))

		ours := through(t, retry.Config{})
		require.Equal(t, 1, send(ours, 1, errDeclined))
		require.Equal(t, 4, send(ours, 1, down))
		require.GreaterOrEqual(t, time.Since(start), 700*time.Millisecond)
	})
}

// The loop does not know the breaker inside: it asks again after each refusal.
func TestFailsafeRetriesAnOpenBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retries := retrypolicy.NewBuilder[any]().WithMaxRetries(5).WithDelay(time.Second).Build()
		loop := retry.Config{MaxRetries: 5, BaseDelay: time.Second, Multiplier: 1, Jitter: retry.NoJitter}
		for name, try := range map[string]struct {
			door  door
			waits time.Duration
		}{
			"failsafe": {failsafeDoor(retries, circuitbreaker.NewWithDefaults[any]()), 5 * time.Second},
			"holdfast": {through(t, loop, breaker.Config{ConsecutiveFailures: 1}), 0},
		} {
			start := time.Now()
			require.Equal(t, 1, send(try.door, 1, down), name)
			require.Equal(t, try.waits, time.Since(start), name)
		}
	})
}

// A budget is asked after the pause, and a caller waits for a no.
func TestFailsafeAsksTheBudgetAfterThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := fsbudget.NewBuilder().WithMaxRate(0).WithMinConcurrency(0).Build()
		retries := retrypolicy.NewBuilder[any]().WithDelay(5 * time.Second).WithBudget(bank).Build()
		busy := failsafeDoor(retries)
		hold := make(chan struct{})
		go func() { // a retry that is under way: the budget is used up
			n := 0
			_ = busy(context.Background(), func(context.Context) error {
				if n++; n == 2 {
					<-hold
					return nil
				}
				return down
			})
		}()
		time.Sleep(6 * time.Second)
		start := time.Now()
		err := busy(t.Context(), func(context.Context) error { return down })
		require.ErrorIs(t, err, fsbudget.ErrExceeded)
		require.NotErrorIs(t, err, down)
		require.Equal(t, 5*time.Second, time.Since(start))
		close(hold)
		synctest.Wait()

		ours := through(t, budget.Config{Floor: -1, Initial: -1}, retry.Config{BaseDelay: 5 * time.Second})
		start = time.Now()
		err = ours(t.Context(), func(context.Context) error { return down })
		require.ErrorIs(t, err, budget.ErrExhausted)
		require.ErrorIs(t, err, down)
		require.Zero(t, time.Since(start))
	})
}

// What opens the zero breakers.
func TestFailsafeBreakerOpensAtTheFirstFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.Equal(t, 1, send(failsafeDoor(circuitbreaker.NewWithDefaults[any]()), 100, down))
		require.Equal(t, 10, send(through(t, breaker.Config{}), 100, down))
		require.Equal(t, 1, sendCanceled(failsafeDoor(circuitbreaker.NewWithDefaults[any]()), 100))
		require.Equal(t, 100, sendCanceled(through(t, breaker.Config{}), 100))
	})
}

// What a breaker refuses is an error like any other to a breaker further out. Here it is no
// outcome at all.
func TestFailsafeCountsRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := circuitbreaker.NewBuilder[any]().WithFailureThreshold(5).Build()
		outer := circuitbreaker.NewBuilder[any]().WithFailureThreshold(20).Build()
		inner.Open()
		send(failsafeDoor(outer, inner), 100, nil)
		require.True(t, outer.IsOpen())

		shut, err := breaker.New(breaker.Config{Name: "inner"})
		require.NoError(t, err)
		shut.Isolate()
		far, err := breaker.New(breaker.Config{Name: "outer"})
		require.NoError(t, err)
		require.Zero(t, send(through(t, far, shut), 100, nil))
		require.Equal(t, breaker.StateClosed, far.State())
	})
}

// A pause that the ctx's deadline cuts short: they wait it out, and return the deadline's error.
func TestFailsafeSleepsUntilTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := func(d door) (time.Duration, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			start := time.Now()
			err := d(ctx, func(context.Context) error { return down })
			return time.Since(start), err
		}
		took, err := wait(failsafeDoor(retrypolicy.NewBuilder[any]().WithDelay(10 * time.Second).Build()))
		require.Equal(t, 3*time.Second, took)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, down)

		took, err = wait(through(t, retry.Config{BaseDelay: 10 * time.Second, MaxDelay: 10 * time.Second}))
		require.Zero(t, took)
		require.ErrorIs(t, err, deadline.ErrTooLate)
		require.ErrorIs(t, err, down)
	})
}

// A success that comes back after the time limit is thrown away. Here it is a success.
func TestFailsafeTimeoutDropsALateSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := func(context.Context) error {
			time.Sleep(2 * time.Second) // whatever ctx says
			return nil
		}
		require.ErrorIs(t, failsafeDoor(timeout.New[any](time.Second))(t.Context(), late), timeout.ErrExceeded)
		require.NoError(t, through(t, deadline.In(time.Second))(t.Context(), late))
	})
}

// Run and Get hand the op no ctx, so a Timeout ends only what uses exec.Context().
func TestFailsafeRunHandsOverNoCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		executor := failsafe.With[any](timeout.New[any](time.Second)).WithContext(t.Context())
		start := time.Now()
		err := executor.Run(func() error {
			select {
			case <-t.Context().Done():
			case <-time.After(time.Minute): // what it would take
			}
			return nil
		})
		require.ErrorIs(t, err, timeout.ErrExceeded)
		require.Equal(t, time.Minute, time.Since(start))

		start = time.Now()
		err = through(t, deadline.In(time.Second))(t.Context(), func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Minute):
				return nil
			}
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// The error of a call that gives up: both lead to the last error, ours says why and after how many
// attempts.
func TestFailsafeExceededError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := func(context.Context) error { return down }
		err := failsafeDoor(retrypolicy.NewWithDefaults[any]())(t.Context(), op)
		require.ErrorIs(t, err, retrypolicy.ErrExceeded)
		require.ErrorIs(t, err, down)

		err = through(t, retry.Config{})(t.Context(), op)
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.ErrorIs(t, err, down)
		stopped, ok := errors.AsType[*retry.Error](err)
		require.True(t, ok)
		require.Equal(t, 4, stopped.Attempts)
		require.Equal(t, resilience.ReasonExhausted, stopped.Reason)
	})
}

// The error of a loop is of the last attempt: it does not prove that nothing was sent.
func TestFailsafeExceededErrorIsNoProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, run := range []door{
			failsafeDoor(retrypolicy.NewWithDefaults[any]()), through(t, retry.Config{}),
		} {
			attempts := 0
			err := run(t.Context(), func(context.Context) error {
				if attempts++; attempts == 1 {
					return io.ErrUnexpectedEOF
				}
				return &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
			})
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
			require.False(t, resilience.Unsent(err))
		}
	})
}

// failsafehttp sends a POST again that may have been carried out.
func TestFailsafeSendsAPostAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		post := func(rt http.RoundTripper) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://payments.example/", strings.NewReader("10 EUR"))
			require.NoError(t, err)
			if resp, err := rt.RoundTrip(req); err == nil {
				require.NoError(t, resp.Body.Close())
			}
		}
		theirs := &backend{script: []answer{{status: 503}}}
		post(failsafehttp.NewRoundTripper(theirs, failsafehttp.NewRetryPolicyBuilder().Build()))
		require.Equal(t, []string{"10 EUR", "10 EUR", "10 EUR"}, theirs.bodies)

		ours := &backend{script: []answer{{status: 503}}}
		rt, err := holdfasthttp.NewTransport(pipeline(t, retry.Config{}), holdfasthttp.WithBase(ours))
		require.NoError(t, err)
		post(rt)
		require.Equal(t, []string{"10 EUR"}, ours.bodies)
	})
}
