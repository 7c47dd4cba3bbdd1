package holdfastdash

import (
	"slices"

	"github.com/media-gateway/holdfast"
)

// source provides the pipelines. It is safe for concurrent use.
type source interface {
	// pipelines returns the pipelines to show, in their order. No two have the same name.
	pipelines() []*holdfast.Pipeline

	// draining returns removed pipelines that still have calls in flight.
	draining() []*holdfast.Pipeline

	// find returns the pipeline with that name, present or draining, or nil.
	find(name string) *holdfast.Pipeline
}

// fixed is a source that never changes.
type fixed []*holdfast.Pipeline

func (f fixed) pipelines() []*holdfast.Pipeline { return f }

func (f fixed) draining() []*holdfast.Pipeline { return nil }

func (f fixed) find(name string) *holdfast.Pipeline { return named(f, name) }

// registered is a registry as a source.
type registered struct{ registry *holdfast.Registry }

// ForRegistry is [Handler] for a registry, whose services may change: with config.Watch, whenever
// the file changes. The page shows the services sorted by name, and follows each Apply with the
// next sample:
//
//   - a new service appears on the page, and can be tuned;
//   - a removed service disappears. As long as it has calls in flight, it stays and is marked as
//     draining. Its history disappears with it: if the service is added again, its history begins
//     anew;
//   - the others keep their history, even if their stages were changed.
//
// Connected browsers follow without a reload. The registry may be empty.
//
// Tuning lasts until an Apply gives the service other stages, which then set all its numbers. An
// Apply that changes only other services leaves it alone.
//
// It returns an error, which names every problem, if the registry is nil or an option is invalid.
func ForRegistry(r *holdfast.Registry, opts ...Option) (*Dashboard, error) {
	o := apply(opts)
	if r == nil {
		o.wrong.Fail("registry", "nil", "want one made by holdfast.NewRegistry")
	}
	from := registered{r}
	if r != nil && !from.watchesAll(o.watchers) {
		o.wrong.Fail("WithWatcher", "of another registry", "want the one that config.Watch returned for this registry")
	}
	return start(o, from)
}

func (s registered) pipelines() (all []*holdfast.Pipeline) {
	for _, p := range s.registry.All() {
		all = append(all, p)
	}
	return all
}

func (s registered) draining() []*holdfast.Pipeline { return s.registry.Draining() }

func (s registered) find(name string) *holdfast.Pipeline {
	if p, ok := s.registry.Get(name); ok {
		return p
	}
	return named(s.registry.Draining(), name)
}

// named returns the pipeline with that name, or nil.
func named(pipelines []*holdfast.Pipeline, name string) *holdfast.Pipeline {
	i := slices.IndexFunc(pipelines, func(p *holdfast.Pipeline) bool { return p.Name() == name })
	if i < 0 {
		return nil
	}
	return pipelines[i]
}
