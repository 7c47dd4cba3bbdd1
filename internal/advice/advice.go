// Package advice is how a fleet reads the outcomes of a breaker, and tells it when to open and when
// to probe. Package breaker sets Of, and package fleet calls it: so breakers need not know
// of fleets, and no method of theirs is exported that is not for users.
package advice

import (
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// Of returns the Breaker that p is, or false if p is none. Policies that share one state return the
// same Breaker, by ==. It is set by an init, and not changed after that.
var Of = func(resilience.Policy) (b Breaker, ok bool) { return nil, false }

// Breaker is the state of a breaker. It is safe for concurrent use. No call waits for it longer
// than for another call.
type Breaker interface {
	Switch

	// Reader returns a Reader of the outcomes from now on.
	Reader() Reader

	// Open opens the breaker if it is closed, and reports whether it did. It stays open for as long
	// as if its own rules had opened it. why is what Why and events tell.
	Open(why error) bool

	// ProbeIn makes an open breaker probe after the pause, instead of when it would have, and ends
	// what Hold and HoldAfter said.
	ProbeIn(pause time.Duration) bool

	// Hold keeps an open breaker from probing for a while from now on, whatever its own rules say.
	// They go on meanwhile: when it is over, the breaker probes as soon as they say.
	Hold(pause time.Duration) bool

	// HoldAfter is Hold for a while that begins later: until then the breaker probes when its own
	// rules say so.
	HoldAfter(later, pause time.Duration) bool
}

// What Hold, HoldAfter and ProbeIn say takes the place of what they said before. They report
// whether the breaker was open; in any other state they change nothing.

// Reader reads the outcomes of one breaker. It is not safe for concurrent use.
type Reader interface {
	// Read returns how the breaker stands, and what it has counted since the last Read.
	Read() Reading
}

// Reading is how a breaker stands.
type Reading struct {
	State resilience.State // open too when it is time to probe

	// Successes and Failures came since the last reading, in the closed state. Outcomes that the
	// breaker forgot in between are not in it: those of a Window shorter than that time, and those
	// of a second closed state.
	Successes, Failures uint64

	Row uint64 // failures in a row up to now, over any time, in the closed state

	ProbeIn time.Duration // until its own rules say that an open breaker probes; 0 if it is time, or not open
	Pause   time.Duration // that follows a failure as those of late, but for chance; 0 without a MinOpenFor
	Probing bool          // probes are under way, or a round of them is
	Good    uint64        // probes that succeeded, and were not slow: of this round, or since it opened if MinOpenFor is set
	Lost    uint64        // rounds of probes that failed since it was last closed; single probes if MinOpenFor is set
}
