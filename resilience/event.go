package resilience

import "time"

// EventKind is what an Event reports.
type EventKind uint8

const (
	// EventAttempt: the op ran and returned. Attempt, Verdict, Elapsed and Err are this attempt's.
	EventAttempt EventKind = iota + 1
	// EventRetry: there will be another attempt, and the budget, if there is one, has paid for it.
	// Attempt and Err are those of the attempt that failed, Verdict is why it is retried (Transient
	// if RetryIf said so), and Delay is the pause before the next. A Patient loop reports it after
	// that pause, since before it does not know.
	EventRetry
	// EventGiveUp: the retry loop stopped without success, or ctx ended before the first attempt.
	// Reason says why; Attempts, Elapsed and Err (the final error) are the loop's. There is none if
	// the first attempt's own error is returned as it is.
	EventGiveUp
	// EventReject: the stage named by Stage refused a call or an attempt, for Reason, with Err.
	EventReject
	// EventBreaker: the breaker named by Breaker went From one state To another. If it opened, Why
	// says what opened it; if an order for a fleet isolated it, whose order that is.
	EventBreaker
	// EventShadow: a budget in shadow let a retry pass that it would have refused. Attempt and Err
	// are those of the attempt that failed.
	EventShadow
	// EventCall: the call is over. Attempts, Verdict, Reason, Elapsed and Err are the call's.
	EventCall
	// EventUpdate: the pipeline's stages were replaced, and Update lists what is different since;
	// or, if Change is set, one value of the stage named by Stage was changed by hand.
	EventUpdate
	// EventUnclassified: an attempt ended with an error that nobody has classified; it is not
	// retried, and counts as a failure of the dependency. Attempt and Err are this attempt's, and
	// Unclassified is the kind of Err. The event is sent once for each kind of error, for at most
	// 33 kinds of a pipeline, and again at most once an hour. An observer that logs it has a method
	// LogsUnclassified(); if none has, the pipeline logs it to slog.Default itself.
	EventUnclassified
	// EventWait: a Patient loop was refused an attempt for now, for Reason, with Err. It asks again
	// after Delay. Attempt is the last attempt that was made, 0 if there was none.
	EventWait
	// EventLimit: the adaptive bulkhead named by Stage has cut its limit of what is in flight to
	// Limit, for the reason Why; or it has no limit any more, and Limit is 0. The event is sent by
	// the call that caused it.
	EventLimit
	// EventFleet: the fleet in Fleet has had no news from its store for three ticks, because of
	// Why, so that every breaker of this pod goes by itself; or there are news again, and
	// Fleet.Apart is false. It is of no call and of no pipeline: Pipeline is "", and ctx is not a
	// call's. An observer that logs it has a method LogsFleets(); if none has, the fleet logs it
	// itself.
	EventFleet

	// NumEventKinds is one more than the last kind: the length of an array indexed by EventKind.
	NumEventKinds = iota + 1
)

var eventNames = [NumEventKinds]string{
	"", "attempt", "retry", "give_up", "reject", "breaker", "shadow", "call", "update", "unclassified", "wait", "limit", "fleet",
}

// String returns the kind in snake case.
func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "unknown"
}

// Event is one thing that happened to a call, or to a fleet. It is a small value, passed by value;
// which fields are set depends on Kind, and the others are zero. A field means the same in every
// kind.
type Event struct {
	Kind     EventKind
	Verdict  Verdict // how the attempt or the call went
	Reason   Reason  // why the call ended, or was refused
	From, To State   // of a breaker

	Pipeline string // the pipeline's name
	Key      string // the key, if the pipeline is that of a key of a Keyed; else ""
	Stage    string // the stage that reports: "retry", "breaker", …; "" if the pipeline does
	Breaker  string // the breaker's name, if a breaker reports; it may include the key

	// Attempt is which attempt the event is about, from 1. It is 0 where the event is about the
	// whole call, or the stage does not know.
	Attempt int
	// Attempts is how many attempts the call made, when it is over or given up: 0 if the dependency
	// was never asked.
	Attempts int

	Elapsed time.Duration // how long the attempt or the call took
	Delay   time.Duration // the pause before the next attempt

	// Err is the error with which the attempt ended, or the call, or with which it was refused;
	// nil if it succeeded, or if nothing ended.
	Err error

	// Why is what opened the breaker, in numbers: "10 failures in a row (ConsecutiveFailures is
	// 10)", or whose order for a fleet isolated it; what cut the limit of a bulkhead: "5 slow
	// failures in a row"; or what the store of a fleet said. It is nil for any other change.
	Why error

	Limit int // of an adaptive bulkhead, in an EventLimit; 0: it has none any more

	Unclassified *UnclassifiedKind // the kind of Err, in an EventUnclassified; else nil
	Change       *Change           // what was changed by hand; nil if nothing was
	Update       *Update           // what an update changed, in an EventUpdate without a Change; nil if nothing
	Fleet        *FleetChange      // which fleet, and how it stands, in an EventFleet; else nil
}

// Denied reports whether e is a denial: this side kept a call or an attempt from the dependency. It
// is one of these, and each is counted once:
//
//   - a stage refused a call or an attempt (EventReject),
//   - a retry loop wanted another attempt, and stopped: its attempts were used, for example, or the
//     budget was spent (EventGiveUp),
//   - a call had no time left before its first attempt (EventGiveUp).
//
// It is not a denial if the caller gave up, or if an error was not worth a retry. If a loop stopped
// because a stage refused, only the refusal counts. Snapshot.Denials, the metrics and the live page
// count denials by this method.
func (e *Event) Denied() bool {
	switch e.Kind {
	case EventReject:
		return true
	case EventGiveUp:
		return e.Reason != ReasonCanceled && (e.Verdict.Retryable() || e.Attempts == 0 && e.Reason == ReasonTooLate)
	default:
		return false
	}
}

// UnclassifiedKind is a kind of errors that nobody has classified, in an EventUnclassified.
type UnclassifiedKind struct {
	What  string // the name of the kind: see DescribeError
	Count uint64 // how many there were since the last such event; 1 the first time
}

// FleetChange says that a fleet has lost its store, or has it back, in an EventFleet.
type FleetChange struct {
	Name  string        // the fleet's
	Pod   string        // by which the fleet knows this process
	Apart bool          // there are no news, and every breaker goes by itself
	After time.Duration // how long there were no news; until now, if Apart
}

// State is the state of a circuit breaker.
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
