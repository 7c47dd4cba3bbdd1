package resilience

import (
	"context"

	"github.com/media-gateway/holdfast/internal/foreign"
)

// Reason is why a call, or the retrying of it, was stopped. There are few, and they do not
// grow with traffic, so that they can label a metric. The zero value is ReasonNone.
type Reason uint8

const (
	ReasonNone              Reason = iota // it was not stopped
	ReasonExhausted                       // all attempts were used
	ReasonBudget                          // the retry budget was spent
	ReasonTooLate                         // the deadline left no room for another attempt
	ReasonCanceled                        // the caller gave up
	ReasonPermanent                       // the error is the caller's fault, and not worth a retry
	ReasonRetryAfterTooLong               // the dependency asked for a longer pause than is allowed
	ReasonBreakerOpen                     // the circuit breaker is open (or isolated, or busy probing)
	ReasonBulkheadFull                    // too many calls are in flight
	ReasonRejected                        // another guard refused
	ReasonAborted                         // the op panicked, or its goroutine exited
	ReasonUnlikely                        // an adaptive loop has learned that another attempt hardly ever helps
	ReasonUnclassified                    // nobody has said what the error means, so it is not retried
	ReasonOutcomeUnknown                  // it must not be made twice, and may have been carried out
	ReasonRateLimited                     // too many calls begin in a second

	// NumReasons is how many there are: the length of an array indexed by Reason.
	NumReasons = iota
)

var reasonNames = [NumReasons]string{
	"none", "retries_exhausted", "budget_exhausted", "too_late", "canceled", "permanent",
	"retry_after_too_long", "breaker_open", "bulkhead_full", "rejected", "aborted",
	"unlikely_to_help", "unclassified", "outcome_unknown",
	"rate_limited",
}

// String returns the reason in snake case, fit for a log field or a metric's label.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// AtLimit reports whether a limit of this side was reached, by calls that the dependency may well
// have been able to answer: a full bulkhead, a rate limit. Servers say so in their protocol's own
// way.
func (r Reason) AtLimit() bool { return r == ReasonBulkheadFull || r == ReasonRateLimited }

// MarshalText returns String, so that a reason reads well in JSON, as a map's key too.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

type reasonError interface {
	error
	StopReason() Reason
}

// ReasonOf returns why err was returned: what a method StopReason() Reason anywhere in its tree
// says (the errors of this module's stages have one), else what its verdict by [Classify] implies.
// A number that is none of the reasons above is ignored.
func ReasonOf(err error) Reason { return ReasonFor(Classify(err), err) }

// ReasonFor is ReasonOf for callers that know err's verdict better than Classify: it was judged by
// a Classifier, or under its ctx. If a limit ended an attempt, but the Classifier knows the op's
// error and calls it Permanent, the limit is not the reason.
func ReasonFor(v Verdict, err error) Reason {
	if err == nil {
		return ReasonNone
	}
	if r, ok := saidReason(err); ok && r < NumReasons && (v != Permanent || !expired(err)) {
		return r
	}
	return impliedReason(v, err)
}

// saidReason returns what the first StopReason method in err's tree says.
func saidReason(err error) (r Reason, said bool) {
	e, ok := asType[reasonError](err)
	if !ok {
		return ReasonNone, false
	}
	if c, ok := e.(*CallError); ok { //nolint:errorlint // the outermost
		return c.saysReason()
	}
	return foreign.Ask(e, reasonError.StopReason)
}

// impliedReason returns why a call ended with an err whose verdict is v, if err does not say why.
func impliedReason(v Verdict, err error) Reason {
	switch v {
	case Transient, Overload: // and there was no loop to make another attempt
		if isIn(err, context.DeadlineExceeded) {
			return ReasonTooLate
		}
		return ReasonExhausted
	case Canceled:
		return ReasonCanceled
	case Rejected:
		return ReasonRejected
	case Permanent:
		return ReasonPermanent
	default:
		return ReasonUnclassified
	}
}
