package holdfast

import (
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Stages returns the pipeline's stages, the outermost first, as the Configs in force: every
// default filled in, and changes by Tune included. What was passed in already built is given as its
// Config too; a Guard as itself. Observers are not among them. New makes a pipeline of the same numbers
// from it, which shares no state with this one but through Guards and retry.Config.Budget.
func (p *Pipeline) Stages() []resilience.Stage {
	row := p.current.Load().row
	stages := make([]resilience.Stage, len(row))
	for i, e := range row {
		stages[i] = e.inForce()
	}
	return stages
}

// inForce returns the stage as data.
func (e entry) inForce() resilience.Stage {
	switch p := e.policy.(type) {
	case *deadline.Policy:
		return deadline.In(p.Limit())
	case *budget.Budget:
		return p.Config()
	case *retry.Policy:
		return p.Config()
	case *breaker.Breaker:
		return p.Config()
	case *bulkhead.Bulkhead:
		return p.Config()
	}
	return e.given
}
