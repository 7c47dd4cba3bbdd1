package bulkhead

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The linked list is what a slice would be, whoever joins and leaves.
func TestQueueIsWhatASliceWouldBe(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var q queue
	var model []*waiter
	for range 100_000 {
		if len(model) == 0 || rng.IntN(100) < 48 {
			w := &waiter{}
			q.add(w)
			model = append(model, w)
		} else {
			i := []int{0, len(model) - 1, rng.IntN(len(model))}[rng.IntN(3)]
			q.remove(model[i])
			require.Equal(t, waiter{}, *model[i], "who has left holds on to nobody")
			model = slices.Delete(model, i, i+1)
		}
		if len(model) == 0 {
			require.Equal(t, queue{}, q)
			continue
		}
		require.Same(t, model[0], q.first)
		require.Same(t, model[len(model)-1], q.last)
		if rng.IntN(1000) == 0 {
			var forth, back []*waiter
			for w := q.first; w != nil; w = w.behind {
				require.True(t, w.queued)
				forth = append(forth, w)
			}
			for w := q.last; w != nil; w = w.ahead {
				back = append(back, w)
			}
			slices.Reverse(back)
			require.Len(t, forth, len(model))
			for i := range model {
				require.Same(t, model[i], forth[i])
				require.Same(t, model[i], back[i])
			}
		}
	}
}

// A place that comes free between two steps of one who arrives, as far as the call that ends has
// come by then: it has lowered inUse, and not yet looked whether anybody waits.
func TestAPlaceThatComesFreeWhileSomebodyArrives(t *testing.T) {
	served := func(w *waiter) bool {
		select {
		case <-w.place:
			return true
		default:
			return false
		}
	}
	for _, limit := range []int{0, 1, math.MaxInt32} {
		b, err := New(Config{MaxConcurrent: 1, MaxWait: -1, QueueLimit: limit})
		require.NoError(t, err)
		require.NoError(t, b.Acquire(t.Context()))
		b.state().inUse.Add(-1)
		first, _ := b.enqueue()
		require.True(t, served(first), "nobody else is going to serve it")

		second, _ := b.enqueue()
		require.False(t, served(second))
		b.state().inUse.Add(-1)
		third, _ := b.enqueue()
		require.NotNil(t, third, "the second has its place, so there is room in the queue")
		require.True(t, served(second))
		require.False(t, served(third))
		if limit == 1 {
			none, waiting := b.enqueue()
			require.Nil(t, none)
			require.Equal(t, 1, waiting)
		}
		require.Equal(t, Stats{MaxConcurrent: 1, InUse: 1, Waiting: 1, QueueLimit: limit}, b.Stats())
	}
}
