//go:build !race

package holdfastotel_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastotel"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestSuccessAllocatesNothing(t *testing.T) {
	s := newSDK(t)
	p := s.pipeline(t, "payments", budget.Config{}, retry.Default(), breaker.Config{})
	sampled, span := s.tracer().Start(t.Context(), "caller")
	defer span.End()
	for name, ctx := range map[string]context.Context{"no span": t.Context(), "a sampled span": sampled} {
		require.Zero(t, testing.AllocsPerRun(1000, func() { _ = p.Do(ctx, succeed) }), name)
	}
}

// Refusals must be cheap: in an outage there are many of them.
func TestRefusalAllocatesNothingOutsideOfATrace(t *testing.T) {
	p := newSDK(t).pipeline(t, "payments", bulkhead.Config{MaxConcurrent: 1})
	require.NoError(t, p.Do(t.Context(), func(ctx context.Context) error {
		require.Zero(t, testing.AllocsPerRun(1000, func() { _ = p.Do(ctx, succeed) }))
		return nil
	}))
}

func TestCountingRetriesAllocatesNothing(t *testing.T) {
	o, err := holdfastotel.New(holdfastotel.WithMeterProvider(newSDK(t).meters))
	require.NoError(t, err)
	e := resilience.Event{Kind: resilience.EventRetry, Pipeline: "payments", Attempt: 1, Verdict: resilience.Transient, Err: errDown}
	bound := o.ForPipeline(holdfast.Must(holdfast.New("payments", retry.Default())))
	require.Zero(t, testing.AllocsPerRun(1000, func() { bound.Observe(t.Context(), e) }))
	require.Zero(t, testing.AllocsPerRun(1000, func() { o.Observe(t.Context(), e) }), "unbound")
}
