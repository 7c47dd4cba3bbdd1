package stage

import (
	"reflect"

	"github.com/media-gateway/holdfast/resilience"
)

// Config is what a stage is as data. Resolve fills in every default, or names every wrong field.
type Config[C any] interface {
	resilience.Stage
	Resolve() (C, error)
}

// Spec is what a package says of its stages: C is their Config, P the policy that is built of one.
// All but the first three may be nil, where there is nothing to say.
type Spec[C Config[C], P resilience.Policy] struct {
	// Name is the package's, and so the stage's in errors, events, metrics and files.
	Name string

	// Traits says how a stage of c reads in a row. c is resolved.
	Traits func(c C) Traits

	// InForce returns what p goes by, every default filled in.
	InForce func(p P) C

	// Named returns c with the name that its stage is known by, for stages that have names of their
	// own. suffix is what tells a Keyed's key from the others: "[api.example.com]"; "" without
	// keys.
	Named func(c C, pipeline, suffix string) C

	// Link returns p as it behaves at its place. It shares p's state, and leaves p as it is: p may
	// stand at many places. nil: it behaves alike everywhere.
	Link func(p P, at Place) resilience.Policy

	// Data are the types of the pointers in C behind which there are settings, and no state: two
	// Configs say the same if these do. nil: there are none.
	Data []reflect.Type

	// Renew returns what takes p's place when an update changes its Config to c, with as much of
	// p's state as c lets it keep. It changes nothing in p, since the update may still be refused;
	// what is to be changed is done by the renewal's Commit. nil: a stage built of c.
	Renew func(p P, c C) (Renewal[P], error)

	// Another returns one more stage of c, which New has accepted, for one of many keys. It has a
	// state of its own, and shares the memory of p's settings where it can. nil: a stage built of
	// c.
	Another func(p P, c C) (P, error)

	// Lenient returns p, which is new, as a stage for calls that have nothing to do with each
	// other: no call is refused for how the others went. nil: it is so anyway, or cannot be.
	Lenient func(p P) P

	// Worth says what would be lost with p. nil: Plain.
	Worth func(p P) Worth

	// Report says how p stands. nil: it has nothing to report.
	Report func(p P) Report
}

// Renewal is what an update makes of a stage.
type Renewal[P resilience.Policy] struct {
	Policy P
	Kept   bool   // Policy has the state of its predecessor
	Commit func() // what is left to do once the update is certain, and cannot fail; or nil
}
