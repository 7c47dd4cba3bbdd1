package holdfastotel

import (
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/media-gateway/holdfast/resilience"
)

// Option configures the [Observer] that [New] returns. A nil Option changes nothing.
type Option func(*options)

type options struct {
	meters       metric.MeterProvider
	tracers      trace.TracerProvider
	attemptSpans bool
}

// WithMeterProvider sets where the metrics go. The default is OpenTelemetry's global
// MeterProvider, which may be set after New.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithTracerProvider sets the TracerProvider for the spans of [WithAttemptSpans]. The default is
// OpenTelemetry's global TracerProvider, which may be set after New. Span events need no
// TracerProvider: they are added to the caller's span.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// WithAttemptSpans adds a span for each attempt, as a child of the caller's span. Its name is
// "attempt" and the pipeline's name. Its status is Error if the attempt failed. If the caller's
// span is not recorded, there is none.
//
// An Observer is called after an attempt, and cannot change the op's ctx. So the span is created
// after the attempt, with the times of the attempt. Spans that the op itself starts are not its
// children but its siblings. For nested spans, start a span in the op instead:
//
//	err := payments.Do(ctx, func(ctx context.Context) error {
//		ctx, span := tracer.Start(ctx, "charge")
//		defer span.End()
//		return client.Charge(ctx, order)
//	})
func WithAttemptSpans() Option { return func(o *options) { o.attemptSpans = true } }

func (o *options) check() error {
	var errs []error
	fail := func(field string, value any, want string) {
		errs = append(errs, &resilience.FieldError{Stage: "holdfastotel", Field: field, Value: value, Want: want})
	}
	if o.meters == nil {
		fail("WithMeterProvider", o.meters, "want a MeterProvider; leave the option out for the global one")
	}
	if o.tracers == nil {
		fail("WithTracerProvider", o.tracers, "want a TracerProvider; leave the option out for the global one")
	}
	return errors.Join(errs...)
}

func resolve(opts []Option) (options, error) {
	o := options{meters: otel.GetMeterProvider(), tracers: otel.GetTracerProvider()}
	for _, set := range opts {
		if set != nil {
			set(&o)
		}
	}
	return o, o.check()
}
