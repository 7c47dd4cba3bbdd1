package holdfast

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"weak"

	"github.com/media-gateway/holdfast/resilience"
)

// Changes are the names of the services that an Apply made another: each list is sorted, and nil if
// there are none.
type Changes struct {
	Added   []string `json:"added,omitempty"`   // that were not there, or not any more
	Changed []string `json:"changed,omitempty"` // whose stages are others than those last applied
	Removed []string `json:"removed,omitempty"` // that are in the set no more
}

// Apply makes the registry hold the services of set: all of them, or nothing changes and the
// error names every problem of every service. A call sees all of its pipeline's old stages or all of its
// new ones.
//
//   - A service with the same stages as last applied is not touched: what was changed by hand
//     (Pipeline.Tune, or Pipeline.Update, which replaces the registry's observers too) stays. A func is never the same (a Classify, a RetryIf, a BackoffFunc): Amend puts
//     these in without that.
//   - One with other stages keeps its pipeline, which is updated as by Pipeline.Update: budgets
//     keep their bank, and breakers and bulkheads their state if their numbers did not change.
//   - One that set does not have any more is removed: Get does not find it. Its calls in
//     flight finish (see Draining), and whoever kept the pipeline can go on using it.
//   - A removed one that comes back while its old pipeline is still in somebody's hands gets that same pipeline again,
//     updated. After that it begins anew, with all counts at 0.
//
// A set of no services is applied like any other: everything is removed. Where a set comes
// from a place that can be empty by accident, look at it first.
//
// The observers of the pipelines that were updated hear an EventUpdate from each, when all is over
// and no lock is held. What Apply, Reconcile and Amend call while they work (Services, an amendment, a stage's
// Build, ForPipeline of an observer) may read the registry and its pipelines, but must not change them: no Apply or Amend, and
// no Update, Tune or Watch of any pipeline, since that waits for this to be over. The same holds for a Tuning's Budget. A panic in
// one of these changes nothing and goes on through Apply. Apply is safe for concurrent use; of two at a time, either may
// be the last.
func (r *Registry) Apply(set ServiceSet) error {
	_, err := r.Reconcile(set)
	return err
}

// Reconcile is Apply that says what it changed.
func (r *Registry) Reconcile(set ServiceSet) (Changes, error) {
	if set == nil || reflect.ValueOf(set).Kind() == reflect.Pointer && isNil(set) {
		return Changes{}, errors.New("holdfast: the ServiceSet to apply is nil; want one, such as holdfast.Services{…}, " +
			"if need be an empty one")
	}
	given := map[string][]resilience.Stage{}
	for name, stages := range set.Services() {
		given[name] = keep(stages)
	}
	return r.replace(func(was *roster) draft {
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

// Amend puts code's part into a service, which data cannot say: a Classify, a RetryIf, a Guard, a
// shared budget. From now on, whenever the stages of the service of this name are applied, change
// is given a copy of them, to change and return. Those that came earlier for the
// same name come first. If the service is there, it is updated at once; if that is refused, the
// error names every problem, and the amendment is forgotten.
//
// change should depend on nothing but its argument: it is not called for stages that did not
// change, and may be called more often than they are put to use. It is called under no lock. An
// amendment cannot be taken back, and waits for a service that is not there yet.
func (r *Registry) Amend(name string, change func(stages []resilience.Stage) []resilience.Stage) error {
	if change == nil {
		return fmt.Errorf("holdfast: Amend %q: change is nil; want a func that returns the stages as they should be", name)
	}
	_, err := r.replace(func(was *roster) draft {
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

// draft is what is to become of a roster.
type draft struct {
	was    *roster
	set    ServiceSet
	given  map[string][]resilience.Stage
	amends map[string][]amendment
	stages map[string][]resilience.Stage // of the services that are not as they were
}

// amend notes the stages of a service, with code's part in them.
func (d *draft) amend(name string) {
	stages := keep(d.given[name])
	for _, change := range d.amends[name] {
		stages = change(stages)
	}
	d.stages[name] = stages
}

// replace puts what the draft says in the place of what there is. The draft is made under no lock, since
// that takes the user's code: if another has come first, it is made anew.
func (r *Registry) replace(makeDraft func(was *roster) draft) (Changes, error) {
	for {
		was := r.now()
		changes, updated, err := r.commit(makeDraft(was))
		if errors.Is(err, errOvertaken) {
			continue
		}
		reportUpdates(updated)
		return changes, err
	}
}

// reportUpdates tells the observers of each, also if one of them panics.
func reportUpdates(updated []*assembly) {
	if len(updated) == 0 {
		return
	}
	defer reportUpdates(updated[1:])
	updated[0].reportUpdate()
}

// errOvertaken says that the roster is not the one any more for which a draft was made.
var errOvertaken = errors.New("another change came first")

// renewal is a pipeline with stages that it is about to get.
type renewal struct {
	pipeline  *Pipeline
	assembler *assembler
	had       bool // some before
}

// commit makes d the roster, or changes nothing. It returns what was updated, for the observers.
//
// All pipelines that change are locked until it is over, in the order of their names. What may be
// refused comes first, then what may panic; what is left cannot fail.
func (r *Registry) commit(d draft) (c Changes, updated []*assembly, err error) {
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
		n.pipeline.commit(n.assembler)
		if n.had {
			updated = append(updated, n.assembler.assembly)
		}
	}
	next.retire(d.was)
	r.current.Store(next)
	return difference(d), updated, nil
}

// checkObservers says once, not once per service, what is wrong with the registry's observers.
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

// find returns the pipeline of a service that is there, or was, if somebody still holds it.
func (now *roster) find(name string) *Pipeline {
	if p, ok := now.services[name]; ok {
		return p
	}
	return now.retired[name].Value()
}

// retire takes note of the pipelines that were there before, and are not any more.
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

// difference says what d changes.
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
