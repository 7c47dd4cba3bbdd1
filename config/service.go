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

// Config is a file, read and found right: what it says of every service, with defaults, templates
// and environment applied. It does not change and is safe for concurrent use. The zero value has no
// services.
type Config struct {
	services map[string]*Service
	names    []string // sorted
}

// newConfig returns the Config of these services.
func newConfig(services map[string]*Service) *Config {
	return &Config{services: services, names: slices.Sorted(maps.Keys(services))}
}

// Names returns the names of the services, sorted.
func (c *Config) Names() []string { return slices.Clone(c.names) }

// Service returns what is said of a service, and false if the file does not name it. The caller may
// change what it gets.
func (c *Config) Service(name string) (Service, bool) {
	s, ok := c.services[name]
	if !ok {
		return Service{}, false
	}
	return s.clone(), true
}

// Services returns the stages of every service by its name, for a registry or for holdfast.New. The
// caller may change what it gets.
func (c *Config) Services() map[string][]resilience.Stage {
	all := make(map[string][]resilience.Stage, len(c.services))
	for name, s := range c.services {
		all[name] = s.Stages()
	}
	return all
}

// Service is what a file says of one service. Its Configs are as they would be written in Go: a
// zero field is the stage's default, -1 is off, and holdfast.New accepts them.
type Service struct {
	Name     string
	Template string // that the service starts from

	Deadline        time.Duration // of the whole call; 0: none
	AttemptDeadline time.Duration // of one attempt; 0: none

	// The stages; nil: the service does without.
	RateLimit *ratelimit.Config
	Bulkhead  *bulkhead.Config
	Budget    *budget.Config
	Retry     *retry.Config
	Breaker   *breaker.Config

	RateLimitPer Per // default PerCall
	BulkheadPer  Per // default PerCall
	BreakerPer   Per // default PerAttempt

	RPS      float64        // calls a second of one instance, for the linter; 0: not said
	Calls    []lint.Call    // the services that a call goes on to call, for the linter
	Silenced []lint.Silence // what the linter is to leave out

	values settings // where everything comes from
	notes  []string // what no file can say, of a service that Of read
}

// Stages returns the service's stages for holdfast.New, the outermost first: rate limit, deadline,
// bulkhead, breaker where it sees whole calls, budget, retry, rate limit where it counts attempts,
// bulkhead where it holds places for them, breaker, deadline of an attempt. Those that the service
// does without are left out.
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

// clone returns a copy of s that shares nothing that could be changed.
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
