package benchmarks

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var errFlaky = resilience.MarkTransient(errors.New("flaky"))

// must returns v, built once outside of the measured loop.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// BenchmarkStage measures each stage by itself, on the path on which nothing goes wrong. The
// op captures a variable, as real ones do.
func BenchmarkStage(b *testing.B) {
	ctx := context.Background()
	n := 0
	op := func(context.Context) error { n++; return nil }

	b.Run("none", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = op(ctx)
		}
	})
	b.Run("retry", func(b *testing.B) {
		p := must(retry.New(retry.Config{}))
		b.ReportAllocs()
		for b.Loop() {
			_ = p.Do(ctx, func(context.Context) error { n++; return nil })
		}
	})
	b.Run("retry+budget", func(b *testing.B) {
		chain := resilience.Chain(must(budget.New(budget.Config{})), must(retry.New(retry.Config{})))
		do := chain.Wrap(func(context.Context) error { n++; return nil })
		b.ReportAllocs()
		for b.Loop() {
			_ = do(ctx)
		}
	})
	b.Run("retry.Do", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = retry.Do(ctx, retry.Aggressive(), func(context.Context) error { n++; return nil })
		}
	})
	b.Run("breaker", func(b *testing.B) {
		p := must(breaker.New(breaker.Config{}))
		b.ReportAllocs()
		for b.Loop() {
			_ = p.Do(ctx, func(context.Context) error { n++; return nil })
		}
	})
	b.Run("gobreaker", func(b *testing.B) {
		p := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{Interval: 10 * time.Second, BucketPeriod: time.Second})
		b.ReportAllocs()
		for b.Loop() {
			_, _ = p.Execute(func() (int, error) { n++; return n, nil })
		}
	})
	b.Run("bulkhead", func(b *testing.B) {
		p := must(bulkhead.New(bulkhead.Config{})).Wrap(op)
		b.ReportAllocs()
		for b.Loop() {
			_ = p(ctx)
		}
	})
	b.Run("deadline/inherited", func(b *testing.B) {
		p := must(deadline.New(deadline.In(2 * time.Hour)))
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		b.ReportAllocs()
		for b.Loop() {
			_ = p.Do(ctx, func(context.Context) error { n++; return nil })
		}
	})
	b.Run("deadline/created", func(b *testing.B) {
		p := must(deadline.New(deadline.In(time.Hour)))
		b.ReportAllocs()
		for b.Loop() {
			_ = p.Do(ctx, func(context.Context) error { n++; return nil })
		}
	})
	b.Run("context.WithTimeout", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			_ = op(ctx)
			cancel()
		}
	})
}

// BenchmarkBudget measures the bank by itself: full, as it nearly always is, and in use.
func BenchmarkBudget(b *testing.B) {
	b.Run("deposit/full", func(b *testing.B) {
		bank := must(budget.New(budget.Config{}))
		b.ReportAllocs()
		for b.Loop() {
			bank.OnSuccess()
		}
	})
	b.Run("withdraw+refund", func(b *testing.B) {
		bank := must(budget.New(budget.Config{}))
		b.ReportAllocs()
		for b.Loop() {
			bank.Refund(bank.Withdraw())
		}
	})
	b.Run("slow retry+its success", func(b *testing.B) {
		bank := must(budget.New(budget.Config{SlowCost: 5, DepositOn: budget.AnySuccess, RefundOnSuccess: true}))
		b.ReportAllocs()
		for b.Loop() {
			bank.OnRetrySuccess(bank.WithdrawSlow())
		}
	})
	b.Run("refused", func(b *testing.B) {
		bank := must(budget.New(budget.Config{Initial: -1, Floor: -1}))
		b.ReportAllocs()
		for b.Loop() {
			_ = bank.Allow()
		}
	})
}

// BenchmarkRetryPath measures calls that need retries; the pauses are a nanosecond, so what is
// left is the loop itself and the timer.
func BenchmarkRetryPath(b *testing.B) {
	for _, retries := range []int{1, 10} {
		b.Run(map[int]string{1: "1 retry", 10: "10 retries"}[retries], func(b *testing.B) {
			p := must(retry.New(retry.Config{MaxRetries: 10, BaseDelay: 1, MaxDelay: 1, Jitter: retry.NoJitter}))
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				_ = p.Do(ctx, func(context.Context) error {
					if n++; n <= retries {
						return errFlaky
					}
					return nil
				})
			}
		})
	}
}
