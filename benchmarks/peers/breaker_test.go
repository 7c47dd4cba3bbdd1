package peers

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/afex/hystrix-go/hystrix"
	eapache "github.com/eapache/go-resiliency/breaker"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/breaker"
)

// breakerBuilder builds a breaker around a dependency that is up or down for good.
type breakerBuilder func(tb testing.TB, openFor time.Duration, down bool) call

// The breaker is closed and the call succeeds.
var breakerClosed = scenario{attempts: 1, ctx: inherited, candidates: []candidate{
	closed("holdfast", holdfastBreaker),
	closed("gobreaker", goBreaker),
	closed("failsafe-go", failsafeBreaker),
	closed("eapache", eapacheBreaker),
	closed("hystrix", hystrixBreaker),
	closed("fortify", fortifyBreaker),
	closed("go-zero", goZeroBreaker),
	closed("aegis", aegisBreaker),
}}

// The breaker is open, and stays so for longer than the benchmark can last. go-zero's and aegis's
// are not here: they have no state of their own, but refuse each call with a chance that the
// window gives.
var openRejection = scenario{attempts: 0, refused: true, ctx: inherited, candidates: []candidate{
	opened("holdfast", holdfastBreaker),
	opened("gobreaker", goBreaker),
	opened("failsafe-go", failsafeBreaker),
	opened("eapache", eapacheBreaker),
	opened("hystrix", hystrixBreaker),
	opened("fortify", fortifyBreaker),
}}

func closed(name string, build breakerBuilder) candidate {
	return candidate{name, func(tb testing.TB) call { return build(tb, openFor, false) }}
}

func opened(name string, build breakerBuilder) candidate {
	return candidate{name, func(tb testing.TB) call {
		do, ctx := build(tb, time.Hour, true), inherited(tb)
		for giveUp := time.Now().Add(10 * time.Second); ; {
			if attempts, _ := do(ctx); attempts == 0 {
				return do
			}
			require.True(tb, time.Now().Before(giveUp), "%s does not open", name)
			runtime.Gosched() // hystrix counts in the background
		}
	}}
}

// askIf is ask, of a dependency that may be down. It is not inlined, for the same reason.
//
//go:noinline
func askIf(_ context.Context, down bool) error {
	if down {
		return errTransient
	}
	return nil
}

func holdfastBreaker(tb testing.TB, openFor time.Duration, down bool) call {
	b, err := breaker.New(breaker.Config{
		FailureRatio: failureRatio, MinRequests: minRequests, Window: window, Buckets: int(window / bucket),
		OpenFor: openFor, MaxOpenFor: time.Hour, HalfOpenProbes: probes,
	})
	require.NoError(tb, err)
	return func(ctx context.Context) (attempts int, err error) {
		err = b.Do(ctx, func(ctx context.Context) error {
			attempts++
			return askIf(ctx, down)
		})
		return attempts, err
	}
}

// gobreaker with a rolling window, since a fixed one forgets everything at its end. Its
// Execute is typed; its two-step form would add an allocation.
func newGoBreaker(openFor time.Duration) *gobreaker.CircuitBreaker[string] {
	return gobreaker.NewCircuitBreaker[string](gobreaker.Settings{
		Interval: window, BucketPeriod: bucket, Timeout: openFor, MaxRequests: probes,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.Requests >= minRequests && float64(c.TotalFailures) >= failureRatio*float64(c.Requests)
		},
	})
}

func goBreaker(_ testing.TB, openFor time.Duration, down bool) call {
	b := newGoBreaker(openFor)
	return func(ctx context.Context) (attempts int, err error) {
		_, err = b.Execute(func() (string, error) {
			attempts++
			return "", askIf(ctx, down)
		})
		return attempts, err
	}
}

func newFailsafeBreaker[R any](ratio float64, openFor time.Duration) circuitbreaker.CircuitBreaker[R] {
	return circuitbreaker.NewBuilder[R]().
		WithFailureRateThreshold(ratio, minRequests, window).
		WithDelay(openFor).WithSuccessThreshold(probes).Build()
}

// A breaker alone has nothing to wait for, so that the executor needs no ctx: the op has it.
func failsafeBreaker(_ testing.TB, openFor time.Duration, down bool) call {
	executor := failsafe.With[any](newFailsafeBreaker[any](failureRatio, openFor))
	return func(ctx context.Context) (attempts int, err error) {
		err = executor.Run(func() error {
			attempts++
			return askIf(ctx, down)
		})
		return attempts, err
	}
}

// eapache's breaker has no window and no ratio: it opens after so many errors without a pause
// of openFor between them, and counts no successes, which is why it is cheap.
func eapacheBreaker(_ testing.TB, openFor time.Duration, down bool) call {
	b := eapache.New(minRequests, probes, openFor)
	return func(ctx context.Context) (attempts int, err error) {
		err = b.Run(func() error {
			attempts++
			return askIf(ctx, down)
		})
		return attempts, err
	}
}

// hystrix has no breaker alone: a command is also a bulkhead and a timeout, and runs the op
// on another goroutine. Its window is 10 s and cannot be changed.
func hystrixBreaker(tb testing.TB, openFor time.Duration, down bool) call {
	name := newHystrixCommand(tb, openFor)
	return func(ctx context.Context) (attempts int, err error) {
		err = hystrix.DoC(ctx, name, func(ctx context.Context) error {
			attempts++
			return askIf(ctx, down)
		}, nil)
		return attempts, err
	}
}

// newHystrixCommand configures a command. hystrix keeps them by name for the whole process;
// the name is new each time, so that a benchmark does not find the breaker of another.
//
// It has more tickets than the others: a ticket comes back only after its call has returned,
// so that with 64 even a single caller, making one call after the other, is refused at times.
func newHystrixCommand(tb testing.TB, openFor time.Duration) string {
	hystrixCommands++
	name := fmt.Sprintf("%s %d", tb.Name(), hystrixCommands)
	hystrix.ConfigureCommand(name, hystrix.CommandConfig{
		Timeout:                int(totalLimit.Milliseconds()),
		MaxConcurrentRequests:  maxConcurrent * 64,
		RequestVolumeThreshold: minRequests,
		SleepWindow:            int(openFor.Milliseconds()),
		ErrorPercentThreshold:  failureRatio * 100,
	})
	return name
}

var hystrixCommands int
