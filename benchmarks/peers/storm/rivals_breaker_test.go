package storm_test

import (
	"context"
	"time"
	_ "unsafe" // for go:linkname

	aegis "github.com/go-kratos/aegis/circuitbreaker/sre"
	"github.com/sony/gobreaker/v2"
	gozero "github.com/zeromicro/go-zero/core/breaker"
	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/core/stat"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// goBreakerInCenkalti counts attempts. The loop waits for an open breaker as for any other error,
// up to the last of its retries: a call that begins while the breaker is open may yet succeed.
func goBreakerInCenkalti(n numbers) storm.Doer {
	b := goBreaker(n)
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		return loop(ctx, n, func(ctx context.Context) error {
			_, err := b.Execute(func() (struct{}, error) { return struct{}{}, within(ctx, n.attempt, op) })
			return err
		})
	})
}

// goBreakerAroundCenkalti counts calls.
func goBreakerAroundCenkalti(n numbers) storm.Doer {
	b := goBreaker(n)
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		_, err := b.Execute(func() (struct{}, error) {
			return struct{}{}, loop(ctx, n, func(ctx context.Context) error { return within(ctx, n.attempt, op) })
		})
		return err
	})
}

func goBreaker(n numbers) *gobreaker.CircuitBreaker[struct{}] {
	return gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: uint32(n.probes), Interval: n.window, BucketPeriod: n.window / 10, Timeout: n.openFor,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.ConsecutiveFailures >= uint32(n.inARow) ||
				c.Requests >= uint32(n.minRequests) && float64(c.TotalFailures) >= n.ratio*float64(c.Requests)
		},
	})
}

// go-zero's clock counts from the start of the process, which is later than any time in a bubble of
// testing/synctest: there it would be negative, and a throttle that takes a time of 0 or less for
// "never" would not let its one attempt a second pass.
//
//go:linkname goZeroEpoch github.com/zeromicro/go-zero/core/timex.initTime
var goZeroEpoch time.Time

func init() {
	goZeroEpoch = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) // bubbles begin in 2000
	logx.Disable()
	stat.SetReporter(nil)
}

// go-zero's throttle cannot be told any number. It has no loop of its own.
func goZeroInCenkalti(n numbers) storm.Doer {
	apart()
	b := gozero.NewBreaker()
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		return loop(ctx, n, func(ctx context.Context) error {
			return b.DoCtx(ctx, func() error { return within(ctx, n.attempt, op) })
		})
	})
}

// aegis, the throttle of kratos, is told the preset's least number of attempts: with its own, 100
// in 3 s, it would do nothing for most clients here. It keeps its own window and ratio. What it
// refuses is not counted as a failure, as in the middleware of kratos. A loop repeats what is
// refused: if that counted, about two thirds of the calls would get through after an outage of
// 10 s, and not 99.9 % (Standard, seed 1).
func aegisInCenkalti(n numbers) storm.Doer {
	apart()
	b := aegis.NewBreaker(aegis.WithRequest(int64(n.minRequests)))
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		return loop(ctx, n, func(ctx context.Context) error {
			if err := b.Allow(); err != nil {
				return err
			}
			err := within(ctx, n.attempt, op)
			if err != nil {
				b.MarkFailed()
			} else {
				b.MarkSuccess()
			}
			return err
		})
	})
}

// apart makes clients at different times, for libraries that seed their chances by the clock: made
// at one instant, all clients of a fleet would draw alike.
func apart() { <-time.After(time.Nanosecond) }
