package holdfastotel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"

	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
)

// series is the Observer of all pipelines with one name.
type series struct {
	pipeline  attribute.KeyValue
	counts    *metrics.Counts[child]
	pipelines metrics.Pipelines
	spans     *spans
}

func newSeries(o *Observer, name string) *series {
	pipeline := pipelineOf(name)
	s := &series{pipeline: pipeline, spans: newSpans(o, pipeline)}
	s.counts = metrics.NewCounts(func(d *metrics.Description, values []string) child {
		return o.instruments.child(d, attributesOf(pipeline, d, values))
	})
	return s
}

// Observe counts e, and adds it to the caller's span.
func (s *series) Observe(ctx context.Context, e resilience.Event) {
	parts := s.counts.Find(&e)
	for i := range parts {
		if p := &parts[i]; p.Child.histogram != nil {
			p.Child.histogram.Record(ctx, p.Value(&e), p.Child.record...)
		} else {
			p.Child.counter.Add(ctx, 1, p.Child.add...)
		}
	}
	s.spans.note(ctx, &e)
}
