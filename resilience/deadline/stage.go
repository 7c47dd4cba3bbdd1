package deadline

import (
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

func init() {
	stage.Register(stage.Spec[Config, *Policy]{
		Name:    "deadline",
		Traits:  func(c Config) stage.Traits { return stage.Traits{Limit: c.Limit, ReadsClock: true, Stateless: true} },
		InForce: func(p *Policy) Config { return In(p.Limit()) },
		Link:    link,
	})
}

// link returns p with errors that name the pipeline. It knows a definite answer by the Classify of
// the pipeline, or of a stage beside it that has one.
func link(p *Policy, at stage.Place) resilience.Policy {
	linked := &Policy{cause: Error{Pipeline: at.Pipeline, Limit: p.cause.Limit}, classify: at.Classify}
	for _, beside := range append(at.Row[at.At+1:len(at.Row):len(at.Row)], at.Row[:at.At]...) {
		if linked.classify == nil {
			linked.classify = beside.Traits.Classify
		}
	}
	return linked
}
