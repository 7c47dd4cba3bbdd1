package advice

import (
	"context"

	"github.com/media-gateway/holdfast/resilience"
)

// Switch isolates and resets a breaker by an order for a whole fleet. What somebody does by hand on
// the breaker itself stands above that.
type Switch interface {
	// Isolate keeps every call out, until Release or somebody's hand. why is what Why, refusals
	// and events tell; nil if it is done by hand. It returns the state from before, and what
	// Release takes. That is nil if somebody has isolated the breaker by hand: then nothing
	// changes.
	Isolate(why error) (from resilience.State, by any)

	// Isolated reports whether the breaker is isolated by what Isolate returned.
	Isolated(by any) bool

	// Release closes the breaker if it is isolated by what Isolate returned, and reports whether it
	// did.
	Release(by any) bool

	// Reset closes the breaker, isolated or not. It forgets all outcomes. It returns the state from
	// before.
	Reset() (from resilience.State)
}

// KnobOf returns the Knob of the budget that p is, or false if p is none. Those of one budget are
// the same, by ==. It is set by an init, and not changed after that.
var KnobOf = func(resilience.Policy) (k Knob, ok bool) { return nil, false }

// Knob sets the ratio of a budget by an order for a whole fleet. It is safe for concurrent use. It
// waits for no code of a user, such as what changes the budget's settings by hand.
type Knob interface {
	// Ratio returns the ratio in force, -1 if there is none.
	Ratio() float64

	// Set sets the ratio. by is what Restore takes.
	Set(ratio float64) (by any, err error)

	// Ours reports whether the ratio in force is the one that Set made: nobody has changed it
	// since, by hand, with a new configuration or by another order.
	Ours(by any) bool

	// Restore brings the ratio back that was in force before Set, and before all orders that Set
	// has replaced. It does so if the ratio in force is the one that Set made. It returns that
	// ratio, and whether it did.
	Restore(by any) (ratio float64, ok bool)
}

// Changed tells the observers of a *holdfast.Pipeline of a change. It runs their code. It is set by
// an init, and not changed after that.
var Changed = func(ctx context.Context, pipeline any, c resilience.Change) {}
