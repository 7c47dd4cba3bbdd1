package budget_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// tuning prepares a change by hand of a budget in use.
func tuning(t *testing.T, b *budget.Budget, change func(c *budget.Config)) stage.Tuning[resilience.Policy, resilience.Stage] {
	t.Helper()
	to := b.Config()
	change(&to)
	tuned, err := stage.Of(b).Tune(b, b.Config(), to)
	require.NoError(t, err)
	require.Same(t, b, tuned.Policy)
	return tuned
}

// A hand returns what it has changed itself, whatever others change between its look at the
// settings and its change.
func TestAHandReturnsItsOwnChangeOnly(t *testing.T) {
	b := someBudget(t, budget.Config{})
	tuned := tuning(t, b, func(c *budget.Config) { c.Ratio = 0.2 })
	require.NoError(t, b.Update(budget.Config{Floor: 3}))
	before := b.Config()
	from, to := tuned.Commit()
	want := before
	want.Ratio = 0.2
	want.Initial = b.Config().Initial
	require.Equal(t, before, from)
	require.Equal(t, want, to)
	require.Equal(t, want, b.Config())
}

// The same for an order for a fleet, which waits for no hand: it is nobody else's change.
func TestAHandDoesNotReturnAnOrdersChange(t *testing.T) {
	b := someBudget(t, budget.Config{})
	k := knobOf(t, b)
	from, to, err := b.Modify(func(c *budget.Config) {
		_, err := k.Set(0.02)
		require.NoError(t, err)
		c.Burst = 20
	})
	require.NoError(t, err)
	require.Equal(t, []float64{0.02, 0.02}, []float64{from.Ratio, to.Ratio})
	require.Equal(t, []int{10, 20}, []int{from.Burst, to.Burst})

	tuned := tuning(t, b, func(c *budget.Config) { c.Burst = 30 })
	by, err := k.Set(0.03)
	require.NoError(t, err)
	was, is := tuned.Commit()
	require.Equal(t, was.(budget.Config).Ratio, is.(budget.Config).Ratio)
	require.True(t, k.Ours(by))
}

// Two changes that are wrong together: the later one holds as a whole, but for a ratio that it has
// not touched.
func TestTwoHandsThatAreWrongTogether(t *testing.T) {
	b := someBudget(t, budget.Config{})
	tuned := tuning(t, b, func(c *budget.Config) { c.Burst = 5 })
	tuning(t, b, func(c *budget.Config) { c.SlowCost = 8 }).Commit()
	by, err := knobOf(t, b).Set(0.02)
	require.NoError(t, err)
	from, to := tuned.Commit()
	require.Equal(t, 8.0, from.(budget.Config).SlowCost)
	require.Equal(t, 1.0, to.(budget.Config).SlowCost)
	require.Equal(t, []any{5, 1.0, 0.02}, []any{b.Config().Burst, b.Config().SlowCost, b.Config().Ratio})
	require.True(t, knobOf(t, b).Ours(by), "it is still the order's")
}
