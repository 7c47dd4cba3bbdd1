package holdfast

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/media-gateway/holdfast/resilience"
)

// ServiceSet is what a Registry is to hold: the stages of each pipeline, the outermost first, by
// its name. A file of package config is one, and so is Services.
type ServiceSet interface {
	// Services returns the stages. A Registry does not change what it gets, and keeps a copy.
	Services() map[string][]resilience.Stage
}

// Services is a ServiceSet written in Go. The zero value is a set of none.
type Services map[string][]resilience.Stage

// Services returns s.
func (s Services) Services() map[string][]resilience.Stage { return s }

// Registry holds pipelines by name, and changes all of them at once: by Apply, which
// config.Watch calls whenever the file changes. A caller asks it for a pipeline by Get, for
// each call anew, which costs next to nothing; or keeps the pipeline, which is the same one as
// long as its service is there.
//
// It is safe for concurrent use, and is made by NewRegistry; the zero value is an empty registry without observers.
type Registry struct {
	observers []resilience.Observer
	current   atomic.Pointer[roster]
	replacing sync.Mutex // held by whoever replaces current
}

// NewRegistry returns a registry without pipelines. Each one that it makes reports to the
// observers, in order, as if Observe(observers...) stood around its stages; a stage Observe of
// its own stands inside that. A nil observer is an error of the first Apply.
func NewRegistry(observers ...resilience.Observer) *Registry {
	return &Registry{observers: slices.Clone(observers)}
}

// roster is what a registry holds at one time. It does not change once it is in use.
type roster struct {
	set      ServiceSet
	services map[string]*Pipeline
	names    []string                      // of services, sorted
	given    map[string][]resilience.Stage // what set said, before the amendments
	amends   map[string][]amendment
	retired  map[string]weak.Pointer[Pipeline] // removed, and perhaps still in somebody's hands
}

// amendment is code's part of a service.
type amendment func(stages []resilience.Stage) []resilience.Stage

var emptyRoster = new(roster)

func (r *Registry) now() *roster {
	if now := r.current.Load(); now != nil {
		return now
	}
	return emptyRoster
}

// Get returns the pipeline of a service, and whether there is one. It takes no lock and does
// not allocate: a map is read, in 10 to 20 nanoseconds (some 30, where thousands of services take turns and push each
// other out of the processor's cache).
func (r *Registry) Get(name string) (*Pipeline, bool) {
	p, ok := r.now().services[name]
	return p, ok
}

// MustGet is Get for a service that has to be there: it panics if it is not, naming those that are. It is
// for a program's start. Where a file decides what there is, and may change, ask Get.
func (r *Registry) MustGet(name string) *Pipeline {
	now := r.now()
	p, ok := now.services[name]
	if !ok {
		panic(fmt.Sprintf("holdfast: the registry has no service %q; %s", name, now.inWords()))
	}
	return p
}

// inWords says which services there are, of very many the first few.
func (now *roster) inWords() string {
	const most = 20
	if len(now.names) == 0 {
		return "it has none: nothing was applied, or an empty set"
	}
	quoted := make([]string, 0, most)
	for _, name := range now.names[:min(most, len(now.names))] {
		quoted = append(quoted, strconv.Quote(name))
	}
	words := "it has " + strings.Join(quoted, ", ")
	if rest := len(now.names) - most; rest > 0 {
		words += fmt.Sprintf(" and %d more", rest)
	}
	return words
}

// All returns the pipelines by name, sorted by it, as they are when the loop begins: an Apply meanwhile does not
// show.
func (r *Registry) All() iter.Seq2[string, *Pipeline] {
	return func(yield func(string, *Pipeline) bool) {
		now := r.now()
		for _, name := range now.names {
			if !yield(name, now.services[name]) {
				return
			}
		}
	}
}

// Applied returns the set that was last applied, nil before the first. One that was refused does not count.
func (r *Registry) Applied() ServiceSet { return r.now().set }

// Draining returns the pipelines whose services were removed, and which have calls in flight, sorted by
// name. Most are those that were begun before; but whoever kept such a pipeline can still call through it.
func (r *Registry) Draining() (draining []*Pipeline) {
	for _, retired := range r.now().retired {
		p := retired.Value() // a call in flight keeps its pipeline alive
		if p == nil {
			continue
		}
		if t := p.counters.sum(); t.started > t.finished {
			draining = append(draining, p)
		}
	}
	slices.SortFunc(draining, func(a, b *Pipeline) int { return strings.Compare(a.name, b.name) })
	return draining
}

// Health is [Health] of the pipelines that the registry holds when it is asked: of the services of
// these names, in the order given, or of all, sorted by name, if there are no names. A service
// that is named and is not there is unhealthy. A removed one whose calls drain is not told of.
func (r *Registry) Health(names ...string) http.Handler {
	names = slices.Clone(names)
	return health(func(ctx context.Context) []Status {
		now := r.now()
		asked := names
		if len(asked) == 0 {
			asked = now.names
		}
		all := make([]Status, 0, len(asked))
		for _, name := range asked {
			if p, ok := now.services[name]; ok {
				all = append(all, Check(ctx, p, nil))
				continue
			}
			err := fmt.Errorf("the registry has no service %q", name)
			all = append(all, Status{Name: name, State: Unhealthy, Why: err.Error(), Err: err})
		}
		return all
	})
}
