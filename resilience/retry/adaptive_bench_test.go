package retry_test

import (
	"context"
	"testing"

	"github.com/media-gateway/holdfast/resilience/retry"
)

// BenchmarkAdaptive measures what learning adds to a call that succeeds at once: a look at the
// clock and a compare-and-swap.
func BenchmarkAdaptive(b *testing.B) {
	for _, c := range []struct {
		name   string
		config retry.Config
	}{
		{"plain", retry.Config{}},
		{"adaptive", retry.Config{Adaptive: &retry.Adaptive{}}},
	} {
		p, err := retry.New(c.config)
		if err != nil {
			b.Fatal(err)
		}
		ctx, op := b.Context(), func(context.Context) error { return nil }
		b.Run("success/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = p.Do(ctx, op)
			}
		})
		b.Run("success-parallel/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_ = p.Do(ctx, op)
				}
			})
		})
	}
}
