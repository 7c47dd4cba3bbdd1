package storm_test

import (
	"context"
	"time"

	avast "github.com/avast/retry-go/v5"
	cenkalti "github.com/cenkalti/backoff/v7"
	"github.com/failsafe-go/failsafe-go"
	fsbudget "github.com/failsafe-go/failsafe-go/budget"
	fsbreaker "github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	fstimeout "github.com/failsafe-go/failsafe-go/timeout"
	"github.com/sony/gobreaker/v2"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// rival is a library, or a way of doing without one, given the numbers of a preset. new is called
// once for each client, since clients are processes: they share no budget and no breaker.
type rival struct {
	name string
	new  func(n numbers) storm.Doer
}

const (
	naive     = "retries alone"
	noRetries = "no retries"
	ours      = "holdfast"
)

var rivals = []rival{
	{ours, holdfastPreset},
	{"failsafe-go", failsafeComposed},
	{"gobreaker+cenkalti", goBreakerAroundCenkalti},
	{"avast", avastThrottled},
	{naive, retriesAlone},
	{noRetries, noRetriesAtAll},
}

// A Pipeline is a Doer already.
func holdfastPreset(n numbers) storm.Doer {
	return holdfast.Must(holdfast.New(n.preset, n.stages...))
}

// The order is the one its documentation composes by: timeout(retry(breaker(timeout))), the budget
// being a part of the retry policy, with its defaults (20 % of what is in flight, at least 3). An
// open breaker is an error to its retry policy like any other. The op gets the attempt's ctx by way
// of the execution.
func failsafeComposed(n numbers) storm.Doer {
	executor := failsafe.With[any](
		fstimeout.New[any](n.call),
		retrypolicy.NewBuilder[any]().WithMaxRetries(n.retries).WithBackoff(n.base, n.max).WithJitterFactor(jitter).
			WithBudget(fsbudget.New()).Build(),
		fsbreaker.NewBuilder[any]().WithFailureRateThreshold(n.ratio, n.minRequests, n.window).
			WithDelay(n.openFor).WithSuccessThreshold(n.probes).Build(),
		fstimeout.New[any](n.attempt),
	)
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		return executor.WithContext(ctx).RunWithExecution(func(e failsafe.Execution[any]) error { return op(e.Context()) })
	})
}

// The breaker stands around the loop, so it counts calls. There is no budget.
func goBreakerAroundCenkalti(n numbers) storm.Doer {
	breaker := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: uint32(n.probes), Interval: n.window, BucketPeriod: n.window / 10, Timeout: n.openFor,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.ConsecutiveFailures >= uint32(n.inARow) ||
				c.Requests >= uint32(n.minRequests) && float64(c.TotalFailures) >= n.ratio*float64(c.Requests)
		},
	})
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		ctx, cancel := context.WithTimeout(ctx, n.call)
		defer cancel()
		_, err := breaker.Execute(func() (struct{}, error) {
			return cenkalti.Retry(ctx, func() (struct{}, error) { return struct{}{}, within(ctx, n.attempt, op) },
				cenkalti.WithMaxTries(uint(n.retries)+1),
				cenkalti.WithBackOff(&cenkalti.ExponentialBackOff{
					InitialInterval: n.base, MaxInterval: n.max, Multiplier: 2, RandomizationFactor: jitter,
				}))
		})
		return err
	})
}

// The throttle is shared by the calls of a client, with its defaults: a bank of 20 retries, a first
// success pays for a fifth of one. The retrier is built per call, its only way to take the caller's
// ctx.
func avastThrottled(n numbers) storm.Doer {
	throttle := avast.NewFixedTokenBucketThrottle(avast.FixedTokenBucketThrottleConfig{})
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		ctx, cancel := context.WithTimeout(ctx, n.call)
		defer cancel()
		return avast.New(
			avast.Context(ctx), avast.Attempts(uint(n.retries)+1), avast.Delay(n.base), avast.MaxDelay(n.max),
			avast.MaxJitter(time.Duration(jitter*float64(n.base))), avast.WithThrottle(throttle),
		).Do(func() error { return within(ctx, n.attempt, op) })
	})
}

// The loop that everybody has written once.
func retriesAlone(n numbers) storm.Doer {
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		ctx, cancel := context.WithTimeout(ctx, n.call)
		defer cancel()
		for pause, left := n.base, n.retries; ; pause, left = min(2*pause, n.max), left-1 {
			if err := within(ctx, n.attempt, op); err == nil || left == 0 {
				return err
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

func noRetriesAtAll(n numbers) storm.Doer {
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error { return within(ctx, n.attempt, op) })
}

// within makes an attempt, for a library that leaves its deadline to the user.
func within(ctx context.Context, limit time.Duration, op resilience.Func) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return op(ctx)
}
