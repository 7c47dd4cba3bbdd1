package ratelimit_test

import (
	"context"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// BenchmarkAcquire measures a call that finds a token, and one that is refused, beside what a bare
// golang.org/x/time/rate takes for the same: it is asked with the time, as here.
func BenchmarkAcquire(b *testing.B) {
	ctx := context.Background()
	for name, c := range map[string]ratelimit.Config{
		"token":    {Rate: 1e9, Burst: 1e9},
		"refused":  {Rate: 1e-6, Burst: 1},
		"too long": {Rate: 1e-6, Burst: 1, MaxWait: time.Second},
	} {
		b.Run(name, func(b *testing.B) {
			l, err := ratelimit.New(c)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if l.Acquire(ctx) == nil {
					l.Release(ctx, nil)
				}
			}
		})
	}
	b.Run("bare token", func(b *testing.B) {
		l := rate.NewLimiter(1e9, 1e9)
		b.ReportAllocs()
		for b.Loop() {
			l.AllowN(time.Now(), 1)
		}
	})
	b.Run("token, parallel", func(b *testing.B) {
		l, err := ratelimit.New(ratelimit.Config{Rate: 1e9, Burst: 1e9})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if l.Acquire(ctx) == nil {
					l.Release(ctx, nil)
				}
			}
		})
	})
}
