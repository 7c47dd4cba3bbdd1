package holdfastotel

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// spans notes what happens in the pipelines of one name on the spans of their callers.
type spans struct {
	pipeline attribute.KeyValue
	tracer   trace.Tracer // nil: no spans of attempts
	name     string       // of an attempt's span
}

func newSpans(o *Observer, pipeline attribute.KeyValue) *spans {
	s := &spans{pipeline: pipeline, name: "attempt " + pipeline.Value.AsString()}
	if o.attemptSpans {
		s.tracer = o.tracer
	}
	return s
}

// note adds an event to the span in ctx for what is out of the ordinary. It allocates nothing
// for the rest, nor where the span is not recorded.
func (s *spans) note(ctx context.Context, e *resilience.Event) {
	switch {
	case e.Kind == resilience.EventCall, e.Kind == resilience.EventAttempt && s.tracer == nil:
		return
	}
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	switch e.Kind {
	case resilience.EventAttempt:
		s.attempt(ctx, e)
	case resilience.EventRetry:
		s.add(span, "holdfast.retry", e, keyAttemptNumber.Int(e.Attempt), verdict(e), keyDelay.Float64(e.Delay.Seconds()))
	case resilience.EventGiveUp:
		s.add(span, "holdfast.give_up", e,
			reason(e), keyAttemptCount.Int(e.Attempt), verdict(e), keyElapsed.Float64(e.Elapsed.Seconds()))
	case resilience.EventReject:
		s.add(span, "holdfast.reject", e, keyStage.String(text(e.Stage)), reason(e))
	case resilience.EventBreaker:
		s.breaker(span, e)
	case resilience.EventShadow:
		s.add(span, "holdfast.shadow", e, keyAttemptNumber.Int(e.Attempt), verdict(e))
	case resilience.EventUpdate:
		if c := e.Change; c != nil {
			s.add(span, "holdfast.update", e, keyUpdateWhat.String(text(c.What)), keyUpdateFrom.String(text(c.From)),
				keyUpdateTo.String(text(c.To)), keyUpdateBy.String(text(c.By)))
		}
	}
}

// breaker notes a change. What opened a breaker is not an error of the call that notes it.
func (s *spans) breaker(span trace.Span, e *resilience.Event) {
	attributes := []attribute.KeyValue{keyBreakerFrom.String(e.From.String()), keyBreakerTo.String(e.To.String())}
	if e.Err != nil {
		attributes = append(attributes, keyBreakerWhy.String(message(e.Err)))
	}
	change := *e
	change.Err = nil
	s.add(span, "holdfast.breaker", &change, attributes...)
}

func (s *spans) add(span trace.Span, name string, e *resilience.Event, attributes ...attribute.KeyValue) {
	span.AddEvent(name, trace.WithAttributes(s.attributes(e, attributes)...))
}

// attempt makes the span of an attempt that is over.
func (s *spans) attempt(ctx context.Context, e *resilience.Event) {
	end := time.Now()
	_, span := s.tracer.Start(ctx, s.name, trace.WithTimestamp(end.Add(-e.Elapsed)),
		trace.WithAttributes(s.attributes(e, []attribute.KeyValue{keyAttemptNumber.Int(e.Attempt), verdict(e)})...))
	if e.Verdict != resilience.Success {
		span.SetStatus(codes.Error, message(e.Err))
	}
	span.End(trace.WithTimestamp(end))
}

// attributes returns those given, and what e has of those that any event may have.
func (s *spans) attributes(e *resilience.Event, of []attribute.KeyValue) []attribute.KeyValue {
	all := append(make([]attribute.KeyValue, 0, len(of)+5), s.pipeline)
	if e.Key != "" {
		all = append(all, keyKey.String(text(e.Key)))
	}
	if e.Breaker != "" {
		all = append(all, keyBreakerName.String(text(e.Breaker)))
	}
	all = append(all, of...)
	if e.Err != nil {
		all = append(all, semconv.ErrorType(origin(e.Err)), keyErrorMessage.String(message(e.Err)))
	}
	return all
}

func verdict(e *resilience.Event) attribute.KeyValue { return keyVerdict.String(e.Verdict.String()) }

func reason(e *resilience.Event) attribute.KeyValue { return keyReason.String(e.Reason.String()) }

func message(err error) string {
	if err == nil {
		return ""
	}
	return text(err.Error())
}

// The types of errors that only say something about another error.
var (
	markedType  = reflect.TypeOf(resilience.MarkTransient(errors.ErrUnsupported))
	wrappedType = reflect.TypeOf(fmt.Errorf("%w", errors.ErrUnsupported))
)

// origin returns the error whose type says the most: what is inside of a retry loop's final
// error, of a mark and of fmt.Errorf's wrapper.
func origin(err error) error {
	for {
		var inside error
		switch t := reflect.TypeOf(err); {
		case t == markedType, t == wrappedType:
			inside = errors.Unwrap(err)
		default:
			if final, ok := err.(*retry.Error); ok { //nolint:errorlint // this layer, not one further in
				inside = final.Err
			}
		}
		if inside == nil {
			return err
		}
		err = inside
	}
}
