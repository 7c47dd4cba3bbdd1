package stage

import (
	"github.com/media-gateway/holdfast/internal/link"
	"github.com/media-gateway/holdfast/resilience"
)

// Place is where a stage stands: in a pipeline, or in a Chain.
type Place struct {
	Pipeline string                // its name; "" in a Chain
	Observer resilience.Observer   // gets the stage's events; nil: nobody does
	Classify resilience.Classifier // the pipeline's, for a stage without its own; or nil
	Calls    Population            // the pipeline's; nil in a Chain

	Row      Row
	Policies []resilience.Policy // of the stages of Row
	At       int                 // the stage's index in Row
}

// Population is what is in flight in a pipeline, which counts it in any case.
type Population interface {
	// InFlight returns how many calls have begun and not ended, and how many of those are not past
	// their first attempt. It takes some time.
	InFlight() (calls, firsts int)
}

// Outer returns the policies around the place, the outermost first.
func (p Place) Outer() []resilience.Policy { return p.Policies[:p.At] }

// Inner returns the policies inside the place, the innermost last.
func (p Place) Inner() []resilience.Policy { return p.Policies[p.At+1:] }

// PlaceIn returns the place with index at in a row of policies, the outermost first.
func PlaceIn(policies []resilience.Policy, at int) Place {
	place := Place{Row: make(Row, len(policies)), Policies: policies, At: at}
	for i, p := range policies {
		if Unmade(p) == nil {
			place.Row[i] = Built(nil, p)
		} else { // it returns that error when it is called
			place.Row[i] = &Member{Kind: guard, Traits: guard.Traits(nil)}
		}
	}
	return place
}

// Link returns the policy at the place, bound to it: see Spec.Link.
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
