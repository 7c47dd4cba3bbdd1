package results_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
	"github.com/media-gateway/holdfast/storm"
)

// quarter is a server that has a quarter of its capacity for ten seconds, which is half of the
// load.
func quarter(seed uint64) storm.Scenario {
	return storm.Scenario{
		Name: "a quarter of the capacity", Seed: seed, Load: storm.Poisson(200), For: time.Minute, Clients: 4, Deadline: 10 * time.Second,
		Server:   storm.Server{Workers: 20, Service: storm.Exponential(50 * time.Millisecond), Hop: storm.Fixed(time.Millisecond)},
		Triggers: []storm.Trigger{{At: 10 * time.Second, For: 10 * time.Second, CapacityLoss: 0.75}},
	}
}

// Source: this project; bulkhead.Adaptive with its defaults inside a loop without budget and
// breaker, at a server whose work is done for nobody once the caller has left. Without it, the
// retries keep the server busy for ever. Trials: 1 seed, more at night. Band: none, but an order of
// clients, in each seed: with the bulkhead a good share of the calls succeeds in the trouble, and
// nearly all in the minute's second half; without it hardly any; without retries, fewer in the
// trouble than with the bulkhead.
func TestAnAdaptiveBulkheadAtAQuarterOfTheCapacity(t *testing.T) {
	retries := retry.Aggressive()
	t.Log("goodput  in the trouble  from 30 s on  attempts per call")
	for seed := range seedsOf(t, 2) {
		play := func(name string, stages ...resilience.Stage) (during, after float64) {
			r := storm.Run(t, quarter(uint64(seed)), func() storm.Doer {
				row := append([]resilience.Stage{deadline.In(10 * time.Second)}, stages...)
				return holdfast.Must(holdfast.New("quarter", append(row, deadline.In(time.Second))...))
			})
			during, after = r.Between(10*time.Second, 20*time.Second).Goodput(), r.Between(30*time.Second, time.Minute).Goodput()
			t.Logf("%s: %.1f %% %.1f %% %.2f", name, 100*during, 100*after, r.Total.Amplification())
			return during, after
		}
		_, afterPlain := play("retries", retries)
		duringNone, _ := play("no retries", retry.Config{MaxRetries: retry.None})
		during, after := play("retries, adaptive", retries, bulkhead.Config{Adaptive: &bulkhead.Adaptive{}})
		_, _ = play("retries, adaptive, looks at times", retries, bulkhead.Config{Adaptive: &bulkhead.Adaptive{Times: 2}})
		_, _ = play("retries, adaptive, waits", retries, bulkhead.Config{MaxWait: time.Second, QueueLimit: 100, Adaptive: &bulkhead.Adaptive{}})
		require.Less(t, afterPlain, 0.1)
		require.Greater(t, during, duringNone)
		require.Greater(t, after, 0.99)
	}
}

// Source: this project; the presets where half of the shards answer nothing. Attempts there hold
// their places until their time is over, and a limit on attempts in flight would keep calls from
// the shards that are well. Trials: 1 seed, more at night. Band: none; with the preset no fewer
// calls succeed than without retries, but for 2 points.
func TestHalfOfTheShardsHang(t *testing.T) {
	presets := map[string]struct {
		attempt time.Duration
		stages  func() []resilience.Stage
	}{"Critical": {time.Second, holdfast.Critical}, "Standard": {2 * time.Second, holdfast.Standard}}
	for name, preset := range presets {
		for seed := range seedsOf(t, 2) {
			s := storm.Scenario{
				Name: "half of the shards hang", Seed: uint64(seed), Load: storm.Poisson(200), For: 30 * time.Second, Clients: 4,
				Deadline: 10 * time.Second, Keys: 4,
				Server:   storm.Server{Service: storm.Exponential(50 * time.Millisecond), Hop: storm.Fixed(time.Millisecond)},
				Triggers: []storm.Trigger{{At: 10 * time.Second, Keys: storm.Range{From: 0, To: 2}, HopLoss: 1}},
			}
			play := func(stages ...resilience.Stage) float64 {
				r := storm.Run(t, s, func() storm.Doer { return holdfast.Must(holdfast.New(name, stages...)) })
				return r.Between(10*time.Second, 30*time.Second).Goodput()
			}
			none := play(deadline.In(preset.attempt))
			with := play(preset.stages()...)
			t.Logf("%s, seed %d: %.1f %%, no retries %.1f %%", name, seed, 100*with, 100*none)
			require.Greater(t, with, none-0.02)
		}
	}
}
