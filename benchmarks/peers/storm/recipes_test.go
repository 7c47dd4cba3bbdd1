package storm_test

import (
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// recipe is another way to make a preset.
type recipe struct {
	name string
	make func(n numbers) []resilience.Stage
}

// ablations are the presets without one of their parts, or with an older one.
var ablations = []recipe{
	{"before: ratio 0.3, fixed pauses, fails fast", before},
	{"fails fast (`Patient: false`)", func(n numbers) []resilience.Stage { return failFast(n.stages) }},
	{"fails fast, no breaker", func(n numbers) []resilience.Stage { return without[breaker.Config](failFast(n.stages)) }},
	{"no breaker", func(n numbers) []resilience.Stage { return without[breaker.Config](n.stages) }},
	{"no limit of attempts", func(n numbers) []resilience.Stage { return without[bulkhead.Config](n.stages) }},
	{"no waiting for a place", changed(func(c *bulkhead.Config) { c.MaxWait, c.QueueLimit = 0, 0 })},
	{"slow failures cost the same", changed(func(c *budget.Config) { c.SlowCost = 1 })},
	{"no look at the times of successes", changed(func(c *budget.Config) { c.SlowTimes = 0 })},
	{"nothing comes back", changed(func(c *budget.Config) { c.RefundOnSuccess = false })},
	{"only first attempts deposit", changed(func(c *budget.Config) { c.DepositOn = budget.Success })},
	{"ratio 0.3", changed(func(c *budget.Config) { c.Ratio = 0.3 })},
	{"pauses of the breaker are fixed", changed(func(c *breaker.Config) { c.MinOpenFor = 0 })},
}

// halvesAndDoubles are the presets with one number halved, and with it doubled.
var halvesAndDoubles = [][2]recipe{
	twice("`Ratio`", func(c *budget.Config, by float64) { c.Ratio *= by }),
	twice("`Burst`", func(c *budget.Config, by float64) {
		c.Burst = max(5, int(float64(c.Burst)*by))
		c.SlowCost *= min(1, by)
	}),
	twice("`SlowCost`", func(c *budget.Config, by float64) { c.SlowCost *= by; c.Burst = max(c.Burst, int(c.SlowCost)) }),
	twice("`SlowTimes`", func(c *budget.Config, by float64) { c.SlowTimes *= by }),
	twice("`MaxWait`", func(c *bulkhead.Config, by float64) { c.MaxWait = scaled(c.MaxWait, by) }),
	twice("`SlowFailures` (5)", func(c *bulkhead.Config, by float64) { c.Adaptive = &bulkhead.Adaptive{SlowFailures: int(5 * by)} }),
	twice("what a cut takes (0.3)", func(c *bulkhead.Config, by float64) { c.Adaptive = &bulkhead.Adaptive{CutTo: 1 - 0.3*by} }),
	twice("`CutEvery` (500 ms)", func(c *bulkhead.Config, by float64) {
		c.Adaptive = &bulkhead.Adaptive{CutEvery: scaled(500*time.Millisecond, by)}
	}),
	twice("`MinOpenFor`", func(c *breaker.Config, by float64) { c.MinOpenFor = scaled(c.MinOpenFor, by) }),
	twice("`OpenFor`", func(c *breaker.Config, by float64) { c.OpenFor = scaled(c.OpenFor, by) }),
	twice("`ConsecutiveFailures`", func(c *breaker.Config, by float64) { c.ConsecutiveFailures = int(float64(c.ConsecutiveFailures) * by) }),
	twice("`HalfOpenProbes` (3)", func(c *breaker.Config, by float64) { c.HalfOpenProbes = int(3 * by) }),
}

func scaled(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }

// twice returns the recipes for half of a number and for its double.
func twice[C resilience.Stage](name string, scale func(c *C, by float64)) [2]recipe {
	return [2]recipe{
		{name + " halved", changed(func(c *C) { scale(c, 0.5) })},
		{name + " doubled", changed(func(c *C) { scale(c, 2) })},
	}
}

// before is how the presets were made until version 0.1.0.
func before(n numbers) []resilience.Stage {
	var loop retry.Config
	floor := 0.0
	for _, s := range n.stages {
		switch c := s.(type) {
		case retry.Config:
			loop = c
		case budget.Config:
			floor = c.Floor
		}
	}
	loop.Patient = false
	return []resilience.Stage{
		deadline.In(n.call), budget.Config{Ratio: 0.3, Floor: floor, Burst: 5}, loop,
		breaker.Config{FailureRatio: 0.8, ConsecutiveFailures: 20, OpenFor: time.Second, MaxOpenFor: 1500 * time.Millisecond},
		deadline.In(n.attempt),
	}
}

func failFast(stages []resilience.Stage) []resilience.Stage {
	return with(stages, func(c *retry.Config) { c.Patient = false })
}

// changed returns a recipe's make: the preset with each C changed.
func changed[C resilience.Stage](change func(c *C)) func(n numbers) []resilience.Stage {
	return func(n numbers) []resilience.Stage { return with(n.stages, change) }
}

// with returns the stages with each C changed.
func with[C resilience.Stage](stages []resilience.Stage, change func(c *C)) []resilience.Stage {
	all := make([]resilience.Stage, len(stages))
	for i, s := range stages {
		if c, ok := s.(C); ok {
			change(&c)
			s = c
		}
		all[i] = s
	}
	return all
}

// without returns the stages without the Cs.
func without[C resilience.Stage](stages []resilience.Stage) (rest []resilience.Stage) {
	for _, s := range stages {
		if _, is := s.(C); !is {
			rest = append(rest, s)
		}
	}
	return rest
}
