package resilience

import (
	"context"
	"errors"
	"net"
)

// ErrOutcomeUnknown says, by errors.Is, that a failed call may have been carried out: its answer
// was lost, say. Whether the same call may be made again is another question, which [NoRetry]
// answers. If it may not, find out first whether the call was carried out.
//
// Adapters return it for every failed call that may change something, unless it is proven that it
// did not. A retry loop, which knows no protocol, returns it only for calls that must not be made
// twice ([MarkOnce], retry.Config.OnlyUnsent). So without an adapter, an error that is not
// ErrOutcomeUnknown does not say that nothing happened.
var ErrOutcomeUnknown = errors.New("whether the call was carried out is unknown")

// Repetition is what the caller has said about whether a call may be carried out twice.
type Repetition uint8

const (
	RepetitionUnknown Repetition = iota // not said: an adapter decides by its protocol
	Idempotent                          // twice has the same effect as once
	Once                                // at most once: repeated only if it provably was not sent
)

type repetitionKey struct{}

// MarkIdempotent returns a ctx whose calls may be carried out twice: they carry an idempotency key,
// for example, or set a value that they do not read. Retry loops and adapters may then repeat them
// after an answer was lost. It overrules retry.Config.OnlyUnsent and an earlier MarkOnce.
func MarkIdempotent(ctx context.Context) context.Context {
	return context.WithValue(ctx, repetitionKey{}, Idempotent)
}

// MarkOnce returns a ctx whose calls must be carried out at most once. Retry loops and adapters
// repeat such a call only after an attempt that provably never reached the dependency (see
// [Unsent]). After any other they end with [ErrOutcomeUnknown]. It overrules an earlier
// MarkIdempotent.
func MarkOnce(ctx context.Context) context.Context {
	return context.WithValue(ctx, repetitionKey{}, Once)
}

// RepetitionOf returns what the last MarkIdempotent or MarkOnce said of ctx's calls.
func RepetitionOf(ctx context.Context) Repetition {
	r, _ := ctx.Value(repetitionKey{}).(Repetition)
	return r
}

// Unsent reports whether err proves that the attempt did not reach the dependency, so that
// it may be made again whatever it does. That is the case
//
//   - if it was refused on this side: see [Unasked];
//   - if dialing failed: a *[net.OpError] with Op "dial";
//   - if a method Unsent() bool or SafeToRetry() bool in its tree says so: adapters' and drivers'
//     errors have one.
//
// The proof is for one request. A func that makes several (follows a redirect, say) may have
// carried out the first when the dial for the second fails. If a method Unsent() bool returns
// false, that is final. What is not known is not proven. An error that wraps several is unsent only
// if it says so itself, or if all errors that it wraps are.
func Unsent(err error) (ok bool) {
	defer func() {
		if recover() != nil { // a method of a foreign error's nil pointer
			ok = false
		}
	}()
	if err == nil {
		return false
	}
	if u, ok := err.(interface{ Unsent() bool }); ok { //nolint:errorlint // one step of the walk
		return u.Unsent()
	}
	if s, ok := err.(interface{ SafeToRetry() bool }); ok && s.SafeToRetry() { //nolint:errorlint // likewise
		return true
	}
	if op, ok := err.(*net.OpError); ok && op != nil && op.Op == "dial" { //nolint:errorlint // likewise
		return true
	}
	switch e := err.(type) { //nolint:errorlint // likewise
	case unaskedError:
		return e.Unasked()
	case verdictError:
		if e.Verdict() == Rejected {
			return Unasked(err)
		}
	}
	switch e := err.(type) { //nolint:errorlint // likewise
	case interface{ Unwrap() error }:
		return Unsent(e.Unwrap())
	case interface{ Unwrap() []error }:
		return allUnsent(e.Unwrap())
	}
	return false
}

func allUnsent(errs []error) bool {
	for _, err := range errs {
		if !Unsent(err) {
			return false
		}
	}
	return len(errs) > 0
}
