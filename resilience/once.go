package resilience

import (
	"context"
	"errors"
	"net"
	"reflect"
	"strings"

	"github.com/media-gateway/holdfast/internal/foreign"
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
// [Unsent]). After any other they end with [ErrOutcomeUnknown]. An attempt must send its request
// once: the error of a loop inside it is of the last try. It overrules an earlier MarkIdempotent.
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
// The proof is for one request. A func that makes several (it follows a redirect, or its client has
// a retry loop of its own) may have carried out the first when the dial for the last one fails.
// Most such errors do not show that, so turn the client's own loop off. Those of a few loops that
// tell how often they tried (aws-sdk-go-v2, failsafe-go, go-retryablehttp) prove nothing after more
// than one try.
//
// If a method Unsent() bool returns false, that is final. What is not known is not proven. An error
// that wraps several, or is a list of them, is unsent only if it says so itself, or if all of them
// are.
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
	if isOfLastTry(err) {
		return false
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
	if all := foreign.Members(err); all != nil {
		return allUnsent(all)
	}
	switch e := err.(type) { //nolint:errorlint // likewise
	case interface{ Unwrap() error }:
		return Unsent(e.Unwrap())
	case interface{ Unwrap() []error }:
		return allUnsent(e.Unwrap())
	}
	return false
}

// isOfLastTry reports whether err itself, not an error that it wraps, says that a retry loop has
// tried several times: what it wraps is of the last try only. They are recognized by names and by
// their text: of aws-sdk-go-v2 (v1.48.0), failsafe-go (v0.9.8), which does not say how often, and
// go-retryablehttp (v0.7.8).
func isOfLastTry(err error) bool {
	v := reflect.Indirect(reflect.ValueOf(err))
	if !v.IsValid() {
		return false
	}
	switch t := v.Type(); t.Name() {
	case "MaxAttemptsError":
		return number(v, "Attempt", reflect.Int) != 1
	case "ExceededError":
		return field(v, "LastError").IsValid()
	default:
		if t.PkgPath() != "fmt" {
			return false
		}
	}
	_, tries, found := strings.Cut(foreign.Text(err), " giving up after ")
	return found && !strings.HasPrefix(tries, "1 attempt")
}

func allUnsent(errs []error) bool {
	for _, err := range errs {
		if !Unsent(err) {
			return false
		}
	}
	return len(errs) > 0
}
