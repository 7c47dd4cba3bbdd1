package storm_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// ends plays a scenario, and returns when its calls ended, in order: those that succeeded, by their
// number, and those that were dropped, by time.
func ends(t *testing.T, s storm.Scenario) (served []int, dropped []time.Duration, r *storm.Report) {
	t.Helper()
	var start time.Time
	calls := 0
	r = storm.Run(t, s, func() storm.Doer {
		start = time.Now()
		return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
			number := calls
			calls++
			err := op(ctx)
			switch {
			case err == nil:
				served = append(served, number)
			case ctx.Err() == nil:
				require.ErrorIs(t, err, storm.ErrDropped)
				require.Equal(t, resilience.Transient, resilience.Classify(err))
				dropped = append(dropped, time.Since(start).Round(time.Microsecond))
			}
			return err
		})
	})
	return served, dropped, r
}

func TestQueueOrder(t *testing.T) {
	s := storm.Scenario{
		Load: storm.Trace(0, 100*ms, 200*ms, 300*ms, 1500*ms), For: 10 * time.Second,
		Server: storm.Server{Workers: 1, Service: storm.Fixed(time.Second)},
	}
	served, dropped, _ := ends(t, s)
	require.Equal(t, []int{0, 1, 2, 3, 4}, served)
	require.Empty(t, dropped)
	s.Server.Queue = storm.LIFO{}
	served, dropped, r := ends(t, s)
	require.Equal(t, []int{0, 3, 4, 2, 1}, served)
	require.Empty(t, dropped)
	require.Equal(t, 3, r.Total.QueueMax)

	s.Deadline, s.Server.StopsWhenLeft = 1950*ms, true // 2 and 1 leave before their turn
	served, _, r = ends(t, s)
	require.Equal(t, []int{0, 3, 4}, served[:3])
	require.Equal(t, 3, r.Total.QueueMax)
	require.Zero(t, r.Series[5].Queue)
}

// A hundred workers' worth of queue: the drops of CoDel are Interval after the wait has passed
// Target, and then ever closer, Interval/√n after the one before; each at the first time that the
// server takes one after that.
func TestCoDelKeepsItsLaw(t *testing.T) {
	const service = ms
	_, dropped, r := ends(t, storm.Scenario{
		Load: storm.Constant(3000), For: 2 * time.Second, Drain: 10 * time.Second,
		Server: storm.Server{Workers: 1, Service: storm.Fixed(service), Queue: storm.CoDel{}, RefusalCost: -1},
	})
	require.Greater(t, len(dropped), 100)
	// The second attempt joins at a third of a millisecond and waits; the wait passes 5 ms with the
	// one that is let in after 8 of work.
	require.InDelta(t, 108*ms, dropped[0], float64(2*ms))
	due := float64(dropped[0])
	for n := 1; n <= 100; n++ {
		due += float64(100*ms) / math.Sqrt(float64(n))
		require.InDelta(t, due+0.5*float64(service), float64(dropped[n]), 0.6*float64(service)+float64(n)*100, "drop %d", n)
	}
	require.Equal(t, r.Total.Calls, r.Total.Good+len(dropped))
}

// A series of drops that begins soon after another one goes on with its pace; one that begins 16
// Intervals later or more begins anew, with a second drop after a whole Interval.
func TestCoDelRemembersItsPace(t *testing.T) {
	_, dropped, _ := ends(t, storm.Scenario{
		Load: storm.Constant(1100).Spike(500, 6*time.Second, 4*time.Second), For: 12 * time.Second,
		Server: storm.Server{Workers: 1, Service: storm.Fixed(ms), Queue: storm.CoDel{}, RefusalCost: -1},
	})
	soon, late := 0, 0
	for i := 2; i+1 < len(dropped); i++ {
		if dropped[i]-dropped[i-1] < 99*ms { // no new series: that takes an Interval above Target
			continue
		}
		second := dropped[i+1] - dropped[i]
		if dropped[i]-dropped[i-1] < 1600*ms {
			soon++
			require.Less(t, second, 80*ms, "after %v", dropped[i])
		} else {
			late++
			require.InDelta(t, 100*ms, second, float64(2*ms), "after %v", dropped[i])
		}
	}
	require.Positive(t, soon)
	require.Equal(t, 1, late)
}

