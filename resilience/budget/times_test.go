package budget_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// While most successes take more than SlowTimes as long as usual, all failures are slow, and no
// success pays.
func TestLateSuccesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{Ratio: 1, Burst: 10, Initial: -1, Floor: -1, SlowTimes: 3, SlowCost: 5})
		succeed := func(n int, took time.Duration) {
			for range n {
				began := mono.Now()
				time.Sleep(took)
				b.Succeeded(mono.At(began))
			}
		}
		succeed(5, 10*time.Millisecond)
		require.InDelta(t, 5, b.Tokens(), 0, "what OnSuccess does")
		b.Succeeded(mono.Began{})
		require.InDelta(t, 6, b.Tokens(), 0, "though nobody knows how long it took")
		succeed(30, 10*time.Millisecond)
		require.False(t, b.Slow())
		require.True(t, b.WithdrawSlow().Allowed()) // the bank is not full: all are looked at
		require.InDelta(t, 5, b.Tokens(), 0)

		for i := 0; !b.Slow(); i++ {
			require.Less(t, i, 10)
			require.True(t, b.WithdrawSlow().Allowed())
			succeed(5, 40*time.Millisecond)
		}
		level := b.Tokens()
		succeed(2, 40*time.Millisecond)
		b.OnSuccess()
		b.RetrySucceeded(mono.Began{}, budget.Payment{})
		require.InDelta(t, level, b.Tokens(), 0)
		require.True(t, b.Slow())

		for range 20 {
			b.Took(10 * time.Millisecond)
		}
		require.False(t, b.Slow())
		succeed(1, 0)
		require.InDelta(t, min(level+1, 10), b.Tokens(), 0)
	})
}

// While the bank is full, one success in 16 is looked at: that is enough.
func TestAFullBankLooksNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{SlowTimes: 3})
		succeed := func(took time.Duration) {
			began := mono.Now()
			time.Sleep(took)
			b.Succeeded(mono.At(began))
		}
		for range 100 {
			succeed(10 * time.Millisecond)
		}
		calls := 0
		for ; !b.Slow(); calls++ {
			require.Less(t, calls, 1000)
			succeed(100 * time.Millisecond)
		}
		require.Greater(t, calls, 6, "not each is looked at")
	})
}

// A retry that succeeded says how long it took, too.
func TestLateRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{Initial: 5, SlowTimes: 3, DepositOn: budget.AnySuccess, RefundOnSuccess: true})
		retry := func(took time.Duration) {
			p := b.Withdraw()
			require.True(t, p.Allowed())
			began := mono.Now()
			time.Sleep(took)
			b.RetrySucceeded(mono.At(began), p)
		}
		for range 35 {
			retry(time.Millisecond)
		}
		require.False(t, b.Slow())
		for range 8 {
			retry(time.Second)
		}
		require.True(t, b.Slow())
		require.EqualValues(t, 43, b.Stats().SuccessRefunds)
	})
}

func TestWithoutSlowTimesNothingIsLate(t *testing.T) {
	var zero budget.Budget
	for _, b := range []*budget.Budget{newBudget(t, budget.Config{}), &zero} {
		for range 50 {
			b.Took(time.Second)
			b.Succeeded(mono.At(mono.Now()))
			b.RetrySucceeded(mono.At(mono.Now()), budget.Payment{})
		}
		b.Took(time.Hour)
		require.False(t, b.Slow())
	}
}
