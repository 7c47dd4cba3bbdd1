package ratelimit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func waiting() *waiter { return &waiter{wake: make(chan struct{}, 1)} }

// What happens between two steps of one who arrives: it has found no token, and is not in the queue
// yet.
func TestWhileSomebodyArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := New(Config{Rate: 1, Burst: 2, MaxWait: -1})
		require.NoError(t, err)
		for range 2 {
			require.True(t, l.take(time.Now()))
		}

		time.Sleep(time.Second) // a token comes
		w := waiting()
		require.NoError(t, l.enqueue(w))
		require.Nil(t, w.place, "it has the token")
		require.Zero(t, l.Stats().Tokens)

		first, second := waiting(), waiting()
		require.NoError(t, l.enqueue(first))
		time.Sleep(time.Second) // a token comes, and the first has not looked yet
		require.NoError(t, l.enqueue(second))
		require.Nil(t, first.place, "it is the first's")
		require.NotNil(t, second.place)
		require.Equal(t, 1, l.Stats().Waiting)

		require.NoError(t, l.Update(Config{Rate: 1, Burst: 2})) // nobody waits any more
		require.ErrorIs(t, l.enqueue(waiting()), ErrLimited)
		require.Equal(t, 1, l.Stats().Waiting)
	})
}
