package budget_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/budget"
)

func TestLikeSharesNoState(t *testing.T) {
	c := budget.Config{Burst: 2, Floor: -1}
	first, err := budget.New(c)
	require.NoError(t, err)
	require.True(t, first.Allow())
	second, err := first.Like(c)
	require.NoError(t, err)
	require.InDelta(t, 2, second.Tokens(), 0)
	require.True(t, second.Allow())
	require.True(t, second.Allow())
	require.InDelta(t, 1, first.Tokens(), 0)

	require.NoError(t, first.Update(budget.Config{Burst: 9}))
	require.Equal(t, 2, second.Config().Burst, "an update is the one's alone")
	other, err := first.Like(budget.Config{Burst: 5})
	require.NoError(t, err)
	require.Equal(t, 5, other.Config().Burst)
	_, err = first.Like(budget.Config{Burst: -5})
	require.ErrorContains(t, err, "Burst is -5")
}

func ExampleBudget_Like() {
	c := budget.Config{Burst: 2, Floor: -1}
	a, err := budget.New(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := a.Like(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	a.Allow()
	fmt.Println(a.Tokens(), b.Tokens())
	// Output:
	// 1 2
}
