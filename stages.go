package holdfast

import "github.com/media-gateway/holdfast/resilience"

// Stages returns the pipeline's stages, the outermost first, as the Configs in force: with every
// default filled in, and with the changes by Tune. A stage that was passed already built is
// returned as its Config too; a Guard is returned itself. Observe, Classify and SilenceUnclassified
// are not among them. New makes a pipeline with the same numbers from the result. The two share no
// state, except that of Guards.
func (p *Pipeline) Stages() []resilience.Stage {
	return inForce(p.stages())
}

// inForce returns the Configs of a row that are in force, and Guards as they are.
func inForce(row []entry) []resilience.Stage {
	stages := make([]resilience.Stage, len(row))
	for i, e := range row {
		stages[i] = e.Given
		if c := e.Kind.InForce(e.policy); c != nil {
			stages[i] = c
		}
	}
	return stages
}
