package stage

import (
	"reflect"

	"github.com/media-gateway/holdfast/resilience"
)

// Config is a stage as data. Resolve fills in every default, or names every wrong field.
type Config[C any] interface {
	resilience.Stage
	Resolve() (C, error)
}

// Spec describes the stages of a package: C is their Config, P the policy that is built from one.
// All fields but the first three may be nil.
type Spec[C Config[C], P resilience.Policy] struct {
	// Name is the package's name, and the stage's in errors, events, metrics and files.
	Name string

	// Traits returns the traits of a stage with the Config c, which is resolved.
	Traits func(c C) Traits

	// InForce returns p's Config in force, with every default filled in.
	InForce func(p P) C

	// Named returns c with the name of its stage, for stages that have names. pipeline is the name
	// of the pipeline, and suffix what that has after the name of its Keyed, "[api.example.com]";
	// "" without keys. nil: the stage has no name.
	Named func(c C, pipeline, suffix string) C

	// Shares says that all of p is in one place: who changes its numbers changes them for all that
	// share it.
	Shares bool

	// Link returns a copy of p that is bound to its place, and shares p's state. It does not change
	// p, which may have several places. nil: p needs no place.
	Link func(p P, at Place) resilience.Policy

	// Data are the types of the fields of C that point to settings, and not to state: they are
	// compared and copied with their Config. nil: there are none.
	Data []reflect.Type

	// Renew returns the policy that replaces p when an update changes its Config to c. It keeps as
	// much of p's state as c allows. It changes nothing in p, since the update may still be
	// refused: the renewal's Commit does that. nil: a new policy is built from c.
	Renew func(p P, c C) (Renewal[P], error)

	// Tune is for a change by hand of a policy in use, which others may change at the same time:
	// from is the Config that the hand has read, and to what it made of that. nil: the policy is
	// renewed, as by an update.
	Tune func(p P, from, to C) (Tuning[P, C], error)

	// Another returns a policy for a key of a Keyed, with the Config c, which New has accepted. It
	// has its own state, and shares the memory of p's settings where it can. nil: it is built from
	// c.
	Another func(p P, c C) (P, error)

	// Lenient returns p, which is new, for a Keyed's overflow, where calls have nothing to do with
	// each other: it must not refuse a call because others failed. nil: p itself.
	Lenient func(p P) P

	// Worth returns how much would be lost if p were dropped. nil: Plain.
	Worth func(p P) Worth

	// Report returns p's current state. nil: it has nothing to report.
	Report func(p P) Report
}

// Renewal is the result of Renew.
type Renewal[P resilience.Policy] struct {
	Policy P
	Kept   bool   // Policy has the state of its predecessor
	Commit func() // called once the update is certain; cannot fail; may be nil
}

// Tuning is the result of Tune.
type Tuning[P resilience.Policy, C resilience.Stage] struct {
	Policy P

	// Commit is called once the change is certain, and cannot fail. It returns the Config in force
	// just before and just after: what others change meanwhile is in both, or in none.
	Commit func() (from, to C)
}
