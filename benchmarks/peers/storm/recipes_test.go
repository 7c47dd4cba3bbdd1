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

// failFast is a preset whose loop gives up what is refused.
func failFast(n numbers) []resilience.Stage {
	return with(n.stages, func(c *retry.Config) { c.Patient = false })
}

// variants are other ways to make a preset, by name.
var variants = map[string]func(n numbers) []resilience.Stage{
	"fail fast": failFast,
	"fail fast and no breaker": func(n numbers) []resilience.Stage {
		return without[breaker.Config](failFast(n))
	},
	"before": func(n numbers) []resilience.Stage { // commit 8eb484e
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
	},
	"no breaker": func(n numbers) []resilience.Stage { return without[breaker.Config](n.stages) },
	"no limit":   func(n numbers) []resilience.Stage { return without[bulkhead.Config](n.stages) },
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

// with returns the stages with each C changed.
func with[C resilience.Stage](stages []resilience.Stage, change func(c *C)) []resilience.Stage {
	changed := make([]resilience.Stage, len(stages))
	for i, s := range stages {
		if c, ok := s.(C); ok {
			change(&c)
			s = c
		}
		changed[i] = s
	}
	return changed
}
