//go:build !race

package holdfastdash

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestObservingAllocatesNothing(t *testing.T) {
	w := &watcher{new(histogram), nil}
	e := resilience.Event{Kind: resilience.EventCall, Pipeline: "payments", Attempts: 1, Elapsed: time.Millisecond}
	require.Zero(t, testing.AllocsPerRun(1000, func() { w.Observe(t.Context(), e) }))
	require.EqualValues(t, 1001, w.latencies[bucket(time.Millisecond)].Load())
}

func TestAWatchedCallAllocatesNothing(t *testing.T) {
	p := newPipeline(t, "payments", budget.Config{}, retry.Config{}, breaker.Config{}) // no deadline, which would derive a ctx
	ctx := t.Context()
	defer p.Watch(&watcher{new(histogram), nil})()
	op := func(context.Context) error { return nil }
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = p.Do(ctx, op) }))
}
