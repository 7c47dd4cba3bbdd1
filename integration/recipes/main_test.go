package recipes

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// No test leaves a goroutine behind.
func TestMain(m *testing.M) {
	suite.AtOnce(8) // they wait
	goleak.VerifyTestMain(m)
}

// missing skips the test for lack of a service, or fails it if services are required.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("HOLDFAST_REQUIRE_SERVICES") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// onRetry calls do when the loop of p decides on its nth retry.
func onRetry(t *testing.T, p *holdfast.Pipeline, nth int, do func()) {
	t.Helper()
	t.Cleanup(p.Watch(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventRetry && e.Attempt == nth {
			do()
		}
	})))
}

// unhurried multiplies the deadlines of p by 100, and lets its budget pay for 1000 retries. So a
// busy machine does not run out of either.
func unhurried(t *testing.T, p *holdfast.Pipeline) {
	t.Helper()
	tuning := holdfast.Tuning{Stages: func(stages []resilience.Stage) {
		for i, s := range stages {
			if c, ok := s.(deadline.Config); ok {
				c.Limit *= 100
				stages[i] = c
			}
		}
	}}
	if p.Budget() != nil {
		tuning.Budget = func(c *budget.Config) { c.Floor = 1000 }
	}
	_, err := p.Tune(t.Context(), tuning)
	require.NoError(t, err)
}

// failures returns how many failures the breaker of p has counted.
func failures(t *testing.T, p *holdfast.Pipeline) int {
	t.Helper()
	breakers := p.Snapshot().Breakers
	require.Len(t, breakers, 1)
	return int(breakers[0].Counts.Failures)
}
