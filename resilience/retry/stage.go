package retry

import (
	"reflect"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

func init() {
	stage.Register(stage.Spec[Config, *Policy]{
		Name:    "retry",
		Traits:  traits,
		InForce: (*Policy).Config,
		Data:    []reflect.Type{reflect.TypeFor[*Adaptive]()},
		Link:    link,
		Renew:   renew,
		Report:  report,
	})
}

func traits(c Config) stage.Traits {
	return stage.Traits{
		Repeats: true, ReadsClock: true, Stateless: c.Adaptive == nil, Classify: c.Classify,
	}
}

// link returns a Policy that draws on the budget around it, asks the gates inside it, and reports
// to the place's observer. It knows what an attempt may take from the deadline next to it.
func link(p *Policy, at stage.Place) resilience.Policy {
	linked := *p
	linked.pipeline, linked.observer, linked.gates = at.Pipeline, at.Observer, nil
	linked.limit = at.Row.Bounds(at.At)
	if p.config.Classify == nil {
		linked.classify = at.Classify
	}
	for _, outer := range at.Outer() {
		if b, ok := outer.(*budget.Budget); ok {
			linked.budget = b // the last one wins: it is the nearest
		}
	}
	for _, inner := range at.Inner() {
		if g, ok := inner.(resilience.Gate); ok {
			linked.gates = append(linked.gates, g)
		}
	}
	return &linked
}

// renew returns a Policy made of c. If both learn, over the same Window, it goes on with what p has
// learned.
func renew(p *Policy, c Config) (stage.Renewal[*Policy], error) {
	fresh, err := New(c)
	if err != nil {
		return stage.Renewal[*Policy]{}, err
	}
	r := stage.Renewal[*Policy]{Policy: fresh}
	if p.learner != nil && fresh.learner != nil && p.config.Adaptive.Window == fresh.config.Adaptive.Window {
		fresh.learner = p.learner
		r.Kept, r.Commit = true, func() { fresh.learner.settings.Store(fresh.config.Adaptive) }
	}
	if fresh.waiting != nil && p.waiting != nil {
		fresh.waiting = p.waiting
	}
	return r, nil
}
