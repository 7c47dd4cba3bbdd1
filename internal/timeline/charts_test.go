package timeline

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

const (
	us = time.Microsecond
	ms = time.Millisecond
)

// payments is the chart in the documentation.
func payments() []resilience.Stage {
	return []resilience.Stage{
		deadline.In(2 * time.Second),
		budget.Config{Ratio: 0.1, Floor: 1},
		retry.Config{MaxRetries: 5, BaseDelay: 50 * ms, MaxDelay: 5 * time.Second, Jitter: retry.FullJitter},
		breaker.Config{},
		deadline.In(500 * ms),
	}
}

// charts are drawn in every width.
var charts = map[string][]resilience.Stage{
	"payments": payments(),
	"all attempts fit": {
		deadline.In(10 * time.Second), budget.Config{Ratio: 0.3, Floor: 0.5, Burst: 5}, retry.Aggressive(), breaker.Config{}, deadline.In(time.Second),
	},
	"no deadline":         {retry.Aggressive(), deadline.In(time.Second)},
	"no attempt deadline": {deadline.In(2 * time.Second), retry.Aggressive()},
	"no deadline at all":  {retry.Default()},
	"no retry":            {deadline.In(time.Second), breaker.Config{}},
	"nothing":             {bulkhead.Config{MaxConcurrent: 8, MaxWait: 50 * ms}},
	"unlimited":           {deadline.In(3 * time.Second), retry.Config{MaxRetries: retry.Unlimited, MaxRetryAfter: -1}, deadline.In(200 * ms)},
	"unlimited without deadline": {
		bulkhead.Config{MaxWait: -1}, retry.Config{MaxRetries: retry.Unlimited, MaxDelay: -1, Jitter: retry.DecorrelatedJitter, Adaptive: &retry.Adaptive{}}, deadline.In(time.Second),
	},
	"a hundred retries":                  {deadline.In(time.Hour), retry.Config{MaxRetries: 100}, deadline.In(time.Minute)},
	"a hundred retries without deadline": {retry.Config{MaxRetries: 100, Backoff: retry.Constant}, deadline.In(time.Second)},
	"microseconds":                       {deadline.In(400 * us), retry.Config{BaseDelay: 10 * us, Jitter: retry.EqualJitter}, deadline.In(100 * us)},
	"hours":                              {deadline.In(48 * time.Hour), retry.Config{BaseDelay: time.Hour, MaxDelay: 8 * time.Hour, Jitter: retry.NoJitter}, deadline.In(10 * time.Hour)},
	"deadline far off":                   {deadline.In(time.Hour), retry.Config{MaxRetries: 2}, deadline.In(time.Second)},
	"no room":                            {deadline.In(time.Second), retry.Config{MaxRetries: 5, BaseDelay: 300 * ms, MinAttempt: 200 * ms}, deadline.In(400 * ms)},
	"too late":                           {deadline.In(time.Second), retry.Config{MaxRetries: 3, BaseDelay: 100 * ms, Jitter: retry.NoJitter}, deadline.In(300 * ms)},
	"never paid": {
		deadline.In(10 * time.Second), budget.Config{Ratio: -1, Floor: -1, Initial: -1}, retry.Custom(5, 100*ms, time.Second, false), deadline.In(time.Second),
	},
	"only code knows": {
		deadline.In(time.Second), retry.Config{Backoff: retry.BackoffFunc(func(int) time.Duration { return ms })}, deadline.In(300 * ms),
	},
}

func chartOf(t *testing.T, name string, stages ...resilience.Stage) Chart {
	t.Helper()
	c, err := Of(name, stages)
	require.NoError(t, err)
	return c
}

// randomStages returns a loop with or without deadlines, on any scale.
func randomStages(rng *rand.Rand) []resilience.Stage {
	unit := []time.Duration{us, ms, time.Second, time.Minute, time.Hour}[rng.IntN(5)]
	of := func(most int) time.Duration { return time.Duration(1+rng.IntN(most)) * unit }
	jitters := []retry.Jitter{
		retry.NoJitter, retry.FullJitter, retry.EqualJitter, retry.DecorrelatedJitter, retry.AdditiveJitter(0.3), retry.ProportionalJitter(0.5),
	}
	c := retry.Config{
		MaxRetries: []int{retry.None, retry.Unlimited, 1, 3, 5, 40, 2000}[rng.IntN(7)],
		BaseDelay:  of(100), MaxDelay: of(1000) + 100*unit, Jitter: jitters[rng.IntN(len(jitters))],
		Backoff: retry.StandardBackoff(1 + rng.IntN(4)),
	}
	if rng.IntN(4) == 0 {
		c.MinAttempt = of(50)
	}
	stages := []resilience.Stage{c}
	limit := of(5000)
	if rng.IntN(4) > 0 {
		stages = []resilience.Stage{deadline.In(limit), c}
	}
	if rng.IntN(4) > 0 {
		stages = append(stages, deadline.In(min(of(1000), max(1, limit-1))))
	}
	return stages
}
