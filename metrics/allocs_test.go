//go:build !race

package metrics_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
)

// Find does not allocate. (The race detector allocates by itself.)
func TestFindAllocatesNothing(t *testing.T) {
	counts := metrics.NewCounts(func(*metrics.Description, []string) struct{} { return struct{}{} })
	for kind := range resilience.EventKind(resilience.NumEventKinds) {
		e := resilience.Event{Kind: kind, Attempt: 1, Verdict: resilience.Transient, Stage: "retry", Reason: resilience.ReasonBudget}
		sum := 0.0
		require.Zero(t, testing.AllocsPerRun(100, func() {
			e := e
			for _, part := range counts.Find(&e) {
				sum += part.Value(&e)
			}
		}), kind)
	}
}
