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

// failures returns how many failures the breaker of p has counted.
func failures(t *testing.T, p *holdfast.Pipeline) int {
	t.Helper()
	breakers := p.Snapshot().Breakers
	require.Len(t, breakers, 1)
	return int(breakers[0].Counts.Failures)
}
