package stage

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// Traits are what others have to know of a stage to make sense of the row in which it stands. Its
// Config alone decides them.
type Traits struct {
	// Limit is the most time that what stands inside may take: it is a deadline. 0: it is none.
	Limit time.Duration

	// Repeats says that it makes a call again: it is the retry loop.
	Repeats bool

	// DrawnOn says that no call walks through it: it is a budget, on which the loop inside draws.
	DrawnOn bool

	// Wait is how long a call may have to wait in it before it goes on; Endless: as long as its ctx
	// lives.
	Wait time.Duration
	// Adjustable says that Wait may change while the stage stands in a row. Whoever decides once,
	// for as long as the row lasts, has to ask MayWait.
	Adjustable bool
	// WaitsFor says what for, in words: "a place in the bulkhead".
	WaitsFor string

	// Refuses names it when it refuses calls, in words: "a full bulkhead". "": it refuses none.
	Refuses string

	// ReadsClock says that it wants to know when a call began.
	ReadsClock bool

	// Admits says that it only decides when a call begins: a deadline inside of it is the call's,
	// as one outside of all others is.
	Admits bool

	// Stateless says that it remembers nothing from one call to the next. It may be shared by all
	// keys of a Keyed, and stand in a row twice.
	Stateless bool

	// Classify is what its Config says that errors mean; nil: nothing.
	Classify resilience.Classifier
}

// Endless is a Wait without a limit.
const Endless = time.Duration(math.MaxInt64)

// Waits reports whether a call may have to wait in the stage.
func (t Traits) Waits() bool { return t.Wait > 0 }

// MayWait reports whether a call may ever have to wait in the stage, whatever becomes of its
// numbers.
func (t Traits) MayWait() bool { return t.Waits() || t.Adjustable }

// Worth is how much would be lost with a stage that is dropped. A greater one is dropped later.
type Worth uint8

const (
	Plain    Worth = iota // it would be built as it is, or nearly so
	Learned               // it knows something that is soon learned again
	Precious              // it must not be dropped: it keeps calls from a dependency that is down
)

// Condition is how a stage fares, for Health. A greater one is worse.
type Condition uint8

const (
	Well   Condition = iota // it is in nobody's way
	Strain                  // it refuses some calls, or retries
	Down                    // it refuses all calls
)

// Report is how a stage stands, all of it read at one moment.
type Report struct {
	Stats     any       // of the stage's package, as a Snapshot shows them
	Condition Condition // and, where it is not Well,
	Why       string    // what is wrong, in words
}
