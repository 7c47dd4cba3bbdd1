package holdfast_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Two pipelines share a rate limit and a budget. Each tunes another field, at the same time: what
// one has set, the other does not undo.
func TestTuningsOfSharedStagesDoNotUndoEachOther(t *testing.T) {
	limit, err := ratelimit.New(ratelimit.Config{Rate: 5})
	require.NoError(t, err)
	bank, err := budget.New(budget.Config{})
	require.NoError(t, err)
	p, q := newPipeline(t, limit, bank, retry.Config{}), newPipeline(t, limit, bank, retry.Config{})
	for i := 1; i <= 300; i++ {
		var both sync.WaitGroup
		both.Go(func() {
			tune(t, p, holdfast.Tuning{Stages: func(s []resilience.Stage) {
				setting(func(c *ratelimit.Config) { c.Rate = float64(i) })(s)
				setting(func(c *budget.Config) { c.Burst = i })(s)
			}})
		})
		both.Go(func() {
			tune(t, q, holdfast.Tuning{Stages: func(s []resilience.Stage) {
				setting(func(c *ratelimit.Config) { c.MaxWait = time.Duration(i) * time.Second })(s)
				setting(func(c *budget.Config) { c.Floor = float64(i) })(s)
			}})
		})
		both.Wait()
		require.Equal(t, []any{float64(i), time.Duration(i) * time.Second}, []any{limit.Config().Rate, limit.Config().MaxWait}, i)
		require.Equal(t, []any{i, float64(i)}, []any{bank.Config().Burst, bank.Config().Floor}, i)
	}
}

// The same without luck: the second tuning comes while the first one's Stages runs.
func TestATuningOfASharedStageKeepsWhatCameMeanwhile(t *testing.T) {
	limit, err := ratelimit.New(ratelimit.Config{Rate: 5})
	require.NoError(t, err)
	p, q := newPipeline(t, limit), newPipeline(t, limit)
	tune(t, p, holdfast.Tuning{Stages: func(s []resilience.Stage) {
		tune(t, q, holdfast.Tuning{Stages: setting(func(c *ratelimit.Config) { c.MaxWait = time.Second })})
		setting(func(c *ratelimit.Config) { c.Rate = 6 })(s)
	}})
	require.Equal(t, time.Second, limit.Config().MaxWait)
	require.Equal(t, 6.0, limit.Config().Rate)
}

// Of several who isolate the breaker that their pipelines share, one has changed it; and of several
// who reset it.
func TestTuningsOfASharedBreaker(t *testing.T) {
	b, err := breaker.New(breaker.Config{Name: "shared"})
	require.NoError(t, err)
	all := make([]*holdfast.Pipeline, 8)
	for i := range all {
		all[i] = newPipeline(t, b)
	}
	for range 300 {
		for _, does := range []struct {
			tuning holdfast.Tuning
			is     resilience.Change
		}{
			{holdfast.Tuning{Isolate: []string{"shared"}}, resilience.Change{Stage: "breaker", Name: "shared", Field: "State", From: resilience.StateClosed, To: resilience.StateIsolated}},
			{holdfast.Tuning{Reset: []string{"shared"}}, resilience.Change{Stage: "breaker", Name: "shared", Field: "State", From: resilience.StateIsolated, To: resilience.StateClosed}},
		} {
			var together sync.WaitGroup
			changes := make([][]resilience.Change, len(all))
			for i, p := range all {
				together.Go(func() { changes[i] = tune(t, p, does.tuning) })
			}
			together.Wait()
			require.Equal(t, []resilience.Change{does.is}, slices.Concat(changes...))
		}
	}
}

// What an order for a fleet does to a budget meanwhile is not the hand's change.
func TestATuningIsNotToldOfAnOrder(t *testing.T) {
	p := newPipeline(t, budget.Config{}, retry.Config{})
	k, ok := advice.KnobOf(p.Budget())
	require.True(t, ok)
	changes := tune(t, p, holdfast.Tuning{By: "ops", Budget: func(c *budget.Config) {
		_, err := k.Set(0.02)
		require.NoError(t, err)
		c.Burst = 20
	}})
	require.Equal(t, []resilience.Change{{By: "ops", Stage: "budget", Field: "Burst", From: 10, To: 20}}, changes)
}

// Whoever keeps what Stages got or gave changes nothing by it afterwards.
func TestWhatStagesGotAndGaveIsACopy(t *testing.T) {
	p := newPipeline(t, bulkhead.Config{}, retry.Config{})
	var kept []resilience.Stage
	learner, limit := &retry.Adaptive{MinSamples: 10}, &bulkhead.Adaptive{SlowFailures: 4}
	tune(t, p, holdfast.Tuning{Stages: func(s []resilience.Stage) {
		kept = s
		setting(func(c *retry.Config) { c.Adaptive = learner })(s)
		setting(func(c *bulkhead.Config) { c.Adaptive = limit })(s)
	}})
	learner.MinSamples, limit.SlowFailures = 77, 33
	clear(kept)
	require.Empty(t, tune(t, p, holdfast.Tuning{Stages: func([]resilience.Stage) {}}))
	tune(t, p, holdfast.Tuning{Stages: func(s []resilience.Stage) {
		setting(func(c *retry.Config) { c.MaxRetries = 6 })(s)
		setting(func(c *bulkhead.Config) { c.MaxConcurrent = 6 })(s)
	}})
	for _, s := range p.Stages() {
		switch c := s.(type) {
		case retry.Config:
			require.Equal(t, []int{6, 10}, []int{c.MaxRetries, c.Adaptive.MinSamples})
		case bulkhead.Config:
			require.Equal(t, []int{6, 4}, []int{c.MaxConcurrent, c.Adaptive.SlowFailures})
		}
	}
}
