package config

import (
	"iter"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// Of returns the file that would make what r holds, as it is in force: what was changed by hand
// (holdfast.Pipeline.Tune) included. What only the linter goes by (rps, calls, lint) is that of the
// Config which was applied last, if it was one. What no file can say is left out, and noted: see
// Service.Notes and Config.YAML. The error names every service that a file cannot have at all.
func Of(r *holdfast.Registry) (*Config, error) {
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
