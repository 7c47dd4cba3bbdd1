package resilience_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

func TestChangeInWords(t *testing.T) {
	for want, c := range map[string]resilience.Change{
		"budget ratio 0.1 → off":                {Stage: "budget", Field: "Ratio", From: 0.1, To: -1.0},
		"budget initial off → 5":                {Stage: "budget", Field: "Initial", From: -1, To: 5},
		"budget shadow false → true":            {Stage: "budget", Field: "Shadow", From: false, To: true},
		"budget deposit on success → arrival":   {Stage: "budget", Field: "DepositOn", From: budget.Success, To: budget.Arrival},
		"breaker replica closed → isolated":     {By: "mary", Stage: "breaker", Name: "replica", Field: "State", From: resilience.StateClosed, To: resilience.StateIsolated},
		"breaker and so on isolated → isolated": {Stage: "breaker", Name: "and so on", Field: "State", From: resilience.StateIsolated, To: resilience.StateIsolated},
	} {
		require.Equal(t, want, c.String())
	}
}
