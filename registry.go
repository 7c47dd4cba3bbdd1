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

// ServiceSet describes the pipelines of a Registry: the stages of each one by its name, the
// outermost stage first. A file of package config is a ServiceSet, and so is Services.
type ServiceSet interface {
	// Services returns the stages by name. A Registry copies what it gets and does not change it.
	Services() map[string][]resilience.Stage
}

// Services is a ServiceSet written in Go. The zero value is an empty set.
type Services map[string][]resilience.Stage

// Services returns s.
func (s Services) Services() map[string][]resilience.Stage { return s }

// Registry holds pipelines by name, and changes all of them at once: by Apply, which config.Watch
// calls whenever the file changes. A caller gets a pipeline by Get for each call, which costs next
// to nothing. Or it keeps the pipeline, which stays the same one while its service exists.
//
// It is safe for concurrent use, and is made by NewRegistry. The zero value is an empty registry
// without observers.
type Registry struct {
	observers []resilience.Observer
	current   atomic.Pointer[roster]
	replacing sync.Mutex // held to replace current
}

// NewRegistry returns a registry without pipelines. Each pipeline that it makes reports to the
// observers, in order, as if Observe(observers...) stood around its stages. If the stages have an
// Observe of their own, that is inside. A nil observer is an error of the first Apply.
func NewRegistry(observers ...resilience.Observer) *Registry {
	return &Registry{observers: slices.Clone(observers)}
}

// roster is the content of a registry at one time. It does not change once it is in use.
type roster struct {
	set      ServiceSet
	services map[string]*Pipeline
	names    []string                      // of services, sorted
	given    map[string][]resilience.Stage // the stages of set, before the amendments
	amends   map[string][]amendment
	retired  map[string]weak.Pointer[Pipeline] // removed, but a caller may still hold them
}

// amendment changes the stages of a service in code: see Registry.Amend.
type amendment func(stages []resilience.Stage) []resilience.Stage

var emptyRoster = new(roster)

func (r *Registry) now() *roster {
	if now := r.current.Load(); now != nil {
		return now
	}
	return emptyRoster
}

// Get returns the pipeline of a service, and whether there is one. It takes no lock and does not
// allocate. It reads a map, which takes 10 to 20 nanoseconds, or some 30 if there are thousands of
// services, so that they do not fit into the processor's cache.
func (r *Registry) Get(name string) (*Pipeline, bool) {
	p, ok := r.now().services[name]
	return p, ok
}

// MustGet is Get for a service that must exist. If it does not, MustGet panics and names those that
// do. It is for a program's start. Use Get if a file decides which services exist, and may change.
func (r *Registry) MustGet(name string) *Pipeline {
	now := r.now()
	p, ok := now.services[name]
	if !ok {
		panic(fmt.Sprintf("holdfast: the registry has no service %q; %s", name, now.inWords()))
	}
	return p
}

// inWords names the services, or the first few if there are many.
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

// All returns the names and pipelines, sorted by name, as they are when the loop begins. An Apply
// during the loop has no effect on it.
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

// Applied returns the set that was applied last, or nil if there was none. A refused set does not
// count.
func (r *Registry) Applied() ServiceSet { return r.now().set }

// Draining returns the pipelines whose services were removed, and which have calls in flight,
// sorted by name. Most of these calls began before the removal, but a caller that kept such a
// pipeline can still use it.
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

// Health is [Health] of the pipelines that the registry holds at the time of the request: of the
// services with these names, in the order given, or of all, sorted by name, if there are no names.
// A named service that does not exist is unhealthy. A removed service is not in the answer, even
// while its calls drain.
func (r *Registry) Health(names ...string) http.Handler {
	return HealthRules{}.RegistryHandler(r, names...)
}

// statuses returns the Status of the services with these names by the rules, or of all if there are
// no names.
func (r *Registry) statuses(ctx context.Context, rules HealthRules, names []string) []Status {
	now := r.now()
	if len(names) == 0 {
		names = now.names
	}
	all := make([]Status, 0, len(names))
	for _, name := range names {
		if p, ok := now.services[name]; ok {
			all = append(all, rules.Check(ctx, p, nil))
			continue
		}
		err := fmt.Errorf("the registry has no service %q", name)
		all = append(all, Status{Name: name, State: Unhealthy, Why: err.Error(), Err: err})
	}
	return all
}
