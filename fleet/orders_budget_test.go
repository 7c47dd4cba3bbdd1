package fleet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// ofOneBudget makes services of one budget, whose ratio is a half, and a fleet that follows them.
func ofOneBudget(t *testing.T, names ...string) (*budget.Budget, *fleet.Fleet) {
	t.Helper()
	b, err := budget.New(budget.Config{Ratio: 0.5})
	require.NoError(t, err)
	f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop", fleet.WithKey(key))
	require.NoError(t, err)
	for _, name := range names {
		p, err := holdfast.New(name, b, retry.Config{}, breaker.Config{})
		require.NoError(t, err)
		f.Add(p)
	}
	hearAll()
	return b, f
}

func tuneFor(t *testing.T, f *fleet.Fleet, service string, ratio float64, lasts time.Duration) {
	t.Helper()
	require.NoError(t, f.Tune(t.Context(), service, fleet.Tuning{Ratio: ratio}, fleet.Order{By: "ada", Why: "too many retries", For: lasts}))
	hearAll()
}

// A budget of two services may be tuned by an order for each. The later one holds. However the two
// end, the budget goes back to what it was before both.
func TestABudgetOfTwoServicesThatAreBothTuned(t *testing.T) {
	for name, lasts := range map[string]time.Duration{"the first ends first": 5 * time.Minute, "the second ends first": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, f := ofOneBudget(t, "cards", "refunds")
				defer f.Leave()
				tuneFor(t, f, "cards", 0.1, lasts)
				tuneFor(t, f, "refunds", 0.2, 10*time.Minute)
				require.Equal(t, 0.2, b.Config().Ratio)
				time.Sleep(9 * time.Minute)
				require.Equal(t, 0.2, b.Config().Ratio)
				time.Sleep(2 * time.Minute)
				require.Equal(t, 0.5, b.Config().Ratio)
				time.Sleep(2 * time.Hour)
				require.Equal(t, 0.5, b.Config().Ratio)
			})
		})
	}
}

// Whoever changes a budget by hand may take long, and may ask the fleet. Neither waits for the
// other.
func TestAHandThatAsksTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, f := ofOneBudget(t, "cards")
		_, to, err := b.Modify(func(c *budget.Config) {
			tuneFor(t, f, "cards", 0.1, time.Minute)
			c.Burst = 7
			ticks := f.Stats().Ticks
			time.Sleep(10 * time.Second)
			require.Greater(t, f.Stats().Ticks, ticks)
			require.Zero(t, f.Stats().Misses)
		})
		require.NoError(t, err)
		require.Equal(t, 0.1, to.Ratio)
		require.Equal(t, 7, to.Burst)
		_, to, err = b.Modify(func(*budget.Config) { f.Leave() })
		require.NoError(t, err)
		require.Equal(t, 0.5, to.Ratio)
	})
}
