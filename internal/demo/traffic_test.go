package demo

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestScheduleIsDecidedByItsSeed(t *testing.T) {
	a := Schedule(7, 100, 10*time.Second, 2)
	require.Equal(t, a, Schedule(7, 100, 10*time.Second, 2))
	require.NotEqual(t, a, Schedule(8, 100, 10*time.Second, 2))
}

func TestScheduleIsOfTheRateAndLengthAskedFor(t *testing.T) {
	arrivals := Schedule(1, 100, 100*time.Second, 2)
	// The standard deviation of a Poisson count is its square root: 100 for 10,000. A difference of
	// five of them means a mistake, not chance. And the seed is fixed.
	require.InDelta(t, 10_000, len(arrivals), 500)
	require.True(t, slices.IsSortedFunc(arrivals, func(a, b Arrival) int { return int(a.At - b.At) }))
	require.Less(t, arrivals[len(arrivals)-1].At, 100*time.Second)

	perBackend := map[int]int{}
	for _, a := range arrivals {
		perBackend[a.Backend]++
	}
	require.Len(t, perBackend, 2)
	require.InDelta(t, len(arrivals)/2, perBackend[0], 300)
}

func TestPaceSendsEachArrivalAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrivals := Schedule(1, 50, time.Second, 2)
		start := time.Now()
		var sent []Arrival
		lag := pace(t.Context(), start, arrivals, func(a Arrival) {
			require.Equal(t, a.At, time.Since(start))
			sent = append(sent, a)
		})
		require.Equal(t, arrivals, sent)
		require.Zero(t, lag)
	})
}

func TestPaceCatchesUpAndSaysHowLateItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		arrivals := []Arrival{{At: 0}, {At: time.Second}, {At: 3 * time.Second}}
		var sent []time.Duration
		lag := pace(t.Context(), start, arrivals, func(Arrival) {
			sent = append(sent, time.Since(start))
			if len(sent) == 1 {
				time.Sleep(2 * time.Second)
			}
		})
		require.Equal(t, []time.Duration{0, 2 * time.Second, 3 * time.Second}, sent)
		require.Equal(t, time.Second, lag)
	})
}

func TestPaceStopsWhenThePlayIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		sent := 0
		pace(ctx, time.Now(), []Arrival{{At: time.Second}, {At: time.Minute}}, func(Arrival) {
			sent++
			cancel()
		})
		require.Equal(t, 1, sent)
	})
}
