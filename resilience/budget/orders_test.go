package budget_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

func knobOf(t *testing.T, b *budget.Budget) advice.Knob {
	t.Helper()
	k, ok := advice.KnobOf(b)
	require.True(t, ok)
	return k
}

func someBudget(t *testing.T, c budget.Config) *budget.Budget {
	t.Helper()
	b, err := budget.New(c)
	require.NoError(t, err)
	return b
}

func TestWhatHasAKnob(t *testing.T) {
	for name, p := range map[string]resilience.Policy{
		"nil": nil, "a nil Budget": (*budget.Budget)(nil), "a zero one": new(budget.Budget),
		"another": resilience.PolicyFunc(func(next resilience.Func) resilience.Func { return next }),
	} {
		_, ok := advice.KnobOf(p)
		require.False(t, ok, name)
	}
	b := someBudget(t, budget.Config{})
	first, again := knobOf(t, b), knobOf(t, b)
	require.Equal(t, first, again)
	require.NotEqual(t, knobOf(t, b), knobOf(t, someBudget(t, budget.Config{})))
}

func TestAnOrderSetsTheRatio(t *testing.T) {
	b := someBudget(t, budget.Config{Burst: 5, Floor: -1})
	k := knobOf(t, b)
	require.Equal(t, 0.1, k.Ratio())
	tokens := b.Tokens()
	by, err := k.Set(0.02)
	require.NoError(t, err)
	want := b.Config()
	require.Equal(t, 0.02, want.Ratio)
	require.Equal(t, 5, want.Burst)
	require.Equal(t, -1.0, want.Floor)
	require.Equal(t, tokens, b.Tokens())
	require.True(t, k.Ours(by))

	next, err := k.Set(-1)
	require.NoError(t, err)
	require.Equal(t, -1.0, k.Ratio())
	require.False(t, k.Ours(by))
	for _, another := range []any{by, nil, 1, (*int)(nil)} {
		_, ok := k.Restore(another)
		require.False(t, ok)
	}
	ratio, ok := k.Restore(next)
	require.True(t, ok)
	require.Equal(t, 0.1, ratio, "from before both")
	require.Equal(t, 0.1, k.Ratio())
	_, ok = k.Restore(next)
	require.False(t, ok, "once")
	require.Equal(t, want.Initial, b.Config().Initial)

	_, err = k.Set(1001)
	require.ErrorContains(t, err, "Ratio is 1001")
	require.Equal(t, 0.1, k.Ratio())
}

// Whoever changes the numbers after an order, to whatever, has them stay.
func TestAHandStandsAboveAnOrder(t *testing.T) {
	for name, hand := range map[string]func(b *budget.Budget) error{
		"Modify": func(b *budget.Budget) error {
			_, _, err := b.Modify(func(c *budget.Config) { c.Ratio = 0.03 })
			return err
		},
		"Update": func(b *budget.Budget) error { return b.Update(budget.Config{Ratio: 0.02}) },
		"a new configuration with the same numbers": func(b *budget.Budget) error {
			renewal, err := stage.Of(b).Renew(b, budget.Config{Ratio: 0.02})
			if err == nil {
				renewal.Commit()
			}
			return err
		},
	} {
		b := someBudget(t, budget.Config{})
		k := knobOf(t, b)
		by, err := k.Set(0.02)
		require.NoError(t, err)
		require.NoError(t, hand(b), name)
		require.False(t, k.Ours(by), name)
		_, ok := k.Restore(by)
		require.False(t, ok, name)
		require.NotEqual(t, 0.1, k.Ratio(), name)
	}
}

// Whoever changes another number while an order holds changes that, and the ratio stays the
// order's, which ends.
func TestAHandThatLeavesTheRatioLeavesItToTheOrder(t *testing.T) {
	b := someBudget(t, budget.Config{})
	k := knobOf(t, b)
	by, err := k.Set(0.02)
	require.NoError(t, err)
	_, to, err := b.Modify(func(c *budget.Config) { c.Burst = 7 })
	require.NoError(t, err)
	require.Equal(t, 0.02, to.Ratio)
	require.True(t, k.Ours(by))
	ratio, ok := k.Restore(by)
	require.True(t, ok)
	require.Equal(t, 0.1, ratio)
	require.Equal(t, 7, b.Config().Burst, "the hand's number stays")
}

// Orders in a row, of whomever, end with the ratio from before the first. A hand begins anew.
func TestOrdersInARowEndWithTheRatioFromBefore(t *testing.T) {
	b := someBudget(t, budget.Config{Ratio: -1})
	k := knobOf(t, b)
	set := func(ratio float64) any { by, err := k.Set(ratio); require.NoError(t, err); return by }
	set(0.5)
	_, err := k.Set(math.NaN())
	require.Error(t, err, "which changes nothing")
	set(0.25)
	ratio, ok := k.Restore(set(0.5))
	require.True(t, ok)
	require.Equal(t, -1.0, ratio)
	require.Equal(t, -1.0, b.Config().Ratio)
	b.Deposit()
	require.Zero(t, b.Stats().Deposits)

	set(0.5)
	require.NoError(t, b.Update(budget.Config{Ratio: 0.5}))
	ratio, ok = k.Restore(set(0.25))
	require.True(t, ok)
	require.Equal(t, 0.5, ratio, "it is the hand's now")
}
