package config

import (
	"cmp"

	"github.com/media-gateway/holdfast/lint"
)

// Lint runs the linter on the services. Each finding has its place in the file. What o leaves at
// its zero value (Pods, Store) is as the file has it under fleet.
func (c *Config) Lint(o lint.Options) lint.Report {
	o.Pods, o.Store = cmp.Or(o.Pods, c.fleet.Pods), cmp.Or(o.Store, c.fleet.Store)
	services := make([]lint.Service, 0, len(c.names))
	for _, name := range c.names {
		services = append(services, c.services[name].linted())
	}
	return lint.Check(services, o)
}

// linted returns the service as the linter sees it.
func (s *Service) linted() lint.Service {
	return lint.Service{
		Name: s.Name, Stages: s.Stages(), RPS: s.RPS, Calls: s.Calls, Silenced: s.Silenced,
		Where: func(key string) lint.Position {
			o, _ := s.Origin(key)
			return lint.Position{File: o.File, Line: o.Line, Column: o.Column}
		},
	}
}
