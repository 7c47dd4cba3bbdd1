package resilience

import "errors"

// Reason is why a call, or the retrying of it, was stopped. There are few, and they do not
// grow with traffic, so that they can label a metric. The zero value is ReasonNone.
type Reason uint8

const (
	ReasonNone              Reason = iota // it was not stopped
	ReasonExhausted                       // all attempts were used
	ReasonBudget                          // the retry budget was spent
	ReasonTooLate                         // the deadline left no room for another attempt
	ReasonCanceled                        // the caller gave up
	ReasonPermanent                       // the error is not worth a retry
	ReasonRetryAfterTooLong               // the dependency asked for a longer pause than is allowed
	ReasonBreakerOpen                     // the circuit breaker is open (or isolated, or busy probing)
	ReasonBulkheadFull                    // too many calls are in flight
	ReasonRejected                        // another guard refused
	ReasonAborted                         // the op panicked, or its goroutine exited
	ReasonUnlikely                        // an adaptive loop has learned that another attempt hardly ever helps

	// NumReasons is how many there are: the length of an array indexed by Reason.
	NumReasons = iota
)

var reasonNames = [NumReasons]string{
	"none", "retries_exhausted", "budget_exhausted", "too_late", "canceled", "permanent",
	"retry_after_too_long", "breaker_open", "bulkhead_full", "rejected", "aborted",
	"unlikely_to_help",
}

// String returns the reason in snake case, fit for a log field or a metric's label.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// MarshalText returns String, so that a reason reads well in JSON, as a map's key too.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

type reasonError interface {
	error
	StopReason() Reason
}

// ReasonOf returns why err was returned: what a method StopReason() Reason anywhere in its tree
// says (the errors of this module's stages have one), else what its verdict implies. A number that is
// none of the reasons above is not heeded.
func ReasonOf(err error) Reason {
	if err == nil {
		return ReasonNone
	}
	if e, ok := errors.AsType[reasonError](err); ok {
		if r := e.StopReason(); r < NumReasons {
			return r
		}
	}
	switch Classify(err) {
	case Canceled:
		return ReasonCanceled
	case Rejected:
		return ReasonRejected
	}
	return ReasonPermanent
}
