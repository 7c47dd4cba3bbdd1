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
		budget.Config{Ratio: 0.2, Floor: 2},
		retry.Aggressive(),
		breaker.Config{},
		deadline.In(time.Second),
	}
}

// Standard returns the stages for most calls: API requests, queries. Up to 3 retries, within
// 10 s; an attempt may take 2 s.
func Standard() []resilience.Stage {
	return []resilience.Stage{
		deadline.In(10 * time.Second),
		budget.Config{},
		retry.Default(),
		breaker.Config{},
		deadline.In(2 * time.Second),
	}
}

// Background returns the stages for calls that may fail: analytics, cache updates, log
// shipping. Up to 2 retries, within 30 s; an attempt may take 8 s, and retries have no floor.
func Background() []resilience.Stage {
	return []resilience.Stage{
		deadline.In(30 * time.Second),
		budget.Config{Ratio: 0.05, Floor: -1},
		retry.Gentle(),
		breaker.Config{},
		deadline.In(8 * time.Second),
	}
}
