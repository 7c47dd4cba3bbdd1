package demo

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// The demo plays on real servers, where no test can hold its outcome to a figure. In the lab, one
// of its backends puts the clients into the order that the demo shows.
func TestTheOrderOfTheClientsInTheLab(t *testing.T) {
	cfg := Full()
	scenario := storm.Scenario{
		Load: storm.Poisson(cfg.Rate / float64(len(dependencies))), For: cfg.Length(), Deadline: cfg.Deadline,
		Server: storm.Server{
			Workers: cfg.Backend.Workers, QueueLimit: cfg.Backend.Queue, RefusalCost: -1,
			Service: storm.Fixed(cfg.Backend.Service),
		},
		Triggers: []storm.Trigger{
			{ErrorRatio: cfg.Backend.FaultRate, AfterWork: true},
			{At: cfg.Healthy, For: cfg.Outage, Slowdown: float64(cfg.Slowdown)},
		},
	}
	const seeds = 4
	goodput := func(name string) (total, after float64) {
		for scenario.Seed = range seeds {
			r := storm.Run(t, scenario, func() storm.Doer {
				p, err := strategyNamed(t, name).build("payments", cfg)
				require.NoError(t, err)
				return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error { return p.Do(ctx, op) })
			})
			total += r.Total.Goodput() / seeds
			recovery := r.Between(cfg.Healthy+cfg.Outage, cfg.Length())
			after += recovery.Goodput() / seeds
		}
		t.Logf("%s: %.1f %% of all calls, %.1f %% of those after the outage", name, 100*total, 100*after)
		return total, after
	}
	holdfast, afterHoldfast := goodput(nameHoldfast)
	breaker, _ := goodput(nameNaiveBreaker)
	single, _ := goodput(nameSingle)
	naive, afterNaive := goodput(nameNaive)
	require.Greater(t, holdfast, breaker+0.01)
	require.Greater(t, breaker, single+0.01)
	require.Greater(t, single, naive+0.3)
	require.Greater(t, afterHoldfast, 0.99)
	require.Less(t, afterNaive, 0.01, "its retries keep the outage going")
}

func strategyNamed(t *testing.T, name string) strategy {
	t.Helper()
	for _, s := range strategies {
		if s.name == name {
			return s
		}
	}
	require.Fail(t, "there is no such strategy", name)
	return strategy{}
}
