package holdfastotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
)

// spans adds the events of the pipelines with one name to the spans of their callers.
type spans struct {
	pipeline attribute.KeyValue
	tracer   trace.Tracer // nil: no spans for attempts
	name     string       // of an attempt's span
}

func newSpans(o *Observer, pipeline attribute.KeyValue) *spans {
	s := &spans{pipeline: pipeline, name: "attempt " + pipeline.Value.AsString()}
	if o.attemptSpans {
		s.tracer = o.tracer
	}
	return s
}

// note adds an event to the span in ctx, except for calls and attempts. For these, or if the span
// is not recorded, it does not allocate.
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
	case resilience.EventWait:
		s.add(span, "holdfast.wait", e, reason(e), keyAttemptNumber.Int(e.Attempt), keyDelay.Float64(e.Delay.Seconds()))
	case resilience.EventGiveUp:
		s.add(span, "holdfast.give_up", e,
			reason(e), keyAttemptCount.Int(e.Attempts), verdict(e), keyElapsed.Float64(e.Elapsed.Seconds()))
	case resilience.EventReject:
		s.add(span, "holdfast.reject", e, keyStage.String(metrics.Text(e.Stage)), reason(e))
	case resilience.EventBreaker:
		s.breaker(span, e)
	case resilience.EventLimit:
		s.limit(span, e)
	case resilience.EventShadow:
		s.add(span, "holdfast.shadow", e, keyAttemptNumber.Int(e.Attempt), verdict(e))
	case resilience.EventUnclassified:
		s.unclassified(span, e)
	case resilience.EventUpdate:
		if c := e.Change; c != nil {
			s.add(span, "holdfast.update", e, keyUpdateWhat.String(metrics.Text(c.What())), keyUpdateFrom.String(metrics.Text(c.FromText())),
				keyUpdateTo.String(metrics.Text(c.ToText())), keyUpdateBy.String(metrics.Text(c.By)))
		}
	default: // the caller's span itself stands for the call
	}
}

// unclassified adds an event for an unclassified error.
func (s *spans) unclassified(span trace.Span, e *resilience.Event) {
	attributes := []attribute.KeyValue{keyAttemptNumber.Int(e.Attempt), verdict(e)}
	if e.Unclassified != nil {
		attributes = append(attributes, keyErrorKind.String(metrics.Text(e.Unclassified.What)))
	}
	s.add(span, "holdfast.unclassified", e, attributes...)
}

// breaker adds an event for a change of a breaker's state.
func (s *spans) breaker(span trace.Span, e *resilience.Event) {
	attributes := []attribute.KeyValue{keyBreakerFrom.String(e.From.String()), keyBreakerTo.String(e.To.String())}
	if e.Why != nil {
		attributes = append(attributes, keyBreakerWhy.String(message(e.Why)))
	}
	s.add(span, "holdfast.breaker", e, attributes...)
}

// limit adds an event for a change of an adaptive limit.
func (s *spans) limit(span trace.Span, e *resilience.Event) {
	attributes := []attribute.KeyValue{keyStage.String(metrics.Text(e.Stage)), keyLimit.Int(e.Limit)}
	if e.Why != nil {
		attributes = append(attributes, keyLimitWhy.String(message(e.Why)))
	}
	s.add(span, "holdfast.limit", e, attributes...)
}

func (s *spans) add(span trace.Span, name string, e *resilience.Event, attributes ...attribute.KeyValue) {
	span.AddEvent(name, trace.WithAttributes(s.attributes(e, attributes)...))
}

// attempt creates the span of an attempt that has ended.
func (s *spans) attempt(ctx context.Context, e *resilience.Event) {
	end := time.Now()
	_, span := s.tracer.Start(ctx, s.name, trace.WithTimestamp(end.Add(-e.Elapsed)),
		trace.WithAttributes(s.attributes(e, []attribute.KeyValue{keyAttemptNumber.Int(e.Attempt), verdict(e)})...))
	if e.Verdict != resilience.Success {
		span.SetStatus(codes.Error, message(e.Err))
	}
	span.End(trace.WithTimestamp(end))
}

// attributes returns the attributes in of, and those that every kind of event may have.
func (s *spans) attributes(e *resilience.Event, of []attribute.KeyValue) []attribute.KeyValue {
	all := append(make([]attribute.KeyValue, 0, len(of)+5), s.pipeline)
	if e.Key != "" {
		all = append(all, keyKey.String(metrics.Text(e.Key)))
	}
	if e.Breaker != "" {
		all = append(all, keyBreakerName.String(metrics.Text(e.Breaker)))
	}
	all = append(all, of...)
	if e.Err != nil {
		all = append(all, semconv.ErrorType(resilience.Origin(e.Err)), keyErrorMessage.String(message(e.Err)))
	}
	return all
}

func verdict(e *resilience.Event) attribute.KeyValue { return keyVerdict.String(e.Verdict.String()) }

func reason(e *resilience.Event) attribute.KeyValue { return keyReason.String(e.Reason.String()) }

// message returns err's text. Error may panic, for example on a nil pointer in an error interface.
func message(err error) (words string) {
	if err == nil {
		return ""
	}
	defer func() {
		if recover() != nil {
			words = "its Error method panics"
		}
	}()
	return metrics.Text(err.Error())
}
