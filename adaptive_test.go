package holdfast_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestAdaptiveInAPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		learning := func(samples int) retry.Config {
			c := plain(2)
			c.Adaptive = &retry.Adaptive{Window: 3 * time.Second, MinSamples: samples, Explore: -1} // each call falls in another tenth of it
			return c
		}
		fail := func(context.Context) error { return errFlaky }
		off := breaker.Config{FailureRatio: -1, ConsecutiveFailures: 1000}
		p := newPipeline(t, learning(3), off)
		require.Contains(t, p.String(), "retry 2× 100ms…5s adaptive")
		for range 3 {
			require.ErrorIs(t, p.Do(t.Context(), fail), retry.ErrExhausted)
		}
		require.ErrorIs(t, p.Do(t.Context(), fail), retry.ErrUnlikely)
		require.Equal(t, uint64(1), p.Snapshot().Denials[resilience.ReasonUnlikely])
		require.Equal(t, retry.AttemptStats{Tries: 4}, p.Snapshot().Learned.Attempts[0])
		require.InDelta(t, 4, p.Snapshot().Learned.Stretch, 0)

		// another loop with the same numbers keeps what was learned
		c := learning(3)
		c.MaxRetries = 1
		require.NoError(t, p.Update(c, off))
		require.ErrorIs(t, p.Do(t.Context(), fail), retry.ErrUnlikely)
		// other numbers: it learns from the beginning
		require.NoError(t, p.Update(learning(4), off))
		require.ErrorIs(t, p.Do(t.Context(), fail), retry.ErrExhausted)

		require.NoError(t, p.Update(plain(2), off))
		require.Nil(t, p.Snapshot().Learned)
	})
}
