package storm

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// It finds what a search step by step finds, while time passes, and forgets what is past.
func TestTakenFindsTheFirstFree(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	s, model := newTaken(), map[time.Duration]bool{}
	now, most := time.Duration(0), 0
	for range 50_000 {
		now += time.Duration(rnd.IntN(3))
		at := now + 1 + time.Duration(rnd.IntN(40))
		want := at
		for model[want] {
			want += 2
		}
		got := s.firstFree(at)
		require.Equal(t, want, got)
		s.take(got, now)
		model[got] = true
		most = max(most, len(s.next))
	}
	require.LessOrEqual(t, most, leastSweep)
}

// looks is how many instants a search from t on looks at that are taken.
func looks(s taken, t time.Duration) (n int) {
	for next, ok := s.next[t]; ok; next, ok = s.next[next] {
		n++
	}
	return n
}

// A hundred thousand at one instant, twice: each looks at few that are taken. Step by step, it
// would be five billion looks.
func TestTakenAtOneInstant(t *testing.T) {
	const many = 100_000
	s := newTaken()
	for range 2 {
		for i := range many {
			s.take(s.firstFree(10), 0)
			if i%1000 == 0 {
				require.LessOrEqual(t, looks(s, 10), 2, "after %d", i)
			}
		}
	}
	require.Len(t, s.next, 2*many)
	require.Equal(t, time.Duration(10+4*many), s.firstFree(10))
	require.Equal(t, time.Duration(11), s.firstFree(11), "the others are free")
	s.take(11, 10+4*many)
	s.sweepAt = 0
	s.take(13, 10+4*many)
	require.Empty(t, s.next, "all of it is past")
}
