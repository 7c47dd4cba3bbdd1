package holdfast

import (
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Critical returns the stages for calls that must succeed: payments, logins, what the core
// of the business does. Up to 5 retries, within 10 s; an attempt may take 1 s.
func Critical() []resilience.Stage {
	return []resilience.Stage{
		deadline.In(10 * time.Second),
		budget.Config{Ratio: 0.3, Floor: 0.5, Burst: 5},
		retry.Aggressive(),
		presetBreaker(),
		deadline.In(time.Second),
	}
}

// Standard returns the stages for most calls: API requests, queries. Up to 3 retries, within
// 10 s; an attempt may take 2 s.
func Standard() []resilience.Stage {
	return []resilience.Stage{
		deadline.In(10 * time.Second),
		budget.Config{Ratio: 0.3, Floor: 0.2, Burst: 5},
		retry.Default(),
		presetBreaker(),
		deadline.In(2 * time.Second),
	}
}

// Background returns the stages for calls that may fail: analytics, cache updates, log
// shipping. Up to 2 retries, within 30 s; an attempt may take 8 s, and the budget has no floor.
func Background() []resilience.Stage {
	return []resilience.Stage{
		deadline.In(30 * time.Second),
		budget.Config{Ratio: 0.3, Floor: -1, Burst: 5},
		retry.Gentle(),
		presetBreaker(),
		deadline.In(8 * time.Second),
	}
}

// presetBreaker returns the breaker of all presets. It opens in an outage, but not while half of
// the dependency still works, and it soon notices a recovery. The numbers are from the storms in
// docs/storms.md (ADR 9).
func presetBreaker() breaker.Config {
	return breaker.Config{
		FailureRatio: 0.8, ConsecutiveFailures: 20,
		OpenFor: time.Second, MaxOpenFor: 1500 * time.Millisecond,
	}
}
