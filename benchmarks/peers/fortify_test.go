package peers

import (
	"context"
	"testing"
	"time"

	fbreaker "github.com/felixgeelhaar/fortify/circuitbreaker"
	fmiddleware "github.com/felixgeelhaar/fortify/middleware"
	fretry "github.com/felixgeelhaar/fortify/retry"
	ftimeout "github.com/felixgeelhaar/fortify/timeout"
)

// fortify's breaker has a fixed window: it forgets everything at the end of each. All of its parts
// take the caller's ctx and give the op one.
func newFortifyBreaker(openFor time.Duration) fbreaker.CircuitBreaker[string] {
	return fbreaker.New[string](fbreaker.Config{
		Interval: window, Timeout: openFor, MaxRequests: probes,
		ReadyToTrip: func(c fbreaker.Counts) bool {
			return c.Requests >= minRequests && float64(c.TotalFailures) >= failureRatio*float64(c.Requests)
		},
	})
}

func fortifyBreaker(_ testing.TB, openFor time.Duration, down bool) call {
	b := newFortifyBreaker(openFor)
	return func(ctx context.Context) (attempts int, err error) {
		_, err = b.Execute(ctx, func(ctx context.Context) (string, error) {
			attempts++
			return "", askIf(ctx, down)
		})
		return attempts, err
	}
}

func newFortifyRetry(retries int, base time.Duration) fretry.Retry[string] {
	return fretry.New[string](fretry.Config{MaxAttempts: retries + 1, InitialDelay: base, MaxDelay: max(base, maxDelay), Multiplier: 2})
}

// fortifyRetry makes calls whose attempt number n ends as op says.
func fortifyRetry(r fretry.Retry[string], op func(ctx context.Context, n int, err error) error) call {
	return func(ctx context.Context) (attempts int, err error) {
		_, err = r.Do(ctx, func(ctx context.Context) (string, error) {
			attempts++
			return "", op(ctx, attempts, errDown)
		})
		return attempts, err
	}
}

func neverFails(ctx context.Context, _ int, _ error) error { return ask(ctx) }

// fortifyPreset is Critical's stages in the same order, but without a budget.
func fortifyPreset(ask func(context.Context) error) call {
	return fortifyChain(fmiddleware.New[string]().
		WithTimeout(ftimeout.New[string](ftimeout.Config{}), presetLimit).
		WithRetry(newFortifyRetry(presetRetries, baseDelay)).
		WithCircuitBreaker(newFortifyBreaker(openFor)).
		WithTimeout(ftimeout.New[string](ftimeout.Config{}), presetAttempt), ask)
}

func fortifyChain(chain *fmiddleware.Chain[string], ask func(context.Context) error) call {
	return func(ctx context.Context) (attempts int, err error) {
		_, err = chain.Execute(ctx, func(ctx context.Context) (string, error) {
			attempts++
			return "receipt", ask(ctx)
		})
		return attempts, err
	}
}
