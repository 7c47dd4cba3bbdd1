package storm

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Events come at their instants and in their order, whenever they were added: before the start,
// from elsewhere, or by another event; and none after stop.
func TestClockKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var c clock
		start := time.Now()
		now := func() time.Duration { return time.Since(start) }
		rnd := rand.New(rand.NewPCG(1, 2))
		var want, got []time.Duration
		seen := map[time.Duration]bool{}
		var add func(more int)
		add = func(more int) {
			at := now() + 1 + time.Duration(rnd.Int64N(int64(time.Second)))
			if seen[at] {
				return
			}
			seen[at] = true
			want = append(want, at)
			c.add(at, now(), func() {
				require.Equal(t, at, now())
				got = append(got, at)
				if more > 0 {
					add(more - 1)
				}
			})
		}
		for range 500 {
			add(2)
		}
		c.start(&mu, now)
		for range 500 {
			<-time.After(1234567 * time.Nanosecond)
			mu.Lock()
			add(1)
			mu.Unlock()
		}
		<-time.After(5 * time.Second)
		mu.Lock()
		c.add(now()+2, now(), func() { t.Error("an event that is later than the end") })
		mu.Unlock()
		c.stop(&mu)
		slices.Sort(want)
		require.Len(t, got, 2500)
		require.Equal(t, want, got)
	})
}

// Of attempts that a call makes at one instant, one has not waited for anything; the others line
// up, and go on one after the other.
func TestOneAttemptIsTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Scenario{Load: Poisson(1), For: time.Second}.resolved()
		require.NoError(t, err)
		l := newLab(s)
		l.clock.start(&l.mu, l.now)
		defer l.clock.stop(&l.mu)
		c := l.begin(0)
		require.True(t, l.first(c))
		require.False(t, l.first(c))
		var wait sync.WaitGroup
		var mu sync.Mutex
		var order []int
		for _, leave := range []int{2, 0, 3, 1} {
			wait.Go(func() {
				l.lineUp(c, leave)
				mu.Lock()
				defer mu.Unlock()
				order = append(order, leave)
			})
		}
		wait.Wait()
		require.Equal(t, []int{0, 1, 2, 3}, order)
		require.False(t, l.first(c), "it has waited")
	})
}
