package breaker

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Where more changes come than are told, those that are told still follow from each other: the
// oldest used to be dropped, and an observer heard of a breaker that half-opened after it had
// closed.
func TestChangesThatNobodyFetchesStayInOrder(t *testing.T) {
	var q changes
	states := []State{StateClosed, StateOpen, StateHalfOpen}
	last := StateClosed
	for i := range 10 * maxChanges {
		to := states[(i+1)%len(states)]
		q.add(change{from: last, to: to})
		last = to
		require.LessOrEqual(t, len(q.queue), maxChanges)
	}
	told, state := 0, StateClosed
	q.deliver(func(c change) {
		require.Equal(t, state, c.from)
		require.NotEqual(t, c.from, c.to)
		state = c.to
		told++
	})
	require.Equal(t, last, state)
	require.Greater(t, told, maxChanges/2)
	require.False(t, q.waiting())
}
