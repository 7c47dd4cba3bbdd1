package holdfastdash

import (
	"slices"

	"github.com/media-gateway/holdfast"
)

// source says which pipelines there are. It is safe for concurrent use.
type source interface {
	// pipelines returns those to show, in their order. No two have the same name.
	pipelines() []*holdfast.Pipeline

	// draining returns those that were there once, and have calls in flight.
	draining() []*holdfast.Pipeline

	// find returns the pipeline of that name that is there or draining, or nil.
	find(name string) *holdfast.Pipeline
}

// fixed is a source that stays as it is.
type fixed []*holdfast.Pipeline

func (f fixed) pipelines() []*holdfast.Pipeline { return f }

func (f fixed) draining() []*holdfast.Pipeline { return nil }

func (f fixed) find(name string) *holdfast.Pipeline { return named(f, name) }

// registered is a registry as a source.
type registered struct{ registry *holdfast.Registry }

// ForRegistry is Handler for a registry, whose services come and go: by config.Watch, whenever the
// file changes. The page follows it, sorted by name. With the next sample after an Apply,
//
//   - a service that was added is on the page, and can be tuned;
//   - one that was removed is not; but as long as it has calls in flight, it stays and says so. Once it
//     is gone, so is its history: if it comes back, that begins anew;
//   - the others keep their history, also those whose stages were changed.
//
// Browsers that are connected are told without being opened anew. A registry may be empty, now or
// later.
//
// What is tuned lasts until an Apply gives the service other stages, which then set all its
// numbers. An Apply that changes only other services leaves it alone.
//
// It refuses, naming all that is wrong: a nil registry, and options that cannot be.
func ForRegistry(r *holdfast.Registry, opts ...Option) (*Dashboard, error) {
	o := apply(opts)
	if r == nil {
		o.wrong.Fail("registry", "nil", "want one made by holdfast.NewRegistry")
	}
	return start(o, registered{r})
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

// named returns the pipeline of that name, or nil.
func named(pipelines []*holdfast.Pipeline, name string) *holdfast.Pipeline {
	i := slices.IndexFunc(pipelines, func(p *holdfast.Pipeline) bool { return p.Name() == name })
	if i < 0 {
		return nil
	}
	return pipelines[i]
}
