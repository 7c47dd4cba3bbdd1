package holdfastotel_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastotel"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The second attempt succeeds; the caller's span says that there was a first.
func ExampleNew() {
	exporter := tracetest.NewInMemoryExporter() // in production: an OTLP exporter
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))

	observer, err := holdfastotel.New()
	if err != nil {
		panic(err)
	}
	defer observer.Close() //nolint:errcheck // the program ends
	payments, err := holdfast.New("payments", holdfast.Observe(observer), retry.Custom(3, time.Millisecond, time.Second, false))
	if err != nil {
		panic(err)
	}

	ctx, span := tracers.Tracer("shop").Start(context.Background(), "checkout")
	attempts := 0
	err = payments.Do(ctx, func(context.Context) error {
		if attempts++; attempts == 1 {
			return resilience.MarkTransient(errors.New("connection reset"))
		}
		return nil
	})
	span.End()

	fmt.Println(err)
	for _, event := range exporter.GetSpans()[0].Events {
		fmt.Println(event.Name)
		for _, a := range event.Attributes {
			fmt.Printf("  %s=%s\n", a.Key, a.Value.String())
		}
	}
	// Output:
	// <nil>
	// holdfast.retry
	//   holdfast.pipeline.name=payments
	//   holdfast.attempt.number=1
	//   holdfast.verdict=transient
	//   holdfast.delay=0.001
	//   error.type=*errors.errorString
	//   holdfast.error.message=connection reset
}

func ExampleWithMeterProvider() {
	reader := sdkmetric.NewManualReader() // in production: a PeriodicReader with an OTLP exporter
	observer, err := holdfastotel.New(holdfastotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	if err != nil {
		panic(err)
	}
	payments, err := holdfast.New("payments", holdfast.Observe(observer), retry.Custom(1, time.Millisecond, time.Second, false))
	if err != nil {
		panic(err)
	}
	_ = payments.Do(context.Background(), func(context.Context) error {
		return resilience.MarkTransient(errors.New("connection reset"))
	})

	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &metrics); err != nil {
		panic(err)
	}
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		if m.Name == "holdfast.calls" {
			for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
				reason, _ := point.Attributes.Value("holdfast.reason")
				if point.Value > 0 {
					fmt.Println(m.Name, reason.AsString(), point.Value)
				}
			}
		}
	}
	// Output:
	// holdfast.calls retries_exhausted 1
}

func ExampleWithAttemptSpans() {
	exporter := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	observer, err := holdfastotel.New(holdfastotel.WithTracerProvider(tracers), holdfastotel.WithAttemptSpans())
	if err != nil {
		panic(err)
	}
	payments, err := holdfast.New("payments", holdfast.Observe(observer), retry.Custom(1, time.Millisecond, time.Second, false))
	if err != nil {
		panic(err)
	}

	ctx, span := tracers.Tracer("shop").Start(context.Background(), "checkout")
	_ = payments.Do(ctx, func(context.Context) error {
		return resilience.MarkTransient(errors.New("connection reset"))
	})
	span.End()

	for _, span := range exporter.GetSpans() {
		fmt.Printf("%s: %s %s\n", span.Name, span.Status.Code, span.Status.Description)
	}
	// Output:
	// attempt payments: Error connection reset
	// attempt payments: Error connection reset
	// checkout: Unset
}
