package holdfastdash

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
)

// What is told of the budgets that a fleet shares, and of a fleet that follows nothing.
func TestBudgetsOfAFleetAreTold(t *testing.T) {
	h := headOf(&fleet.Stats{Fleet: "shop", Pod: "p", Idle: "no service takes part", Budgets: []fleet.PoolStats{
		{Name: "payments", Leased: 7, Given: 3, Lost: 1, Level: 12, Refused: 5, FloorShare: 1.0 / 3, Why: "the store is \xff away"},
	}})
	require.Equal(t, "no service takes part", h.Idle)
	require.Equal(t, []poolSample{
		{Name: "payments", Leased: 7, Given: 3, Lost: 1, Level: 12, Refused: 5, Floor: 0.3333, Why: "the store is \uFFFD away"},
	}, h.Budgets)
}
