package holdfast

import (
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
)

// Lint checks the pipeline's numbers in force against each other: whether all attempts fit before
// the deadline, what limits retries in an outage, whether the breaker sees what hangs, and so on.
// It returns what package lint finds, the worst first; nil if there is nothing to say. lint.Explain
// has the background of each code.
//
// A pipeline does not know its traffic, its pods, nor what a fleet stands on, so Lint leaves out
// what depends on that; lint.Check can be told. Keys and fixes use the names of a configuration
// file, which are those of the Configs in snake case (retry.max_retries is
// retry.Config.MaxRetries); deadline is the deadline.In outside of the loop, attempt_deadline the
// one inside. "off" in a fix is -1 in a Config, and max_retries: none is retry.None.
//
// Lint takes some microseconds, blocks no call, and is safe for concurrent use. Call it in a test,
// or when the program starts, for its log.
func (p *Pipeline) Lint() []lint.Finding {
	if p.now() == nil {
		return nil
	}
	s := lint.Service{Name: p.name, Stages: p.Stages(), Keyed: p.group != nil}
	if s.Keyed {
		s.Stages = p.keysStages()
	}
	return lint.Check([]lint.Service{s}, lint.Options{}).Findings
}

// keysStages is Stages for the pipelines of a Keyed: the Configs of what is built for each key, and
// what all keys share as it was built.
func (p *Pipeline) keysStages() []resilience.Stage {
	row := p.stages()
	stages := make([]resilience.Stage, len(row))
	for i, e := range row {
		c := e.Kind.InForce(e.policy)
		built, ok := e.policy.(resilience.Stage)
		switch {
		case c == nil:
			stages[i] = e.Given
		case ok && !e.Own:
			stages[i] = built
		default:
			stages[i] = c
		}
	}
	return stages
}