// No drop while the wait stays below Target, nor where it is above it for less than Interval.
func TestCoDelLeavesShortQueuesAlone(t *testing.T) {
	s := storm.Scenario{
		Load: storm.Poisson(500), For: 20 * time.Second,
		Server: storm.Server{Workers: 1, Service: storm.Fixed(ms), Queue: storm.CoDel{}},
	}
	_, dropped, r := ends(t, s)
	require.Empty(t, dropped)
	require.Positive(t, r.Total.Queue)

	s.Load = storm.Constant(500).Spike(1500, time.Second, 150*ms) // 75 too many, gone 150 ms later
	s.Server.Queue = storm.CoDel{Interval: 400 * ms}
	_, dropped, r = ends(t, s)
	require.Empty(t, dropped)
	require.Greater(t, r.Total.QueueMax, 50)
	s.Server.Queue = storm.CoDel{Interval: 100 * ms}
	_, dropped, _ = ends(t, s)
	require.NotEmpty(t, dropped)
}

// While the queue was empty a moment ago, first come, first served, and all may wait for Interval;
// once it stands, the newest first, who wait for Target at most.
func TestAdaptiveLIFO(t *testing.T) {
	s := storm.Scenario{
		Load: storm.Constant(200), For: 10 * time.Second,
		Server: storm.Server{
			Workers: 1, Service: storm.Fixed(10 * ms), RefusalCost: -1,
			Queue: storm.AdaptiveLIFO{Target: 50 * ms, Interval: time.Second},
		},
	}
	served, dropped, r := ends(t, s)
	// The queue begins at 5 ms. Until 1.005 s it is FIFO, and falls behind by 100 calls a second.
	for i, n := range served[:90] {
		require.Equal(t, i, n, "first come, first served")
	}
	late := r.Between(3*time.Second, 9*time.Second)
	require.LessOrEqual(t, late.Max, 61*ms, "the work, and Target")
	require.InDelta(t, 0.5, late.Goodput(), 0.02, "as many as there are workers for")
	for _, at := range dropped {
		require.Greater(t, at, time.Second)
	}
	require.Equal(t, r.Total.Calls, len(served)+len(dropped), "nobody waits for ever")
}

// Twice the load that the server can do, and callers who wait for half a second: first come, first
// served does nobody any good, since all wait for longer; the others serve half of them.
func TestQueuesUnderOverload(t *testing.T) {
	for _, c := range []struct {
		queue storm.Queue
		least float64
		most  float64
	}{
		{nil, 0, 0.01},
		{storm.LIFO{}, 0.48, 0.51},
		{storm.AdaptiveLIFO{}, 0.48, 0.51},
	} {
		r := storm.Run(t, storm.Scenario{
			Seed: 1, Load: storm.Poisson(400), For: 30 * time.Second, Deadline: 500 * ms,
			Server: storm.Server{Workers: 10, Service: storm.Exponential(50 * ms), Queue: c.queue, RefusalCost: -1},
		}, bare)
		late := r.Between(10*time.Second, 30*time.Second)
		got := late.Goodput()
		require.True(t, c.least <= got && got <= c.most, "%T: %v", c.queue, got)
	}
}

// What is dropped costs what a refusal costs, and says what a refusal says.
func TestADropIsARefusal(t *testing.T) {
	var errs []error
	s := storm.Scenario{
		Load: storm.Trace(0, 1), For: 5 * time.Second,
		Server: storm.Server{
			Workers: 1, Service: storm.Fixed(time.Second), Queue: storm.AdaptiveLIFO{Interval: 500 * ms},
			RefusalCost: 0.2, Overload: true, RetryAfter: time.Minute,
		},
	}
	r := storm.Run(t, s, noting(&errs))
	require.Equal(t, 1, r.Total.Good)
	require.Equal(t, 1200*ms, r.Total.Max.Round(time.Microsecond))
	require.Equal(t, 1, r.Total.Refused)
	require.Zero(t, r.Total.Failed)
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], storm.ErrDropped)
	require.Equal(t, resilience.Overload, resilience.Classify(errs[0]))
	require.Equal(t, time.Minute, resilience.RetryAfter(errs[0]))
}
