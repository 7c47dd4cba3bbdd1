//go:build !race

package breaker_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func TestAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	closed := newBreaker(t, breaker.Config{})
	watched := link(t, newBreaker(t, breaker.Config{}), func(context.Context, resilience.Event) {})
	open := newBreaker(t, breaker.Config{})
	open.Isolate()
	tripped := newBreaker(t, breaker.Config{ConsecutiveFailures: 1})
	_ = tripped.Do(ctx, failing)
	follows := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, MinOpenFor: time.Hour, OpenFor: time.Hour})
	_ = follows.Do(ctx, failing)

	n := 0
	for name, b := range map[string]*breaker.Breaker{"closed": closed, "watched": watched, "isolated": open, "open": tripped, "follows its failures": follows} {
		t.Run(name, func(t *testing.T) {
			require.Zero(t, testing.AllocsPerRun(200, func() {
				_ = b.Do(ctx, func(context.Context) error { n++; return nil })
			}))
			wrapped := b.Wrap(working)
			require.Zero(t, testing.AllocsPerRun(200, func() { _ = wrapped(ctx) }))
			require.Zero(t, testing.AllocsPerRun(200, func() { _, _, _ = b.State(), b.Counts(), b.Ready() }))
		})
	}
	t.Run("a failure", func(t *testing.T) {
		b := newBreaker(t, breaker.Config{FailureRatio: 1, ConsecutiveFailures: -1, MinRequests: 1000})
		require.Zero(t, testing.AllocsPerRun(200, func() { _ = b.Do(ctx, failing) }))
	})
}

// Those whom it refuses while it probes are told the same, too.
func TestARefusalWhileItProbesAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: 1, MaxOpenFor: 1})
	_ = b.Do(ctx, failing)
	for b.State() == breaker.StateOpen { // for a nanosecond
		runtime.Gosched()
	}
	require.NoError(t, b.Do(ctx, func(context.Context) error {
		require.ErrorIs(t, b.Do(ctx, working), breaker.ErrOpen)
		require.Zero(t, testing.AllocsPerRun(200, func() { _ = b.Do(ctx, working) }))
		return nil
	}))
}
