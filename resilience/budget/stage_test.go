package budget_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// another returns a budget for a key.
func another(b *budget.Budget, c budget.Config) (*budget.Budget, error) {
	p, err := stage.Of(b).Another(b, c, "hosts", "")
	if err != nil {
		return nil, err
	}
	return p.(*budget.Budget), nil //nolint:forcetypeassert // it is its own kind
}

func TestAnotherSharesNoState(t *testing.T) {
	c := budget.Config{Burst: 2, Floor: -1}
	first, err := budget.New(c)
	require.NoError(t, err)
	require.True(t, first.Allow())
	second, err := another(first, c)
	require.NoError(t, err)
	require.InDelta(t, 2, second.Tokens(), 0)
	require.True(t, second.Allow())
	require.True(t, second.Allow())
	require.InDelta(t, 1, first.Tokens(), 0)

	require.NoError(t, first.Update(budget.Config{Burst: 9}))
	require.Equal(t, 2, second.Config().Burst, "an update is the one's alone")
	other, err := another(first, budget.Config{Burst: 5})
	require.NoError(t, err)
	require.Equal(t, 5, other.Config().Burst)
	_, err = another(first, budget.Config{Burst: -5})
	require.ErrorContains(t, err, "Burst is -5")
}

// An update to what is in force changes nothing, and so needs no settings of its own: there may be
// 100,000 budgets that share theirs.
func TestRenewChangesOnlyWhatIsNew(t *testing.T) {
	b, err := budget.New(budget.Config{Burst: 2})
	require.NoError(t, err)
	kind, ok := stage.OfConfig(budget.Config{})
	require.True(t, ok)
	for c, changes := range map[budget.Config]bool{{Burst: 2}: false, {Burst: 3}: true} {
		r, err := kind.Renew(b, c)
		require.NoError(t, err)
		require.True(t, r.Kept)
		require.Same(t, b, r.Policy)
		require.Equal(t, changes, r.Commit != nil, "%+v", c)
	}
	r, err := kind.Renew(b, budget.Config{Burst: -1})
	require.Error(t, err)
	require.Nil(t, r.Commit)
}
