package holdfastotel_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastotel"
)

func TestAttemptSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSDK(t)
		p := observed(t, s.observer(t, holdfastotel.WithAttemptSpans()), "payments", plain(2))
		start := time.Now()
		spans := s.inSpan(t.Context(), func(ctx context.Context) {
			ends := []error{errDown, nil}
			require.NoError(t, p.Do(ctx, func(ctx context.Context) error {
				err := ends[0]
				ends = ends[1:]
				return takes(20*ms, err)(ctx)
			}))
		})
		require.Len(t, spans, 3)
		first, second, caller := spans[0], spans[1], spans[2]
		for _, span := range spans[:2] {
			require.Equal(t, "attempt payments", span.Name)
			require.Equal(t, caller.SpanContext.SpanID(), span.Parent.SpanID())
			require.Equal(t, "github.com/media-gateway/holdfast/holdfastotel", span.InstrumentationScope.Name)
		}
		require.Equal(t, start, first.StartTime)
		require.Equal(t, start.Add(20*ms), first.EndTime)
		require.Equal(t, sdktrace.Status{Code: codes.Error, Description: "connection refused"}, first.Status)
		require.Equal(t, "{"+downType+"attempt.number=1"+downText, key("", attribute.NewSet(first.Attributes...)))

		require.Equal(t, start.Add(120*ms), second.StartTime)
		require.Equal(t, start.Add(140*ms), second.EndTime)
		require.Zero(t, second.Status)
		require.Equal(t, "{attempt.number=2,verdict=success}", key("", attribute.NewSet(second.Attributes...)))
	})
}

func TestNoAttemptSpans(t *testing.T) {
	for name, c := range map[string]struct {
		sampler sdktrace.Sampler
		opts    []holdfastotel.Option
		in      func(s *sdk, p *holdfast.Pipeline)
	}{
		"unless asked for": {sdktrace.AlwaysSample(), nil, func(s *sdk, p *holdfast.Pipeline) {
			spans := s.inSpan(t.Context(), func(ctx context.Context) { _ = p.Do(ctx, succeed) })
			require.Len(t, spans, 1)
		}},
		"outside of a trace": {sdktrace.AlwaysSample(), []holdfastotel.Option{holdfastotel.WithAttemptSpans()}, func(s *sdk, p *holdfast.Pipeline) {
			require.NoError(t, p.Do(t.Context(), succeed))
			require.Empty(t, s.spans.GetSpans())
		}},
		"in a trace that is not sampled": {sdktrace.NeverSample(), []holdfastotel.Option{holdfastotel.WithAttemptSpans()}, func(s *sdk, p *holdfast.Pipeline) {
			require.Empty(t, s.inSpan(t.Context(), func(ctx context.Context) { _ = p.Do(ctx, fail) }))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSDK(t)
			s.tracers = sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans), sdktrace.WithSampler(c.sampler))
			c.in(s, observed(t, s.observer(t, c.opts...), "payments", plain(0)))
		})
	}
}
