package plan_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/internal/vary"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// How many failures lose a round, compared with a real breaker: so many, and not one fewer.
func TestLosingBesideARealBreaker(t *testing.T) {
	for _, ratio := range []float64{-1, 0.01, 0.07, 0.1, 1.0 / 3, 0.5, 0.55, 0.8, 1} {
		for _, probes := range []int{1, 2, 3, 7, 20, 100} {
			losesAsPlanned(t, breaker.Config{FailureRatio: ratio, MinRequests: 1, ConsecutiveFailures: 200, HalfOpenProbes: probes})
		}
	}
}

// As above, for random Configs without ConsecutiveFailures.
func TestLosingOfAnyBreaker(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 12))
	for range 500 {
		c := breaker.Config{HalfOpenProbes: 1 + rng.IntN(20)}
		for range 4 {
			c = vary.Number(rng, c)
		}
		c.MinRequests, c.ConsecutiveFailures, c.OpenFor, c.MaxOpenFor, c.MinOpenFor = 1, 1000, time.Second, time.Second, 0
		losesAsPlanned(t, c)
	}
}

// losesAsPlanned compares Losing with a real breaker: so many failures lose a round, and not one
// fewer.
func losesAsPlanned(t *testing.T, given breaker.Config) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := given.Resolve()
		require.NoError(t, err)
		b, err := breaker.New(c)
		require.NoError(t, err)
		for b.State() == breaker.StateClosed {
			_ = b.Do(t.Context(), func(context.Context) error { return errDown })
		}
		pass(t.Context(), b.RetryAfter())
		losing := plan.Breaker{Config: c}.Losing()
		for range losing {
			require.Equal(t, breaker.StateHalfOpen, b.State(), "%+v", c)
			_ = b.Do(t.Context(), func(context.Context) error { return errDown })
		}
		require.Equal(t, breaker.StateOpen, b.State(), "%+v", c)
	})
}

func TestClosesBesideDraws(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	for _, c := range []struct {
		ratio   float64
		probes  int
		failing float64
	}{{-1, 7, 0.1}, {0.5, 3, 0.2}, {0.8, 20, 0.7}, {0.1, 40, 0.1}, {0.5, 30_000, 0.5}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			b := plan.Breaker{Config: breaker.Config{FailureRatio: c.ratio, HalfOpenProbes: c.probes}}
			const rounds = 2000
			closed := 0
			for range rounds {
				failed := 0
				for range c.probes {
					if rng.Float64() < c.failing {
						failed++
					}
				}
				if failed < b.Losing() {
					closed++
				}
			}
			require.InDelta(t, float64(closed)/rounds, b.Closes(c.failing), 0.03)
		})
	}
	b := plan.Breaker{Config: breaker.Config{FailureRatio: 0.5, HalfOpenProbes: math.MaxInt32}}
	require.InDelta(t, 1, b.Closes(0.49), 1e-9)
	require.InDelta(t, 0, b.Closes(0.51), 1e-9)
	require.InDelta(t, 1, b.Closes(0), 0)
	require.InDelta(t, 0, b.Closes(1), 0)
}
