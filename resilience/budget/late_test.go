package budget_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/budget"
)

func TestSlowTimesOutOfBounds(t *testing.T) {
	for _, c := range []float64{0.5, 0.9999999999999999, -2} {
		_, err := budget.Config{SlowTimes: c}.Resolve()
		require.ErrorContains(t, err, "budget: SlowTimes is ", c)
	}
	for _, c := range []float64{0, -1} {
		r, err := budget.Config{SlowTimes: c}.Resolve()
		require.NoError(t, err)
		require.InDelta(t, -1, r.SlowTimes, 0, c)
	}
	r, err := budget.Config{SlowTimes: 1}.Resolve()
	require.NoError(t, err)
	require.InDelta(t, 1, r.SlowTimes, 0)
}

// While successes come late each failure is slow, and nothing deposits. Stats say so, and how often
// that began.
func TestLateSpells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{Ratio: 1, Initial: -1, Floor: -1, SlowTimes: 3, DepositOn: budget.AnySuccess})
		took := func(n int, each time.Duration) {
			for range n {
				<-time.After(time.Second)
				b.Took(each)
			}
		}
		took(100, 10*time.Millisecond)
		require.False(t, b.Slow())
		took(20, 30*time.Millisecond) // not more than three times
		require.False(t, b.Slow())
		require.Zero(t, b.Stats().LateSpells)
		b.OnSuccess()
		require.InDelta(t, 1, b.Tokens(), 0)

		took(20, time.Second)
		require.True(t, b.Slow())
		require.True(t, b.Stats().Late)
		require.EqualValues(t, 1, b.Stats().LateSpells)
		b.OnSuccess()
		b.OnRetrySuccess(budget.Payment{})
		require.InDelta(t, 1, b.Tokens(), 0, "no deposit")

		took(20, 10*time.Millisecond)
		require.False(t, b.Stats().Late)
		require.EqualValues(t, 1, b.Stats().LateSpells)
		took(20, time.Second)
		require.EqualValues(t, 2, b.Stats().LateSpells)

		require.NoError(t, b.Update(budget.Config{SlowTimes: -1}))
		require.False(t, b.Stats().Late, "nobody looks any more")
	})
}

func TestNobodyLooksWithoutSlowTimes(t *testing.T) {
	b := newBudget(t, budget.Config{Initial: -1})
	for range 100 {
		b.Took(time.Second)
		b.Took(time.Hour)
	}
	require.False(t, b.Slow())
	require.Zero(t, b.Stats().LateSpells)
}
