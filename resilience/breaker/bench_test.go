package breaker_test

import (
	"context"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/media-gateway/holdfast/resilience/breaker"
)

// BenchmarkClosed is a call that succeeds at a breaker that is closed: what nearly every call pays.
// A bare gobreaker with the same window is what to compare with. The mixed calls fail once in a
// hundred.
func BenchmarkClosed(b *testing.B) {
	newBreaker := func(b *testing.B, c breaker.Config) *breaker.Breaker {
		b.Helper()
		closed, err := breaker.New(c)
		if err != nil {
			b.Fatal(err)
		}
		return closed
	}
	ctx := context.Background()
	b.Run("gobreaker", func(b *testing.B) {
		bare := newGobreaker()
		b.ReportAllocs()
		for b.Loop() {
			_, _ = bare.Execute(func() (struct{}, error) { return struct{}{}, nil })
		}
	})
	b.Run("holdfast", func(b *testing.B) {
		closed := newBreaker(b, breaker.Config{})
		b.ReportAllocs()
		for b.Loop() {
			_ = closed.Do(ctx, working)
		}
	})
	b.Run("mixed", func(b *testing.B) {
		closed := newBreaker(b, breaker.Config{})
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%100 == 0 {
				_ = closed.Do(ctx, failing)
			} else {
				_ = closed.Do(ctx, working)
			}
		}
	})
	b.Run("parallel/gobreaker", func(b *testing.B) {
		bare := newGobreaker()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = bare.Execute(func() (struct{}, error) { return struct{}{}, nil })
			}
		})
	})
	b.Run("parallel/holdfast", func(b *testing.B) {
		closed := newBreaker(b, breaker.Config{})
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_ = closed.Do(ctx, working)
			}
		})
	})
}

func newGobreaker() *gobreaker.CircuitBreaker[struct{}] {
	return gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{Interval: 10 * time.Second, BucketPeriod: time.Second})
}
