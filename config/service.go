package config

import (
	"maps"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Config holds the services of a valid file, with defaults, templates and environment applied. It
// is immutable and safe for concurrent use. The zero value has no services.
type Config struct {
	services map[string]*Service
	names    []string // sorted
	fleet    Fleet

	fleetOrigins map[string]Origin // where the keys of the section fleet are written, by path
}

// newConfig returns the Config of these services.
func newConfig(services map[string]*Service) *Config {
	return &Config{services: services, names: slices.Sorted(maps.Keys(services))}
}

// Names returns the names of the services, sorted.
func (c *Config) Names() []string { return slices.Clone(c.names) }

// Service returns a copy of a service, which the caller may change. It returns false if the file
// has no such service.
func (c *Config) Service(name string) (Service, bool) {
	s, ok := c.services[name]
	if !ok {
		return Service{}, false
	}
	return s.clone(), true
}

// Services returns the stages of every service by its name, for a registry or for holdfast.New.
// They are copies, which the caller may change.
func (c *Config) Services() map[string][]resilience.Stage {
	all := make(map[string][]resilience.Stage, len(c.services))
	for name, s := range c.services {
		all[name] = s.Stages()
	}
	return all
}

// Service is one service of a file, with defaults, templates and environment applied. Its Configs
// are as one would write them in Go: a zero field is the stage's default, -1 is off, and
// holdfast.New accepts them.
type Service struct {
	Name     string
	Template string // that the service starts from

	Deadline        time.Duration // of the whole call; 0: none
	AttemptDeadline time.Duration // of one attempt; 0: none

	// The stages; nil: the service has no such stage.
	RateLimit *ratelimit.Config
	Bulkhead  *bulkhead.Config
	Budget    *budget.Config
	Retry     *retry.Config
	Breaker   *breaker.Config

	RateLimitPer Per // default PerCall
	BulkheadPer  Per // default PerCall
	BreakerPer   Per // default PerAttempt

	RPS      float64        // calls per second of one instance, for the linter; 0: not known
	Calls    []lint.Call    // the services that a call of this one calls in turn, for the linter
	Silenced []lint.Silence // findings that the linter leaves out

	values settings // where each value comes from
	notes  []string // what a file cannot express of a service that Of read
}

// Stages returns the service's stages for holdfast.New, the outermost first: rate limit, deadline,
// bulkhead, breaker if it sees whole calls, budget, retry, rate limit if it counts attempts,
// bulkhead if it counts attempts, breaker, attempt deadline. Stages that the service does not have
// are left out. The Configs are copies.
func (s Service) Stages() []resilience.Stage {
	stages := make([]resilience.Stage, 0, len(sections))
	for at := aroundCall; at <= atAttempt; at++ {
		for i := range sections {
			sec := &sections[i]
			if sec.placeIn(&s) != at {
				continue
			}
			if c, ok := sec.slot.get(&s); ok {
				stages = append(stages, sec.stageKind.Copy(c))
			}
		}
	}
	return stages
}

// hasStage reports whether the service has any stage.
func (s *Service) hasStage() bool {
	return slices.ContainsFunc(sections, func(sec section) bool { _, ok := sec.slot.get(s); return ok })
}

// clone returns a deep copy of all that a caller can change in s.
func (s *Service) clone() Service {
	fresh := *s
	for i := range sections {
		if c, ok := sections[i].slot.get(s); ok {
			sections[i].slot.set(&fresh, sections[i].stageKind.Copy(c))
		}
	}
	fresh.Calls, fresh.Silenced = slices.Clone(s.Calls), slices.Clone(s.Silenced)
	return fresh
}
