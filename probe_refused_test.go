package holdfast_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// A probe that a stage further in refuses has no outcome. While that stage refuses, each round ends
// by its time limit. When it admits again, the breaker closes at the next probe.
// (sentinel-golang 196: half-open for ever.)
func TestAProbeRefusedFurtherIn(t *testing.T) {
	inside := map[string]func(t *testing.T) (s resilience.Stage, block, free func()){
		"a full bulkhead": func(t *testing.T) (resilience.Stage, func(), func()) {
			t.Helper()
			b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
			require.NoError(t, err)
			return b, func() { require.NoError(t, b.Acquire(context.Background())) }, func() { b.Release(context.Background(), nil) }
		},
		"another breaker": func(t *testing.T) (resilience.Stage, func(), func()) {
			t.Helper()
			b, err := breaker.New(breaker.Config{Name: "inner", ConsecutiveFailures: 1000, FailureRatio: -1})
			require.NoError(t, err)
			return b, b.Isolate, b.Reset
		},
	}
	for name, build := range inside {
		for _, loop := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					stage, block, free := build(t)
					outer, err := breaker.New(breaker.Config{
						ConsecutiveFailures: 1, HalfOpenProbes: 1, ProbeTimeout: 5 * time.Second, OpenFor: time.Second, MaxOpenFor: time.Second,
					})
					require.NoError(t, err)
					stages := []resilience.Stage{outer, stage}
					if loop {
						stages = []resilience.Stage{retry.Config{BaseDelay: time.Millisecond}, outer, stage}
					}
					p := newPipeline(t, append([]resilience.Stage{holdfast.SilenceUnclassified()}, stages...)...)
					_ = p.Do(t.Context(), func(context.Context) error { return errFlaky })
					require.Equal(t, breaker.StateOpen, outer.State())
					block()
					states := map[breaker.State]bool{}
					for range 100 {
						time.Sleep(700 * time.Millisecond)
						require.Error(t, p.Do(t.Context(), succeed))
						states[outer.State()] = true
					}
					require.Equal(t, map[breaker.State]bool{breaker.StateOpen: true, breaker.StateHalfOpen: true}, states)
					free()
					time.Sleep(outer.RetryAfter())
					require.NoError(t, p.Do(t.Context(), succeed))
					require.Equal(t, breaker.StateClosed, outer.State())
				})
			})
		}
	}
}
