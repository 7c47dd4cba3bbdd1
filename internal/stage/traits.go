package stage

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// Traits are what others have to know of a stage to understand its row. They depend on its Config
// alone.
type Traits struct {
	// Limit is the limit of a deadline. 0: the stage is not a deadline.
	Limit time.Duration

	// Repeats says that the stage is the retry loop.
	Repeats bool

	// DrawnOn says that the stage is a budget: the loop inside draws on it, and no call passes
	// through it.
	DrawnOn bool

	// Wait is the longest that a call may have to wait in the stage before it goes on. Endless:
	// until its ctx ends.
	Wait time.Duration
	// Adjustable says that Wait may change while the stage is in use. Code that decides once for
	// the life of a row must ask MayWait.
	Adjustable bool
	// WaitsInTime says that the stage hardly ever waits, and then under the call's deadline even
	// while no ctx has that: see Row.Later and Row.Bounds.
	WaitsInTime bool
	// WaitsFor is what a call waits for, in words: "a place in the bulkhead".
	WaitsFor string

	// Refuses names the stage when it refuses calls, in words: "a full bulkhead". "": it refuses
	// none.
	Refuses string

	// ReadsClock says that the stage needs to know when a call began.
	ReadsClock bool

	// Admits says that the stage only decides when a call begins: whether a deadline inside it is
	// the call's does not depend on it.
	Admits bool

	// Stateless says that the stage remembers nothing from one call to the next. All keys of a
	// Keyed may share it, and a row may have it twice.
	Stateless bool

	// Classify is the classifier of its Config; nil without one.
	Classify resilience.Classifier
}

// Endless is a Wait without a limit.
const Endless = time.Duration(math.MaxInt64)

// Waits reports whether a call may have to wait in the stage.
func (t Traits) Waits() bool { return t.Wait > 0 }

// MayWait reports whether a call may ever have to wait in the stage, even after a change of its
// numbers.
func (t Traits) MayWait() bool { return t.Waits() || t.Adjustable }

// Worth is how much would be lost if a stage were dropped. A stage of lower worth is dropped first.
type Worth uint8

const (
	Plain    Worth = iota // a new one would be the same, or nearly so
	Learned               // it knows something that is soon learned again
	Precious              // it must not be dropped: it keeps calls from a dependency that is down
)

// Condition is how well a stage works, for Health. A greater one is worse.
type Condition uint8

const (
	Well   Condition = iota // nothing is wrong
	Strain                  // it refuses some calls, or retries
	Down                    // it refuses all calls
)

// Report is the state of a stage, all of it read at one moment.
type Report struct {
	Stats     any // of the stage's package, as a Snapshot shows them
	Condition Condition
	Why       string // what is wrong, in words, if Condition is not Well
}
