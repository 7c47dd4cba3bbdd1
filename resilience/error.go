package resilience

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Kind says what went wrong, in the terms of a service's own errors. The comments give the verdict
// of each. The zero value is no known kind: such an error is judged as the error that it wraps.
type Kind uint8

const (
	KindNetwork            Kind = iota + 1 // Transient
	KindTimeout                            // Transient
	KindServiceUnavailable                 // Transient
	KindRateLimit                          // Overload
	KindExternalAPI                        // by Status: 5xx but 501 and 505, 408, 425, 499 Transient, 429 and 529 Overload, else Permanent; without one, as Err
	KindDatabase                           // as Err
	KindCache                              // as Err
	KindValidation                         // Permanent
	KindAuthentication                     // Permanent
	KindNotFound                           // Permanent
	KindInternal                           // Permanent
)

var kindNames = [...]string{
	"error", "network error", "timeout", "service unavailable", "rate limited", "external API error",
	"database error", "cache error", "validation error", "authentication error", "not found", "internal error",
}

// String returns the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

// Error is a service's error with a Kind, which says whether it is worth a retry. Use it where you
// map a client's errors to your own. errors.Is and errors.As find Err in it.
//
// "As Err", at a Kind, means that the wrapped error is judged as if it stood alone; an Error that
// wraps none is then Unclassified.
type Error struct {
	Kind       Kind
	Service    string        // the service that was called: "payments"
	Op         string        // the operation: "charge"
	Message    string        // more about it, for people
	Status     int           // the protocol's status (HTTP's), 0 if there is none
	RetryAfter time.Duration // retry-after; above 0, a retryable error is Overload
	Err        error         // the client's error, or nil
}

// Error returns all of it on one line: "payments charge: service unavailable (503): message:
// cause".
func (e *Error) Error() string {
	if e == nil {
		return "a nil *resilience.Error"
	}
	var b strings.Builder
	if who := strings.TrimSpace(e.Service + " " + e.Op); who != "" {
		b.WriteString(who + ": ")
	}
	b.WriteString(e.Kind.String())
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d)", e.Status)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Origin returns Err: see [Origin].
func (e *Error) Origin() error { return e.Unwrap() }

// Retryable reports whether the verdict is Transient or Overload.
func (e *Error) Retryable() bool { return e.Verdict().Retryable() }

// Verdict returns the verdict of the Kind, and of Status or Err if the Kind leaves it to them. An
// Error that wraps context.Canceled is Canceled, whatever its Kind; a stage whose ctx has not ended
// takes that for somebody else's cancel (see [Assess]).
func (e *Error) Verdict() Verdict {
	if e == nil {
		return Unclassified
	}
	if e.Err != nil && isIn(e.Err, context.Canceled) {
		return Canceled
	}
	v := e.kindVerdict()
	if v == Transient && e.RetryAfter > 0 {
		return Overload
	}
	return v
}

func (e *Error) kindVerdict() Verdict {
	switch e.Kind {
	case KindNetwork, KindTimeout, KindServiceUnavailable:
		return Transient
	case KindRateLimit:
		return Overload
	case KindExternalAPI:
		if e.Status != 0 {
			return statusVerdict(e.Status)
		}
	case KindValidation, KindAuthentication, KindNotFound, KindInternal:
		return Permanent
	default: // KindDatabase, KindCache, none: the wrapped error decides
	}
	if e.Err == nil {
		return Unclassified
	}
	return Classify(e.Err)
}
