package traps_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: the budget is asked before the sleep, and its refusal keeps the dependency's error.
func TestSpentBudgetAnswersAtOnce(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		call := assemble(budget.Config{Initial: -1, Floor: -1}, retry.Default())
		var err error
		require.Zero(t, took(func() { err = call.Wrap(failing)(t.Context()) }))
		require.ErrorIs(t, err, budget.ErrExhausted)
		require.ErrorIs(t, err, errRefused)
		require.Equal(t, resilience.ReasonBudget, resilience.ReasonOf(err))
		var stop *retry.Error
		require.ErrorAs(t, err, &stop)
		require.Equal(t, 1, stop.Attempts)
	})
}
