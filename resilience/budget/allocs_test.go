//go:build !race

package budget_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience/budget"
)

func TestAllocatesNothing(t *testing.T) {
	for _, c := range []budget.Config{
		{Ratio: 1}, {Ratio: 3, SlowCost: 2.5, DepositOn: budget.AnySuccess, RefundOnSuccess: true}, {Initial: -1, SlowCost: 5},
		{SlowTimes: 3}, {Initial: -1, Burst: 1000, SlowTimes: 3, DepositOn: budget.AnySuccess},
	} {
		b := newBudget(t, c)
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			b.OnArrival()
			b.Allow()
			b.Refund(b.Withdraw())
			b.OnRetrySuccess(b.WithdrawSlow())
			b.OnSuccess()
			b.Succeeded(mono.At(mono.Now()))
			b.RetrySucceeded(mono.At(mono.Now()), b.Withdraw())
		}))
	}
}
