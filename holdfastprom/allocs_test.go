//go:build !race

package holdfastprom_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// These are the promises of the package doc. (The race detector allocates by itself.)

func TestCountingAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	fast := retry.Config{MaxRetries: 5, BaseDelay: 1, MaxDelay: 1}
	steady := breaker.Config{ConsecutiveFailures: -1, FailureRatio: 1}
	for name, c := range map[string]struct {
		stages []resilience.Stage
		op     func() resilience.Func
		free   bool // also of what is not counting
	}{
		"success": {[]resilience.Stage{
			deadline.In(3 * time.Hour), bulkhead.Config{}, budget.Config{}, fast, breaker.Config{}, deadline.In(2 * time.Hour),
		}, func() resilience.Func { return succeed }, true},
		"retries":            {[]resilience.Stage{budget.Config{Burst: 1_000_000, Floor: -1}, fast, steady}, flaky, true},
		"open":               {[]resilience.Stage{fast, breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour}}, func() resilience.Func { return fail }, true},
		"a guard refuses":    {[]resilience.Stage{&door{}}, func() resilience.Func { return succeed }, false},
		"exhausted":          {[]resilience.Stage{fast, steady}, func() resilience.Func { return fail }, false},
		"the budget refuses": {[]resilience.Stage{budget.Config{Initial: -1, Floor: -1}, fast}, func() resilience.Func { return fail }, false},
	} {
		t.Run(name, func(t *testing.T) {
			allocs := func(o resilience.Observer) float64 {
				p := newPipeline(t, "payments", append([]resilience.Stage{holdfast.Observe(o)}, c.stages...)...)
				op := c.op()
				do := func() { _ = p.Do(ctx, op) }
				for range 20 { // what is seen for the first time is looked up
					do()
				}
				return testing.AllocsPerRun(200, do)
			}
			without := allocs(deaf{})
			if c.free {
				require.Zero(t, without)
			}
			for name, opts := range map[string][]holdfastprom.Option{
				"classic":     nil,
				"native":      {holdfastprom.WithNativeHistograms(16)},
				"no exemplar": {holdfastprom.WithExemplars(traceOf)},
			} {
				m, _ := newMetrics(t, opts...)
				require.Equal(t, without, allocs(m), name)
			}
		})
	}
}

// flaky returns an op whose every third run succeeds.
func flaky() resilience.Func {
	n := 0
	return func(context.Context) error {
		if n++; n%3 != 0 {
			return errFlaky
		}
		return nil
	}
}

func TestObservingByNameAllocatesNothing(t *testing.T) {
	m, _ := newMetrics(t)
	e := resilience.Event{Kind: resilience.EventCall, Pipeline: "payments"}
	require.Zero(t, testing.AllocsPerRun(200, func() { m.Observe(t.Context(), e) }))
}
