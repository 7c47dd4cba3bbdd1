package holdfast_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestStagesMakeTheSamePipelineAgain(t *testing.T) {
	shared, err := breaker.New(breaker.Config{Name: "db", OpenFor: time.Second})
	require.NoError(t, err)
	guard := &openDoor{}
	for name, stages := range map[string][]resilience.Stage{
		"critical": holdfast.Critical(), "standard": holdfast.Standard(), "background": holdfast.Background(),
		"all off": {
			budget.Config{Ratio: -1, Floor: -1, Initial: -1},
			retry.Config{MaxRetries: retry.None, MaxDelay: -1, MaxRetryAfter: -1, Adaptive: &retry.Adaptive{MinGain: -1, Explore: -1, MaxStretch: -1}},
			breaker.Config{FailureRatio: -1, ProbeTimeout: -1},
		},
		"built and guarded": {deadline.In(time.Minute), bulkhead.Config{MaxWait: -1}, guard, shared},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, stages...)
			again := newPipeline(t, p.Stages()...)
			require.Equal(t, p.String(), again.String())
			require.Equal(t, p.Stages(), again.Stages())
		})
	}
	require.Same(t, guard, newPipeline(t, guard, shared).Stages()[0])
}

func TestStagesShowWhatWasTuned(t *testing.T) {
	p := newPipeline(t, holdfast.Standard()...)
	tune(t, p, holdfast.Tuning{Budget: func(c *budget.Config) { c.Burst, c.SlowCost, c.Ratio = 2, 2, 0.5 }})
	b, ok := p.Stages()[1].(budget.Config)
	require.True(t, ok)
	require.Equal(t, 2, b.Burst)
	require.Equal(t, 0.5, b.Ratio)
	newPipeline(t, p.Stages()...) // the lowered burst does not forbid what the bank once began with
}

// openDoor is a Guard that admits every call.
type openDoor struct{ calls int }

func (g *openDoor) Build() (resilience.Policy, error) { return g, nil }

func (g *openDoor) Wrap(next resilience.Func) resilience.Func { return next }

func (g *openDoor) Acquire(context.Context) error { g.calls++; return nil }

func (g *openDoor) Release(context.Context, error) {}

// A Guard without a String method is shown by its type.
func TestStringOfAGuardWithoutWords(t *testing.T) {
	require.Equal(t, "payments: holdfast_test.openDoor → deadline 1s", newPipeline(t, &openDoor{}, deadline.In(time.Second)).String())
}
