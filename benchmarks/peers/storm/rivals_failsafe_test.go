package storm_test

import (
	"context"

	"github.com/failsafe-go/failsafe-go"
	fslimiter "github.com/failsafe-go/failsafe-go/adaptivelimiter"
	fsthrottler "github.com/failsafe-go/failsafe-go/adaptivethrottler"
	fsbudget "github.com/failsafe-go/failsafe-go/budget"
	fsbreaker "github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	fstimeout "github.com/failsafe-go/failsafe-go/timeout"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// The order is the one its documentation composes by: timeout(retry(breaker(timeout))). An open
// breaker is an error to its retry policy like any other.
func failsafeBreaker(n numbers) storm.Doer {
	return failsafeDoer(failsafe.With[any](
		fstimeout.New[any](n.call), failsafeRetry(n),
		fsbreaker.NewBuilder[any]().WithFailureRateThreshold(n.ratio, n.minRequests, n.window).
			WithDelay(n.openFor).WithSuccessThreshold(n.probes).Build(),
		fstimeout.New[any](n.attempt),
	))
}

// The throttler and the limiter stand where the breaker stands, both with their defaults. The
// limiter is the outer one: the other way round the throttler would count what the limiter refuses
// as failures of the dependency.
func failsafeAdaptive(n numbers) storm.Doer {
	return failsafeDoer(failsafe.With[any](
		fstimeout.New[any](n.call), failsafeRetry(n),
		fslimiter.NewWithDefaults[any](), fsthrottler.NewWithDefaults[any](),
		fstimeout.New[any](n.attempt),
	))
}

// The budget is a part of the retry policy. It has its defaults: retries are up to 20 % of what is
// in flight, and at least 3.
func failsafeRetry(n numbers) retrypolicy.RetryPolicy[any] {
	return retrypolicy.NewBuilder[any]().WithMaxRetries(n.retries).WithBackoff(n.base, n.max).
		WithJitterFactor(jitter).WithBudget(fsbudget.New()).Build()
}

// The op gets the attempt's ctx by way of the execution.
func failsafeDoer(executor failsafe.Executor[any]) storm.Doer {
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		return executor.WithContext(ctx).RunWithExecution(func(e failsafe.Execution[any]) error { return op(e.Context()) })
	})
}
