package holdfast

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"weak"

	"github.com/media-gateway/holdfast/resilience"
)

// Changes are the names of the services that an Apply changed. Each list is sorted, and nil if it
// is empty.
type Changes struct {
	Added   []string `json:"added,omitempty"`   // services that did not exist before
	Changed []string `json:"changed,omitempty"` // services with other stages than those applied last
	Removed []string `json:"removed,omitempty"` // services that are not in the set any more
}

// Apply makes the registry hold exactly the services of set. If anything is wrong, nothing
// changes, and the error names every problem of every service. A call sees all of its pipeline's
// old stages or all of its new ones.
//
//   - A service with the same stages as those applied last is not touched. So what was changed by
//     hand stays (by Pipeline.Tune, or by Pipeline.Update, which also replaces the registry's
//     observers). A func never counts as the same (a Classify, a RetryIf, a BackoffFunc): add it
//     by Amend instead.
//   - A service with other stages keeps its pipeline, which is updated as by Pipeline.Update: every
//     stage keeps its state, even if its numbers changed.
//   - A service that is not in set is removed: Get does not find it. Its calls in flight finish
//     (see Draining), and a caller that kept the pipeline can still use it.
//   - If a removed service returns while a caller still holds its old pipeline, it gets that
//     pipeline again, updated. Otherwise it gets a new one, with all counts at 0.
//
// An empty set is applied like any other: everything is removed. If a set may be empty by
// accident, check it first.
//
// The observers of each updated pipeline hear an EventUpdate after the change, when no lock is
// held. Apply, Reconcile and Amend call the user's code: Services, an amendment, a stage's Build,
// ForPipeline of an observer. That code may read the registry and its pipelines. It must not call
// Apply or Amend, nor Update, Tune or Watch of any pipeline, since these wait for each other. The
// same holds for a Tuning's Budget. If that code panics, nothing changes and the panic passes
// through Apply. Apply is safe for concurrent use. If two run at once, either may be the last.
func (r *Registry) Apply(set ServiceSet) error {
	_, err := r.Reconcile(set)
	return err
}

// Reconcile is Apply, and also returns what it changed.
func (r *Registry) Reconcile(set ServiceSet) (Changes, error) {
	return r.ReconcileContext(context.Background(), set)
}

// ReconcileContext is Reconcile, and passes ctx on to the observers that hear of the change. ctx
// does not end it.
func (r *Registry) ReconcileContext(ctx context.Context, set ServiceSet) (Changes, error) {
	if set == nil || reflect.ValueOf(set).Kind() == reflect.Pointer && isNil(set) {
		return Changes{}, errors.New("holdfast: the ServiceSet to apply is nil; want one, such as holdfast.Services{…}, " +
			"if need be an empty one")
	}
	given := map[string][]resilience.Stage{}
	for name, stages := range set.Services() {
		given[name] = keep(stages)
	}
	return r.replace(ctx, func(was *roster) draft {
		d := draft{was: was, set: set, given: given, amends: was.amends, stages: map[string][]resilience.Stage{}}
		for name, stages := range given {
			before, ok := was.given[name]
			if !ok || !sameStages(before, stages) {
				d.amend(name)
			}
		}
		return d
	})
}

// Amend adds to a service what a file cannot say: a Classify, a RetryIf, a Guard, a shared budget.
// Whenever the stages of the service with this name are applied, change gets a copy of them and
// returns the stages to use. Several amendments of the same name are applied in the order in which
// they were added. If the service exists, it is updated at once. If that is refused, the error
// names every problem, and the amendment is forgotten.
//
// The result of change should depend only on its argument: change is not called for stages that
// are the same as before, and may be called for stages that are then not used. It is called under
// no lock. An amendment cannot be removed. The service need not exist yet.
func (r *Registry) Amend(name string, change func(stages []resilience.Stage) []resilience.Stage) error {
	if change == nil {
		return fmt.Errorf("holdfast: Amend %q: change is nil; want a func that returns the stages as they should be", name)
	}
	_, err := r.replace(context.Background(), func(was *roster) draft {
		d := draft{was: was, set: was.set, given: was.given, amends: maps.Clone(was.amends), stages: map[string][]resilience.Stage{}}
		if d.amends == nil {
			d.amends = map[string][]amendment{}
		}
		d.amends[name] = append(slices.Clip(d.amends[name]), change)
		if _, ok := was.given[name]; ok {
			d.amend(name)
		}
		return d
	})
	return err
}

// draft is a change of a roster that is not in force yet.
type draft struct {
	was    *roster
	set    ServiceSet
	given  map[string][]resilience.Stage
	amends map[string][]amendment
	stages map[string][]resilience.Stage // of the services that change
}

