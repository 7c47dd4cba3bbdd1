// A stranger's program that uses holdfastotel: a retry that is seen on the caller's span.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastotel"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func main() {
	exporter := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	observer, err := holdfastotel.New()
	check(err)
	payments, err := holdfast.New("payments", holdfast.Observe(observer), retry.Custom(3, time.Millisecond, time.Second, false))
	check(err)
	ctx, span := tracers.Tracer("shop").Start(context.Background(), "checkout")
	attempts := 0
	check(payments.Do(ctx, func(context.Context) error {
		if attempts++; attempts == 1 {
			return resilience.MarkTransient(errors.New("connection reset"))
		}
		return nil
	}))
	span.End()
	check(observer.Close())
	if spans := exporter.GetSpans(); len(spans) != 1 || len(spans[0].Events) != 1 {
		log.Fatal("want one span with one event: ", spans)
	}
	fmt.Println("ok: the span has the retry")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
