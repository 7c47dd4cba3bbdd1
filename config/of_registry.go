package config

import (
	"errors"
	"iter"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// Of returns the Config that would make the pipelines of r as they are now, changes by hand
// (holdfast.Pipeline.Tune) included. What no pipeline has (fleet; and rps, calls and lint, which
// are for the linter) comes from the Config that r applied last, if it was a *Config. What a file
// cannot express is left out and noted: see Service.Notes and Config.YAML. The error names every
// service that no file can have, or says that r is nil. Of is safe for concurrent use.
func Of(r *holdfast.Registry) (*Config, error) {
	if r == nil {
		return nil, errors.New("config: the registry is nil; want one made by holdfast.NewRegistry")
	}
	facts, _ := r.Applied().(*Config)
	return configOf(running(r), facts)
}

// running returns the stages of all pipelines by name.
func running(r *holdfast.Registry) iter.Seq2[string, []resilience.Stage] {
	return func(yield func(string, []resilience.Stage) bool) {
		for name, p := range r.All() {
			if !yield(name, p.Stages()) {
				return
			}
		}
	}
}
