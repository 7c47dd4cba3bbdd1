package retry_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/retry"
)

const ms = time.Millisecond

// The seed's table, and its neighbours.
func TestBackoffs(t *testing.T) {
	for name, c := range map[string]struct {
		backoff    retry.Backoff
		multiplier float64
		want       []time.Duration
	}{
		"seed":         {retry.Exponential, 2, []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000}},
		"tripling":     {retry.Exponential, 3, []time.Duration{100, 300, 900, 2700, 5000}},
		"flat":         {retry.Exponential, 1, []time.Duration{100, 100, 100}},
		"one and half": {retry.Exponential, 1.5, []time.Duration{100, 150, 225}},
		"constant":     {retry.Constant, 2, []time.Duration{100, 100, 100}},
		"linear":       {retry.Linear, 2, []time.Duration{100, 200, 300, 400}},
		"fibonacci":    {retry.Fibonacci, 2, []time.Duration{100, 100, 200, 300, 500, 800, 1300, 2100, 3400, 5000}},
		"func":         {retry.BackoffFunc(func(n int) time.Duration { return time.Duration(n) * ms }), 2, []time.Duration{0, 1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			for n, want := range c.want {
				got := c.backoff.Backoff(retry.Step{Retry: n, Base: 100 * ms, Max: 5 * time.Second, Multiplier: c.multiplier})
				require.Equal(t, want*ms, got, "retry %d", n)
			}
		})
	}
}

func TestNames(t *testing.T) {
	require.Equal(t, "fibonacci", retry.Fibonacci.String())
	require.Equal(t, "unknown", retry.StandardBackoff(99).String())
	require.Equal(t, "decorrelated", retry.DecorrelatedJitter.String())
	require.Equal(t, "unknown", retry.StandardJitter(99).String())
	require.Equal(t, "additive(0.3)", retry.AdditiveJitter(0.3).String())
	require.Equal(t, "proportional(0.25)", retry.ProportionalJitter(0.25).String())
}

// Ranges are checked over many draws: all of them inside, and the ends come near.
func TestJitters(t *testing.T) {
	step := retry.Step{Retry: 3, Base: 100 * ms, Max: 5 * time.Second, Multiplier: 2, Delay: 800 * ms, Prev: 400 * ms}
	for name, c := range map[string]struct {
		jitter    retry.Jitter
		low, high time.Duration
	}{
		"none":         {retry.NoJitter, 800 * ms, 800 * ms},
		"seed":         {retry.AdditiveJitter(0.3), 800 * ms, 1040 * ms},
		"full":         {retry.FullJitter, 0, 800 * ms},
		"equal":        {retry.EqualJitter, 400 * ms, 800 * ms},
		"decorrelated": {retry.DecorrelatedJitter, 100 * ms, 1200 * ms},
		"proportional": {retry.ProportionalJitter(0.25), 600 * ms, 1000 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			least, most := time.Duration(math.MaxInt64), time.Duration(0)
			for range 5000 {
				d := c.jitter.Jitter(step)
				least, most = min(least, d), max(most, d)
			}
			require.GreaterOrEqual(t, least, c.low)
			require.LessOrEqual(t, most, c.high)
			near := (c.high - c.low) / 20
			require.LessOrEqual(t, least, c.low+near)
			require.GreaterOrEqual(t, most, c.high-near)
		})
	}
}

func TestDecorrelatedJitterStaysUnderMax(t *testing.T) {
	for range 1000 {
		d := retry.DecorrelatedJitter.Jitter(retry.Step{Base: ms, Max: 10 * ms, Prev: math.MaxInt64})
		require.LessOrEqual(t, d, 10*ms)
		first := retry.DecorrelatedJitter.Jitter(retry.Step{Base: ms, Max: 10 * ms})
		require.GreaterOrEqual(t, first, ms)
		require.LessOrEqual(t, first, 3*ms)
	}
}

func TestNoRoomForJitter(t *testing.T) {
	require.EqualValues(t, math.MaxInt64, retry.DecorrelatedJitter.Jitter(retry.Step{Base: math.MaxInt64, Max: math.MaxInt64}))
	require.Equal(t, ms, retry.DecorrelatedJitter.Jitter(retry.Step{Base: 5 * ms, Max: ms}))
}

func TestJitterOfExtremeDelays(t *testing.T) {
	for _, j := range []retry.Jitter{
		retry.NoJitter, retry.FullJitter, retry.EqualJitter, retry.DecorrelatedJitter, retry.AdditiveJitter(1), retry.ProportionalJitter(1),
	} {
		for _, d := range []time.Duration{0, 1, math.MaxInt64} {
			for range 1000 {
				require.GreaterOrEqual(t, j.Jitter(retry.Step{Base: 1, Max: math.MaxInt64, Delay: d, Prev: d}), time.Duration(0), "%v of %v", j, d)
			}
		}
	}
}
