//go:build !race

package holdfastdash

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestObservingAllocatesNothing(t *testing.T) {
	w := &watcher{}
	e := resilience.Event{Kind: resilience.EventCall, Pipeline: "payments", Attempts: 1, Elapsed: time.Millisecond}
	require.Zero(t, testing.AllocsPerRun(1000, func() { w.Observe(t.Context(), e) }))
	require.EqualValues(t, 1001, w.latencies[bucket(time.Millisecond)].Load())
}

func TestAWatchedCallAllocatesNothing(t *testing.T) {
	p := newPipeline(t, "payments", budget.Config{}, retry.Config{}, breaker.Config{}) // no deadline, which would derive a ctx
	ctx := t.Context()
	defer p.Watch(&watcher{})()
	op := func(context.Context) error { return nil }
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = p.Do(ctx, op) }))
}

// A call of a service that a fleet on the page follows costs what it costs without a page.
func TestACallOfAFleetOnThePageAllocatesNothing(t *testing.T) {
	p := newPipeline(t, "payments", budget.Config{}, retry.Config{}, breaker.Config{})
	f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop", fleet.WithKey(fleetKey))
	require.NoError(t, err)
	defer f.Leave()
	f.Add(p)
	newDashboard(t, []*holdfast.Pipeline{p}, WithFleet(f), WithInterval(time.Minute))
	require.Eventually(t, func() bool { return len(f.Stats().Services) > 0 }, 10*time.Second, time.Millisecond)
	ctx := t.Context()
	op := func(context.Context) error { return nil }
	require.Less(t, testing.AllocsPerRun(10_000, func() { _ = p.Do(ctx, op) }), 0.5, "a tick of the fleet may fall into it")
}

// A round of a fleet in which nothing is new costs a few allocations for each service: what it
// reads, and its JSON to compare.
func TestARoundOfAFleetAllocatesLittle(t *testing.T) {
	const services = 100
	f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop")
	require.NoError(t, err)
	defer f.Leave()
	for range services {
		f.Add(newPipeline(t, "payments", breaker.Config{}))
	}
	require.Eventually(t, func() bool { return len(f.Stats().Services) == services }, 10*time.Second, time.Millisecond)
	h := &history{}
	h.followFleets([]fleetSample{sampleFleet(f)})
	perService := math.Inf(1)
	for range 5 { // ticks of the fleet may fall into some of them
		perService = min(perService, testing.AllocsPerRun(2, func() { h.followFleets([]fleetSample{sampleFleet(f)}) })/services)
	}
	require.Less(t, perService, 8.0)
}
