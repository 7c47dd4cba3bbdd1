package holdfastotel

import (
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/media-gateway/holdfast/resilience"
)

// Option changes what New makes.
type Option func(*options)

type options struct {
	meters       metric.MeterProvider
	tracers      trace.TracerProvider
	attemptSpans bool
}

// WithMeterProvider sets where the metrics go. The default is OpenTelemetry's global
// MeterProvider, which may be set after New.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithTracerProvider sets who makes the spans of WithAttemptSpans. The default is
// OpenTelemetry's global TracerProvider, which may be set after New. Span events need none: they
// go to the caller's span, whoever made it.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// WithAttemptSpans adds a span for each attempt, named "attempt" and the pipeline's name, as a
// child of the caller's span; none if the caller's span is not recorded. Its status is Error if the
// attempt failed.
//
// An Observer hears of an attempt when it is over and cannot change the ctx that the op gets, so
// the span is made then, with the times of the attempt, and spans that the op itself starts are its
// siblings: they are children of the caller's span as well. For spans that nest, start one in
// the op instead:
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
