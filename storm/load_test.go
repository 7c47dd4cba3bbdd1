package storm_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/storm"
)

func ExamplePoisson() {
	fmt.Println(storm.Poisson(40).RampTo(80, 25*time.Second).RampTo(0, 75*time.Second))
	// Output: Poisson, 40/s, 80/s at 25s, 0/s at 1m15s
}

func ExampleConstant() {
	fmt.Println(storm.Constant(100).Spike(1000, 20*time.Second, 5*time.Second))
	// Output: constant, 100/s, 1000/s from 20s to 25s
}

func ExampleTrace() {
	fmt.Println(storm.Trace(0, 300*time.Millisecond, 310*time.Millisecond))
	// Output: trace of 3 calls
}

func ExampleClosed() {
	fmt.Println(storm.Closed(50, storm.Exponential(3*time.Second)))
	// Output: closed, 50 callers
}

// begun returns how many calls began in each second.
func begun(t *testing.T, load storm.Load, length time.Duration) []int {
	t.Helper()
	r := storm.Run(t, storm.Scenario{Seed: 1, Load: load, For: length}, bare)
	var calls []int
	for _, b := range r.Series {
		calls = append(calls, b.Calls)
	}
	require.Equal(t, r.Total.Calls, sum(calls))
	return calls
}

func sum(numbers []int) (n int) {
	for _, m := range numbers {
		n += m
	}
	return n
}

// Over 200 s at 50/s: the mean within 3 standard errors (0.5 each), and the variance the mean's,
// within 3 of its own (√(2/199) of it each).
func TestPoissonArrivals(t *testing.T) {
	calls := begun(t, storm.Poisson(50), 200*time.Second)
	calls = calls[:200]
	mean := float64(sum(calls)) / 200
	require.InDelta(t, 50, mean, 1.5)
	var squares float64
	for _, n := range calls {
		squares += (float64(n) - mean) * (float64(n) - mean)
	}
	require.InEpsilon(t, mean, squares/199, 3*math.Sqrt(2.0/199))
}

func TestConstantArrivals(t *testing.T) {
	require.Equal(t, []int{50, 50, 50, 50}, begun(t, storm.Constant(50), 4*time.Second)[:4])
}

// The calls of a ramp are the area under it: (10+20)/2 in the first second, and so on; and the
// other way round.
func TestRamp(t *testing.T) {
	calls := begun(t, storm.Constant(10).RampTo(40, 3*time.Second).RampTo(0, 5*time.Second), 7*time.Second)
	want := []int{15, 25, 35, 30, 10, 0, 0}
	require.Len(t, calls, 7)
	for i := range want {
		require.InDelta(t, want[i], calls[i], 1, "second %d of %v", i, calls)
	}
}

// With Poisson's arrivals, within 3.5 standard deviations in every second.
func TestPoissonRamp(t *testing.T) {
	calls := begun(t, storm.Poisson(0).RampTo(500, 10*time.Second), 12*time.Second)
	for i := range 12 {
		want := min(500, 50*float64(i)+25)
		require.InDelta(t, want, calls[i], 3.5*math.Sqrt(want), "second %d of %v", i, calls)
	}
}

// A spike replaces the rate, also that of a ramp, and leaves the rest as it was.
func TestSpike(t *testing.T) {
	calls := begun(t, storm.Constant(10).Spike(100, 2*time.Second, 1500*time.Millisecond).Spike(0, 5*time.Second, time.Second), 7*time.Second)
	want := []int{10, 10, 100, 55, 10, 0, 10}
	for i := range want {
		require.InDelta(t, want[i], calls[i], 1, "second %d of %v", i, calls)
	}
}

// A load is a value: what its methods return is another one.
func TestLoadsDoNotChange(t *testing.T) {
	base := storm.Constant(10).RampTo(20, time.Second)
	first, second := base.RampTo(30, 2*time.Second), base.RampTo(40, 2*time.Second)
	require.Equal(t, "constant, 10/s, 20/s at 1s", base.String())
	require.Equal(t, "constant, 10/s, 20/s at 1s, 30/s at 2s", first.String())
	require.Equal(t, "constant, 10/s, 20/s at 1s, 40/s at 2s", second.String())
}

func TestTraceArrivals(t *testing.T) {
	require.Equal(t, []int{2, 0, 1, 0}, begun(t, storm.Trace(2*time.Second, 0, 0, 9*time.Second), 4*time.Second))
}

// 100,000 draws: the mean within 2 %, and the percentiles where they are said to be, within 5 %.
func TestDistributions(t *testing.T) {
	const draws = 100_000
	for _, d := range []struct {
		storm.Distribution
		mean, median, p99 time.Duration
	}{
		{storm.Fixed(time.Second), time.Second, time.Second, time.Second},
		{storm.Exponential(time.Second), time.Second, seconds(math.Ln2), seconds(math.Log(100))},
		// The mean of a log-normal is median · exp(σ²/2).
		{
			storm.LogNormal{Median: time.Second, P99: 5 * time.Second},
			seconds(math.Exp(math.Pow(math.Log(5)/2.3263, 2) / 2)), time.Second, 5 * time.Second,
		},
		{
			storm.TwoPoint{Usual: time.Second, Rare: 11 * time.Second, Share: 0.1},
			2 * time.Second, time.Second, 11 * time.Second,
		},
		{storm.Normal{Mean: 10 * time.Second, Deviation: 2 * time.Second}, 10 * time.Second, 10 * time.Second, seconds(10 + 2*2.3263)},
		// Folded at 0, the mean is the deviation · √(2/π).
		{storm.Normal{Deviation: time.Second}, seconds(math.Sqrt(2 / math.Pi)), seconds(0.6745), seconds(2.5758)},
	} {
		rnd := rand.New(rand.NewPCG(1, 2))
		var all []time.Duration
		var total float64
		for range draws {
			v := d.Draw(rnd)
			all = append(all, v)
			total += v.Seconds()
		}
		slices.Sort(all)
		require.InEpsilon(t, d.mean.Seconds(), total/draws, 0.02, "%#v: mean", d.Distribution)
		require.InEpsilon(t, d.median.Seconds(), all[draws/2].Seconds(), 0.05, "%#v: median", d.Distribution)
		require.InEpsilon(t, d.p99.Seconds(), all[draws*99/100].Seconds(), 0.05, "%#v: 99th percentile", d.Distribution)
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
