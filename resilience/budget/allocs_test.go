//go:build !race

package budget_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/budget"
)

func TestAllocatesNothing(t *testing.T) {
	b := newBudget(t, budget.Config{Ratio: 1})
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		b.OnArrival()
		b.Allow()
		b.Allow()
		b.Refund()
		b.OnSuccess()
	}))
}
