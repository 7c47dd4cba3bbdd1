package storms_test

import (
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// client is what each pod calls through.
type client struct {
	name, title string
	stages      func() []resilience.Stage
}

// patience is how long callers wait: the call's deadline in the presets.
const patience = 10 * time.Second

// clients are in the order of the tables' columns.
var clients = []client{
	{"standard", "`Standard()`", holdfast.Standard},
	{"critical", "`Critical()`", holdfast.Critical},
	{"breaker", "a breaker", func() []resilience.Stage {
		return []resilience.Stage{breaker.Config{}, deadline.In(2 * time.Second)}
	}},
	{"retries", "a breaker in a retry loop", func() []resilience.Stage {
		return []resilience.Stage{
			deadline.In(patience), budget.Config{}, retry.Default(), breaker.Config{}, deadline.In(2 * time.Second),
		}
	}},
}

// older returns the stages as another version of the program may have them: with a breaker that has
// other numbers.
func older(stages []resilience.Stage) []resilience.Stage {
	for i, s := range stages {
		if c, ok := s.(breaker.Config); ok {
			c.FailureRatio, c.MinRequests, c.MinOpenFor, c.OpenFor = 0.8, 20, 0, 5*time.Second
			stages[i] = c
		}
	}
	return stages
}
