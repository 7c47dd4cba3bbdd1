package stage

import (
	"github.com/media-gateway/holdfast/internal/link"
	"github.com/media-gateway/holdfast/resilience"
)

// Place is where a stage stands: in a pipeline, or in a Chain.
type Place struct {
	Pipeline string                // its name; "" in a Chain
	Observer resilience.Observer   // who is to be told of events; nil if nobody is
	Classify resilience.Classifier // what the pipeline's errors mean, for a stage that was told nothing; or nil

	Row      Row
	Policies []resilience.Policy // of Row
	At       int                 // in Row
}

// Outer returns what stands around the place, the outermost first.
func (p Place) Outer() []resilience.Policy { return p.Policies[:p.At] }

// Inner returns what stands inside the place, the innermost last.
func (p Place) Inner() []resilience.Policy { return p.Policies[p.At+1:] }

// PlaceIn returns the place at which a policy stands in a row, the outermost first.
func PlaceIn(policies []resilience.Policy, at int) Place {
	place := Place{Row: make(Row, len(policies)), Policies: policies, At: at}
	for i, p := range policies {
		if Unmade(p) == nil {
			place.Row[i] = Built(nil, p)
		} else { // it says so when it is called
			place.Row[i] = &Member{Kind: guard, Traits: guard.Traits(nil)}
		}
	}
	return place
}

// Link returns what stands at the place as it behaves there: see Spec.Link.
func (p Place) Link() resilience.Policy { return p.Row[p.At].Kind.Link(p.Policies[p.At], p) }

func init() { link.InChain = linkInChain }

// linkInChain tells a policy of a Chain its place.
func linkInChain(row []any, at int) any {
	policies := make([]resilience.Policy, len(row))
	for i, p := range row {
		policies[i], _ = p.(resilience.Policy)
	}
	return PlaceIn(policies, at).Link()
}