// amend sets the stages of a service in the draft, after its amendments.
func (d *draft) amend(name string) {
	stages := keep(d.given[name])
	for _, change := range d.amends[name] {
		stages = change(stages)
	}
	d.stages[name] = stages
}

// replace puts a draft into force. makeDraft runs under no lock, since it calls the user's code. If
// another change comes first, it runs again. The observers that hear of the change get ctx.
func (r *Registry) replace(ctx context.Context, makeDraft func(was *roster) draft) (Changes, error) {
	for {
		was := r.now()
		changes, updated, err := r.commit(makeDraft(was))
		if errors.Is(err, errOvertaken) {
			continue
		}
		reportUpdates(ctx, updated)
		return changes, err
	}
}

// reportUpdates tells the observers of each assembly, even if one of them panics.
func reportUpdates(ctx context.Context, updated []*assembler) {
	if len(updated) == 0 {
		return
	}
	defer reportUpdates(ctx, updated[1:])
	updated[0].reportUpdate(ctx)
}

// errOvertaken says that the roster has changed since the draft was made from it.
var errOvertaken = errors.New("another change came first")

// renewal is a pipeline and the stages that it is about to get.
type renewal struct {
	pipeline  *Pipeline
	assembler *assembler
	isUpdate  bool // the pipeline had stages before
}

// commit makes a roster of d and puts it into force, or changes nothing. It returns the assemblies
// of the pipelines that were updated, whose observers are to be told.
//
// All pipelines that change are locked until the end, in the order of their names. First comes
// what may be refused, then what may panic. The rest cannot fail.
func (r *Registry) commit(d draft) (c Changes, updated []*assembler, err error) {
	r.replacing.Lock()
	defer r.replacing.Unlock()
	if r.now() != d.was {
		return c, nil, errOvertaken
	}
	errs := r.checkObservers()
	observed := len(r.observers) > 0 && len(errs) == 0
	next := &roster{
		set: d.set, given: d.given, amends: d.amends, names: slices.Sorted(maps.Keys(d.given)),
		services: make(map[string]*Pipeline, len(d.given)), retired: map[string]weak.Pointer[Pipeline]{},
	}
	var renewals []renewal
	for _, name := range next.names {
		stages, isNew := d.stages[name]
		if !isNew {
			next.services[name] = d.was.services[name]
			continue
		}
		was := d.was.find(name)
		p, previous := was, (*assembly)(nil)
		if was == nil {
			p = blank(name)
		} else {
			p.updating.Lock()
			defer p.updating.Unlock()
			previous = p.current.Load()
		}
		if observed {
			stages = append([]resilience.Stage{observe(r.observers)}, stages...)
		}
		b, err := p.assemble(stages, previous)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		next.services[name] = p
		renewals = append(renewals, renewal{p, b, was != nil})
	}
	if len(errs) > 0 {
		return c, nil, errors.Join(errs...)
	}
	for _, n := range renewals {
		n.pipeline.place(n.assembler)
	}
	for _, n := range renewals {
		n.pipeline.renew(n.assembler)
		if n.isUpdate {
			updated = append(updated, n.assembler)
		}
	}
	next.retire(d.was)
	r.current.Store(next)
	return difference(d), updated, nil
}

// checkObservers checks the registry's observers once, so that an error does not repeat per
// service.
func (r *Registry) checkObservers() (errs []error) {
	if len(r.observers) == 0 {
		return nil
	}
	if _, err := observe(r.observers).Build(); err != nil {
		for _, e := range flatten(err) {
			errs = append(errs, fmt.Errorf("holdfast: NewRegistry: %w", e))
		}
	}
	return errs
}

// find returns the pipeline of a service that exists, or that was removed if a caller still holds
// it.
func (now *roster) find(name string) *Pipeline {
	if p, ok := now.services[name]; ok {
		return p
	}
	return now.retired[name].Value()
}

// retire records the pipelines of was that are not in now.
func (now *roster) retire(was *roster) {
	for name, w := range was.retired {
		if _, back := now.services[name]; !back && w.Value() != nil {
			now.retired[name] = w
		}
	}
	for name, p := range was.services {
		if _, there := now.services[name]; !there {
			now.retired[name] = weak.Make(p)
		}
	}
}

// difference returns what d changes.
func difference(d draft) (c Changes) {
	for _, name := range slices.Sorted(maps.Keys(d.stages)) {
		if _, ok := d.was.services[name]; ok {
			c.Changed = append(c.Changed, name)
		} else {
			c.Added = append(c.Added, name)
		}
	}
	for _, name := range d.was.names {
		if _, ok := d.given[name]; !ok {
			c.Removed = append(c.Removed, name)
		}
	}
	return c
}
