package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// jitters are all those of package retry.
var jitters = map[string]retry.Jitter{
	"none": retry.NoJitter, "full": retry.FullJitter, "equal": retry.EqualJitter, "decorrelated": retry.DecorrelatedJitter,
	"additive": retry.AdditiveJitter(0.3), "additive 1": retry.AdditiveJitter(1),
	"proportional": retry.ProportionalJitter(0.2), "proportional 1": retry.ProportionalJitter(1),
}

// The plan's bounds and mean of a pause agree with 20,000 random ones, for every backoff and
// jitter.
func TestPausesAreWhatTheJittersDraw(t *testing.T) {
	const draws, retries = 20_000, 6
	for _, backoff := range []retry.StandardBackoff{retry.Exponential, retry.Constant, retry.Linear, retry.Fibonacci} {
		for name, jitter := range jitters {
			for _, limit := range []time.Duration{450 * ms, 5 * time.Second, -1} {
				t.Run(fmt.Sprint(backoff, " ", name, " ", limit), func(t *testing.T) {
					c := retry.Config{BaseDelay: 100 * ms, MaxDelay: limit, Backoff: backoff, Jitter: jitter}
					p := planOf(t, c)
					step := retry.Step{Base: c.BaseDelay, Max: limit, Multiplier: 2}
					if limit < 0 {
						step.Max = plan.Forever
					}
					var sum, least, most [retries]time.Duration
					for range draws {
						s := step
						for n := range retries {
							s.Retry = n
							s.Delay = backoff.Backoff(s)
							d := jitter.Jitter(s)
							s.Prev = d
							sum[n] += d
							most[n] = max(most[n], d)
							if least[n] == 0 || d < least[n] {
								least[n] = d
							}
						}
					}
					for n := range retries {
						q := p.Pause(n)
						require.True(t, q.Known)
						require.LessOrEqual(t, q.Shortest, least[n], "retry %d", n)
						require.GreaterOrEqual(t, q.Longest, most[n], "retry %d", n)
						mean := float64(sum[n]) / draws
						require.InEpsilon(t, mean, float64(q.Mean), 0.05, "retry %d", n)
						// The bounds are reached, or nearly so; decorrelated pauses rarely triple
						// six times.
						if name != "decorrelated" {
							spread := float64(q.Longest - q.Shortest)
							require.InDelta(t, float64(q.Shortest), float64(least[n]), 0.01*spread+1, "retry %d", n)
							require.InDelta(t, float64(q.Longest), float64(most[n]), 0.01*spread+1, "retry %d", n)
						}
					}
				})
			}
		}
	}
}

func TestDecorrelatedPauses(t *testing.T) {
	p := planOf(t, retry.Config{BaseDelay: 100 * ms, MaxDelay: -1, Jitter: retry.DecorrelatedJitter})
	require.Equal(t, plan.Pause{Shortest: 100 * ms, Mean: 200 * ms, Longest: 300 * ms, Known: true}, p.Pause(0))
	require.Equal(t, plan.Pause{Shortest: 100 * ms, Mean: 350 * ms, Longest: 900 * ms, Known: true}, p.Pause(1))

	p = planOf(t, retry.Config{BaseDelay: 100 * ms, MaxDelay: 100 * ms, Jitter: retry.DecorrelatedJitter})
	require.Equal(t, plan.Pause{Shortest: 100 * ms, Mean: 100 * ms, Longest: 100 * ms, Known: true}, p.Pause(9))

	// Nothing overflows, and very late pauses are like less late ones.
	p = planOf(t, retry.Config{BaseDelay: time.Nanosecond, MaxDelay: -1, Jitter: retry.DecorrelatedJitter})
	require.Equal(t, plan.Forever, p.Pause(1_000_000).Longest)
	p = planOf(t, retry.Config{Jitter: retry.DecorrelatedJitter})
	require.InEpsilon(t, float64(p.Pause(500).Mean), float64(p.Pause(1000).Mean), 1e-6)
}

func TestPausesOfLargeConfigsDoNotOverflow(t *testing.T) {
	for name, jitter := range jitters {
		for _, backoff := range []retry.StandardBackoff{retry.Exponential, retry.Constant, retry.Linear, retry.Fibonacci} {
			p := planOf(t, retry.Config{BaseDelay: 1 << 61, MaxDelay: -1, Jitter: jitter, Backoff: backoff, MaxRetries: retry.Unlimited})
			for _, n := range []int{0, 1, 63, 64, 5000} {
				q := p.Pause(n)
				require.LessOrEqual(t, q.Shortest, q.Mean, "%s %s %d", name, backoff, n)
				require.LessOrEqual(t, q.Mean, q.Longest, "%s %s %d", name, backoff, n)
				require.GreaterOrEqual(t, q.Shortest, time.Duration(0), "%s %s %d", name, backoff, n)
			}
			require.Equal(t, plan.Forever, p.Worst().Needed)
		}
	}
}

