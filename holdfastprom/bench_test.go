package holdfastprom_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// deaf is the cheapest Observer there is.
type deaf struct{}

func (deaf) Observe(context.Context, resilience.Event) {}

// BenchmarkCall measures a call through six stages that succeeds at once: alone, with an observer
// (which mostly adds a reading of the clock), and with counting.
func BenchmarkCall(b *testing.B) {
	metrics, _ := newMetrics(b)
	native, _ := newMetrics(b, holdfastprom.WithNativeHistograms(1.1))
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour) // ends before the deadlines, which derive no ctx then
	defer cancel()
	for _, c := range []struct {
		name     string
		observed []resilience.Stage
	}{
		{"unobserved", nil},
		{"deaf", []resilience.Stage{holdfast.Observe(deaf{})}},
		{"prometheus", []resilience.Stage{holdfast.Observe(metrics)}},
		{"prometheus-native", []resilience.Stage{holdfast.Observe(native)}},
	} {
		p := newPipeline(b, "payments", append(c.observed,
			deadline.In(3*time.Hour), bulkhead.Config{}, budget.Config{}, retry.Config{}, breaker.Config{}, deadline.In(2*time.Hour))...)
		require.NoError(b, p.Do(ctx, succeed))
		b.Run("alone/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = p.Do(ctx, succeed)
			}
		})
		b.Run("parallel/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_ = p.Do(ctx, succeed)
				}
			})
		})
	}
}

// BenchmarkScrape measures a scrape of one pipeline.
func BenchmarkScrape(b *testing.B) {
	m, r := newMetrics(b)
	p := newPipeline(b, "payments", append([]resilience.Stage{holdfast.Observe(m)}, holdfast.Standard()...)...)
	b.ReportAllocs()
	for b.Loop() {
		_, err := r.Gather()
		require.NoError(b, err)
	}
	require.NoError(b, p.Do(b.Context(), succeed))
}
