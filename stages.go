package holdfast

import "github.com/media-gateway/holdfast/resilience"

// Stages returns the pipeline's stages, the outermost first, as the Configs in force: every default
// filled in, and changes by Tune included. What was passed in already built is given as its Config
// too; a Guard as itself. Observers are not among them. New makes a pipeline of the same numbers
// from it, which shares no state with this one but through Guards.
func (p *Pipeline) Stages() []resilience.Stage {
	row := p.stages()
	stages := make([]resilience.Stage, len(row))
	for i, e := range row {
		stages[i] = e.Given
		if c := e.Kind.InForce(e.policy); c != nil {
			stages[i] = c
		}
	}
	return stages
}