type coin struct{}

func (coin) Jitter(s retry.Step) time.Duration  { return s.Delay }
func (coin) Backoff(s retry.Step) time.Duration { return s.Base }

// The pause of a user's own Backoff or Jitter is not known.
func TestPausesMadeByCodeAreNotKnown(t *testing.T) {
	for name, c := range map[string]retry.Config{
		"jitter":      {Jitter: coin{}},
		"backoff":     {Backoff: coin{}},
		"backofffunc": {Backoff: retry.BackoffFunc(func(int) time.Duration { panic("called") })},
	} {
		t.Run(name, func(t *testing.T) {
			p := planOf(t, c)
			require.Equal(t, plan.Pause{}, p.Pause(0))
			require.True(t, p.Worst().Guessed)
			require.True(t, p.Best().Guessed)
		})
	}
	p := planOf(t, retry.Config{Backoff: coin{}, Jitter: retry.DecorrelatedJitter})
	require.True(t, p.Pause(0).Known, "decorrelated jitter does not look at the backoff")
	require.Equal(t, plan.Pause{}, planOf(t, retry.Config{}).Pause(-1))
	require.Equal(t, plan.Pause{}, plan.Plan{}.Pause(0))
}

func TestSpread(t *testing.T) {
	require.Equal(t, 400*ms, planOf(t, retry.Config{MaxRetries: 3, BaseDelay: 100 * ms, Jitter: retry.FullJitter}).Spread())
	require.Equal(t, 120*ms, planOf(t, retry.Config{MaxRetries: 3, BaseDelay: 100 * ms}).Spread())
	require.Equal(t, 5*time.Second, planOf(t, retry.Config{MaxRetries: retry.Unlimited, BaseDelay: 100 * ms, Jitter: retry.FullJitter}).Spread())
	require.Zero(t, planOf(t, retry.Config{Jitter: retry.NoJitter}).Spread())
	require.Zero(t, planOf(t, retry.Config{Jitter: coin{}}).Spread())
	require.Zero(t, planOf(t, breaker.Config{}).Spread())
}

func TestAdaptivePausesAreStretchedAtTheLongest(t *testing.T) {
	c := retry.Config{BaseDelay: 100 * ms, MaxDelay: time.Second, Jitter: retry.FullJitter, Adaptive: &retry.Adaptive{MaxStretch: 4}}
	p := planOf(t, c)
	require.Equal(t, plan.Pause{Shortest: 0, Mean: 50 * ms, Longest: 400 * ms, Known: true}, p.Pause(0))
	require.Equal(t, time.Second, p.Pause(2).Longest)
	c.Adaptive.MaxStretch = -1
	require.Equal(t, 100*ms, planOf(t, c).Pause(0).Longest)
	c.Adaptive.MaxStretch, c.Jitter = 100, retry.DecorrelatedJitter
	require.Equal(t, time.Second, planOf(t, c).Pause(0).Longest)
}

func TestLongestPauseAfterARetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		config     retry.Config
		hint, want time.Duration
	}{
		"half of it on top":         {retry.Config{}, 2 * time.Second, 3 * time.Second},
		"the longest pause on top":  {retry.Config{}, 100 * ms, 620 * ms}, // 400 ms, jittered
		"just as long":              {retry.Config{}, 1040 * ms, 1560 * ms},
		"no jitter, the hint":       {retry.Config{Jitter: retry.NoJitter}, 401 * ms, 401 * ms},
		"no jitter, the backoff":    {retry.Config{Jitter: retry.NoJitter}, 399 * ms, 400 * ms},
		"without limit":             {retry.Config{MaxRetries: retry.Unlimited}, time.Second, 7500 * ms},
		"no retries":                {retry.Config{MaxRetries: retry.None}, time.Second, 1500 * ms},
		"no longer than there is":   {retry.Config{}, plan.Forever - 1, plan.Forever},
		"what only code knows":      {retry.Config{Backoff: retry.BackoffFunc(func(int) time.Duration { return 0 })}, time.Second, 1500 * ms},
		"a stretched pause's range": {retry.Config{Adaptive: &retry.Adaptive{}}, 100 * ms, 100*ms + 2080*ms},
	} {
		require.Equal(t, c.want, planOf(t, c.config).LongestAfter(c.hint), name)
	}
}
