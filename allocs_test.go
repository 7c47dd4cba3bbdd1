//go:build !race

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

// These are the promises of the package doc. (The race detector allocates by itself.)

type deaf struct{}

func (deaf) Observe(context.Context, resilience.Event) {}

func sixStages() []resilience.Stage {
	return []resilience.Stage{
		deadline.In(3 * time.Hour), bulkhead.Config{}, budget.Config{}, retry.Config{}, breaker.Config{}, deadline.In(2 * time.Hour),
	}
}

func TestNothingIsAllocatedWhenNothingGoesWrong(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	quiet := newPipeline(t, sixStages()...)
	watched := newPipeline(t, append([]resilience.Stage{holdfast.Observe(deaf{})}, sixStages()...)...)
	guarded := newPipeline(t, resilience.Prebuilt(&open{}), retry.Config{})
	for name, p := range map[string]*holdfast.Pipeline{"quiet": quiet, "watched": watched, "guarded": guarded} {
		n := 0
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			_ = p.Do(ctx, func(context.Context) error { n++; return nil })
		}), "Do, %s", name)
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			v, _ := holdfast.Value(ctx, p, func(context.Context) (int, error) { n++; return n, nil })
			n += v
		}), "Value, %s", name)
	}
}

// open is a Guard that admits everybody.
type open struct{}

func (*open) Wrap(next resilience.Func) resilience.Func { return next }
func (*open) Acquire(context.Context) error             { return nil }
func (*open) Release(context.Context, error)            {}

func TestADeadlineCostsWhatWithTimeoutCosts(t *testing.T) {
	p := newPipeline(t, deadline.In(time.Hour))
	bare := testing.AllocsPerRun(1000, func() {
		_, cancel := context.WithTimeout(context.Background(), time.Hour)
		cancel()
	})
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		_ = p.Do(context.Background(), func(context.Context) error { return nil })
	}), bare)
}

func TestARetryAllocatesNothing(t *testing.T) {
	calls := func(retries int) float64 {
		p := newPipeline(t, budget.Config{Burst: 1_000_000, Ratio: 100}, retry.Config{MaxRetries: 50, BaseDelay: 1, MaxDelay: 1}, breaker.Config{
			ConsecutiveFailures: -1, FailureRatio: 1,
		})
		require.NoError(t, p.Do(t.Context(), func(context.Context) error { return nil }))
		return testing.AllocsPerRun(200, func() {
			n := 0
			_ = p.Do(context.Background(), func(context.Context) error {
				if n++; n <= retries {
					return errFlaky
				}
				return nil
			})
		})
	}
	require.Zero(t, calls(2))
	require.Zero(t, calls(40))
}

func TestARefusalAllocatesNothing(t *testing.T) {
	p := newPipeline(t, retry.Config{}, breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour})
	_ = p.Do(t.Context(), func(context.Context) error { return errFlaky })
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		_ = p.Do(context.Background(), func(context.Context) error { return nil })
	}))
}
