package peers

import (
	"context"
	"testing"
	"time"

	avast "github.com/avast/retry-go/v5"
	cenkalti "github.com/cenkalti/backoff/v7"
	eapache "github.com/eapache/go-resiliency/retrier"
	"github.com/failsafe-go/failsafe-go"
	fsbudget "github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	sethvargo "github.com/sethvargo/go-retry"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The call succeeds at its first attempt. The budgets of the three libraries that have one
// differ in kind: Holdfast's and avast's are banks filled by successes, failsafe-go's limits
// the share of retries among the calls in flight.
var retrySuccess = scenario{attempts: 1, ctx: unbounded, candidates: retriers}

// The same under a ctx that has a deadline. Holdfast asks it for the time left, which no other
// does; reading the clock is then most of what the loop costs.
var retrySuccessDeadline = scenario{attempts: 1, ctx: inherited, candidates: retriers}

var retriers = []candidate{
	{"holdfast", func(tb testing.TB) call { return holdfastRetry(tb, nil) }},
	{"holdfast with budget", func(tb testing.TB) call {
		bank, err := budget.New(budget.Config{})
		require.NoError(tb, err)
		return holdfastRetry(tb, bank)
	}},
	{"eapache", func(testing.TB) call {
		r := eapache.New(eapache.LimitedExponentialBackoff(maxRetries, baseDelay, maxDelay), nil)
		return func(ctx context.Context) (attempts int, err error) {
			err = r.RunCtx(ctx, func(ctx context.Context) error {
				attempts++
				return ask(ctx)
			})
			return attempts, err
		}
	}},
	// Built once, as its docs advise for frequent calls. It cannot know the caller's ctx then,
	// and so would not end a pause when the caller gives up.
	{"avast", func(testing.TB) call { return avastBuiltOnce(avastOptions()...) }},
	{"avast with budget", func(testing.TB) call {
		return avastBuiltOnce(append(avastOptions(),
			avast.WithFixedTokenBucketThrottle(avast.FixedTokenBucketThrottleConfig{}))...)
	}},
	// Built per call: its only way to take the caller's ctx.
	{"avast with ctx", func(testing.TB) call {
		return func(ctx context.Context) (attempts int, err error) {
			err = avast.New(append(avastOptions(), avast.Context(ctx))...).Do(func() error {
				attempts++
				return ask(ctx)
			})
			return attempts, err
		}
	}},
	// A BackOff must not be shared by concurrent calls, so each call makes its own; the option
	// that holds no state is made once.
	{"cenkalti", func(testing.TB) call {
		tries := cenkalti.WithMaxTries(maxRetries + 1)
		return func(ctx context.Context) (attempts int, err error) {
			backoff := &cenkalti.ExponentialBackOff{
				InitialInterval: baseDelay, Multiplier: 2, MaxInterval: maxDelay,
			}
			_, err = cenkalti.Retry(ctx, func() (struct{}, error) {
				attempts++
				return struct{}{}, ask(ctx)
			}, cenkalti.WithBackOff(backoff), tries)
			return attempts, err
		}
	}},
	// A Backoff counts the attempts of one call, so each call makes its own.
	{"sethvargo", func(testing.TB) call {
		return func(ctx context.Context) (attempts int, err error) {
			backoff := sethvargo.WithMaxRetries(maxRetries,
				sethvargo.WithCappedDuration(maxDelay, sethvargo.NewExponential(baseDelay)))
			err = sethvargo.Do(ctx, backoff, func(ctx context.Context) error {
				attempts++
				return ask(ctx)
			})
			return attempts, err
		}
	}},
	{"fortify", func(testing.TB) call { return fortifyRetry(newFortifyRetry(maxRetries, baseDelay), neverFails) }},
	{"failsafe-go", func(testing.TB) call { return failsafeRetry(failsafePolicy()) }},
	{"failsafe-go with budget", func(testing.TB) call {
		return failsafeRetry(failsafePolicy().WithBudget(fsbudget.New()))
	}},
}

func holdfastRetry(tb testing.TB, bank *budget.Budget) call {
	r, err := retry.New(retry.Config{
		MaxRetries: maxRetries, BaseDelay: baseDelay, MaxDelay: maxDelay,
		Jitter: retry.NoJitter,
	})
	require.NoError(tb, err)
	if bank != nil { // outside of the loop: wired up once, so that a call allocates nothing
		made := 0
		do := resilience.Chain(bank, r).Wrap(func(ctx context.Context) error {
			made++
			return ask(ctx)
		})
		return func(ctx context.Context) (attempts int, err error) {
			made = 0
			err = do(ctx)
			return made, err
		}
	}
	return func(ctx context.Context) (attempts int, err error) {
		err = r.Do(ctx, func(ctx context.Context) error {
			attempts++
			return ask(ctx)
		})
		return attempts, err
	}
}

func avastOptions() []avast.Option {
	return []avast.Option{
		avast.Attempts(maxRetries + 1), avast.Delay(baseDelay), avast.MaxDelay(maxDelay),
		avast.DelayType(avast.BackOffDelay), avast.LastErrorOnly(true),
	}
}

func avastBuiltOnce(options ...avast.Option) call {
	r := avast.New(options...)
	return func(ctx context.Context) (attempts int, err error) {
		err = r.Do(func() error {
			attempts++
			return ask(ctx)
		})
		return attempts, err
	}
}

func failsafePolicy() retrypolicy.Builder[any] {
	return retrypolicy.NewBuilder[any]().WithMaxRetries(maxRetries).WithBackoff(baseDelay, maxDelay)
}

// WithContext copies the executor; without it, failsafe-go would not end a pause when the
// caller gives up.
func failsafeRetry(policy retrypolicy.Builder[any]) call {
	executor := failsafe.With[any](policy.Build())
	return func(ctx context.Context) (attempts int, err error) {
		err = executor.WithContext(ctx).Run(func() error {
			attempts++
			return ask(ctx)
		})
		return attempts, err
	}
}

// tick is a pause too short to be one: what remains is the cost of the loop and its timer.
const tick = time.Nanosecond

var (
	errTransient = resilience.MarkTransient(errDown)
	errRetryable = sethvargo.RetryableError(errDown)
)

// The call fails twice and succeeds at the third attempt. There is no budget here: this rate
// of retries is just what one is meant to refuse.
var retryPath = scenario{attempts: 3, ctx: inherited, candidates: []candidate{
	{"holdfast", func(tb testing.TB) call {
		r, err := retry.New(retry.Config{
			MaxRetries: maxRetries, BaseDelay: tick, MaxDelay: tick, Jitter: retry.NoJitter,
		})
		require.NoError(tb, err)
		return func(ctx context.Context) (attempts int, err error) {
			err = r.Do(ctx, func(ctx context.Context) error {
				attempts++
				return flaky(ctx, attempts, errTransient)
			})
			return attempts, err
		}
	}},
	{"eapache", func(testing.TB) call {
		r := eapache.New(eapache.ConstantBackoff(maxRetries, tick), nil)
		return func(ctx context.Context) (attempts int, err error) {
			err = r.RunCtx(ctx, func(ctx context.Context) error {
				attempts++
				return flaky(ctx, attempts, errDown)
			})
			return attempts, err
		}
	}},
	// See RetrySuccess for why it is built once.
	{"avast", func(testing.TB) call {
		r := avast.New(avast.Attempts(maxRetries+1), avast.Delay(tick),
			avast.DelayType(avast.FixedDelay), avast.LastErrorOnly(true))
		return func(ctx context.Context) (attempts int, err error) {
			err = r.Do(func() error {
				attempts++
				return flaky(ctx, attempts, errDown)
			})
			return attempts, err
		}
	}},
	// A constant backoff holds no state, so that one can serve all calls.
	{"cenkalti", func(testing.TB) call {
		backoff := cenkalti.WithBackOff(cenkalti.NewConstantBackOff(tick))
		tries := cenkalti.WithMaxTries(maxRetries + 1)
		return func(ctx context.Context) (attempts int, err error) {
			_, err = cenkalti.Retry(ctx, func() (struct{}, error) {
				attempts++
				return struct{}{}, flaky(ctx, attempts, errDown)
			}, backoff, tries)
			return attempts, err
		}
	}},
	{"sethvargo", func(testing.TB) call {
		return func(ctx context.Context) (attempts int, err error) {
			backoff := sethvargo.WithMaxRetries(maxRetries, sethvargo.NewConstant(tick))
			err = sethvargo.Do(ctx, backoff, func(ctx context.Context) error {
				attempts++
				return flaky(ctx, attempts, errRetryable)
			})
			return attempts, err
		}
	}},
	{"fortify", func(testing.TB) call { return fortifyRetry(newFortifyRetry(maxRetries, tick), flaky) }},
	{"failsafe-go", func(testing.TB) call {
		executor := failsafe.With[any](retrypolicy.NewBuilder[any]().
			WithMaxRetries(maxRetries).WithDelay(tick).Build())
		return func(ctx context.Context) (attempts int, err error) {
			err = executor.WithContext(ctx).Run(func() error {
				attempts++
				return flaky(ctx, attempts, errDown)
			})
			return attempts, err
		}
	}},
}}
