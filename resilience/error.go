package resilience

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Kind is what sort of thing went wrong, in the words of a service's own errors. The zero
// value is of no known kind; such an error is as retryable as the error it wraps.
type Kind uint8

const (
	KindNetwork            Kind = iota + 1 // Transient
	KindTimeout                            // Transient
	KindServiceUnavailable                 // Transient
	KindRateLimit                          // Overload
	KindExternalAPI                        // by Status: 5xx but 501 and 505, 408, 425, 499 Transient, 429 Overload, else Permanent; without one, as Err
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

// Error is a service's error with a Kind, which gives it an idea of its own whether it is
// worth a retry. Use it where you map a client's errors to your own; errors.Is and errors.As
// see through it to Err.
//
// "As Err", at a Kind, means that the wrapped error is judged as if it stood alone; an Error
// that wraps none is then Unclassified.
type Error struct {
	Kind       Kind
	Service    string        // whom you asked: "payments"
	Op         string        // for what: "charge"
	Message    string        // what a human should know
	Status     int           // the protocol's status (HTTP's), 0 if there is none
	RetryAfter time.Duration // how long the service asked to be left alone; above 0, a retryable error is Overload
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

// Verdict returns what the Kind (and, where that decides, Status and Err) means. An Error
// that wraps context.Canceled is Canceled, whatever its Kind; to a stage whose ctx lives, that was
// somebody else's cancel (see [Assess]).
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
	default: // a database's or a cache's is what it wraps
	}
	if e.Err == nil {
		return Unclassified
	}
	return Classify(e.Err)
}
