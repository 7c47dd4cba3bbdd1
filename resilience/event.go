package resilience

import "time"

// EventKind is what an Event reports.
type EventKind uint8

const (
	// EventAttempt: the op ran and returned. Attempt counts from 1; Verdict, Elapsed (of this
	// attempt) and Err say how it went.
	EventAttempt EventKind = iota + 1
	// EventRetry: another attempt is decided and paid for. Attempt is the one that failed,
	// with Verdict and Err; Delay is the pause before the next.
	EventRetry
	// EventGiveUp: the retry loop stopped without success. Reason says why, Attempt how many
	// attempts there were, Elapsed how long it took, Err is the final error.
	EventGiveUp
	// EventReject: the stage named by Stage refused a call or an attempt, for Reason, with Err.
	EventReject
	// EventBreaker: the breaker named by Breaker went From one state To another. If it opened, Err says why, in
	// numbers: "10 failures in a row (ConsecutiveFailures is 10)".
	EventBreaker
	// EventShadow: a budget in shadow let a retry pass that it would have refused.
	EventShadow
	// EventCall: the call is over. Attempt is how many attempts there were (0: the op never
	// ran), Verdict and Reason say how it went, Elapsed how long it took, Err what was returned.
	EventCall
	// EventUpdate: the pipeline's stages were replaced; or, if Change is set, one thing of the
	// stage named by Stage was changed by hand.
	EventUpdate
)

var eventNames = [...]string{"", "attempt", "retry", "give_up", "reject", "breaker", "shadow", "call", "update"}

// String returns the kind in snake case.
func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "unknown"
}

// Event is one thing that happened to a call. It is a small value, passed by value; which
// fields are set depends on Kind, and the others are zero.
type Event struct {
	Kind     EventKind
	Verdict  Verdict
	Reason   Reason
	From, To State         // of a breaker
	Attempt  int           // counts from 1
	Pipeline string        // the pipeline's name
	Key      string        // which of the pipelines of that name, where there is one for each key; else ""
	Stage    string        // the stage that speaks: "retry", "breaker", "bulkhead", …
	Breaker  string        // the breaker's name, if a breaker speaks; of a pipeline for one key, it may have the key in it
	Delay    time.Duration // a pause before the next attempt
	Elapsed  time.Duration // how long it took
	Err      error
	Change   *Change // what was changed by hand; nil if nothing was
}

// Denied reports whether e says that a retry loop stopped which would have gone on, had it been
// let: its reason says by what it was kept. That the caller left, or that an error was not worth
// a retry, is no denial; nor is the end of a call that made no attempt.
func (e *Event) Denied() bool {
	return e.Kind == EventGiveUp && e.Attempt > 0 && e.Reason != ReasonCanceled && e.Reason != ReasonPermanent
}

// Change is one thing that somebody changed by hand in a running pipeline.
type Change struct {
	By       string // who; "" if nobody said
	What     string // what, the stage first: "budget ratio", "breaker payments"
	From, To string // its value, before and after
}

// State is a circuit breaker's.
type State uint8

const (
	StateClosed   State = iota // calls pass, and are counted
	StateHalfOpen              // a few calls pass, as probes
	StateOpen                  // no call passes until it is time to probe
	StateIsolated              // no call passes until someone resets it by hand
)

var stateNames = [...]string{"closed", "half-open", "open", "isolated"}

// String returns the state in lower case.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// MarshalText returns String, so that a state reads well in JSON.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
