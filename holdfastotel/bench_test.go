package holdfastotel_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastotel"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

type deaf struct{}

func (deaf) Observe(context.Context, resilience.Event) {}

// BenchmarkCall measures a call that succeeds at once: with an observed pipeline, and with
// OpenTelemetry, without and with the SDK, outside and inside a sampled trace.
func BenchmarkCall(b *testing.B) {
	withoutSDK, err := holdfastotel.New(holdfastotel.WithMeterProvider(metricnoop.NewMeterProvider()))
	require.NoError(b, err)
	withSDK, err := holdfastotel.New(holdfastotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))))
	require.NoError(b, err)
	sampled, span := sdktrace.NewTracerProvider(sdktrace.WithSyncer(tracetest.NewInMemoryExporter())).Tracer("").Start(b.Context(), "caller")
	defer span.End()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		stages []resilience.Stage
	}{
		{"unobserved", b.Context(), nil},
		{"observed", b.Context(), []resilience.Stage{holdfast.Observe(deaf{})}},
		{"otel-no-sdk", b.Context(), []resilience.Stage{holdfast.Observe(withoutSDK)}},
		{"otel-sdk", b.Context(), []resilience.Stage{holdfast.Observe(withSDK)}},
		{"otel-sdk-sampled", sampled, []resilience.Stage{holdfast.Observe(withSDK)}},
	} {
		p, err := holdfast.New("payments", append(c.stages, budget.Config{}, retry.Default(), breaker.Config{})...) // no deadline: it would derive a ctx
		require.NoError(b, err)
		op := func(context.Context) error { return nil }
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = p.Do(c.ctx, op)
			}
		})
		b.Run(c.name+"-parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_ = p.Do(c.ctx, op)
				}
			})
		})
	}
}
