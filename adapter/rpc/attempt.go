package rpc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// Attempt is what is known of a failed attempt of a call.
type Attempt struct {
	Err      error // not nil
	Judgment resilience.Judgment
	Pause    time.Duration // the pause that the server asked for, other than by Pushback

	Pushback Pushback
	GaveUp   resilience.Reason // why the server's own retries gave up
	Refused  bool              // the server says that its handler did not run

	Unsent     bool // it is proven that the attempt was not sent
	Begun      bool // the server may have begun to carry out the call, whatever the error's code says
	Repeated   bool // an interceptor inside called more than once: Err and what the server says are of the last call
	Stop       bool // no other attempt is possible
	OnlyReads  bool // the call changes nothing on the server
	Repeatable bool // the call may be carried out twice
}

// CallError describes the attempt under ctx for the stages of a pipeline. It reports whether the
// server may have carried out the call.
func (a *Attempt) CallError(ctx context.Context) (e *resilience.CallError, doubt bool) {
	e = &resilience.CallError{
		Err:      a.Err,
		Judgment: a.Judgment,
		Pause:    max(a.Pushback.Pause, a.Pause, resilience.RetryAfter(a.Err)),
	}
	if e.Retry == resilience.Transient && e.Pause > 0 {
		e.Retry = resilience.Overload
	}
	// A pushback of the server allows one more attempt, but not after MarkOnce, and not after calls
	// that it is not about.
	wants := a.Pushback.Asked && !a.Pushback.Stop && !a.Repeated && resilience.RepetitionOf(ctx) != resilience.Once
	repeatable := a.Repeatable || wants
	e.Final = a.Pushback.Stop || a.Stop || a.GaveUp != resilience.ReasonNone
	switch {
	case a.GaveUp == resilience.ReasonOutcomeUnknown:
		e.Effect = resilience.EffectUnknown
	case a.Unsent:
		e.Effect = resilience.EffectUnsent
	case a.Refused && !a.Repeated:
		e.Effect = resilience.EffectUndone
	case a.OnlyReads, e.Dependency == resilience.Permanent && !a.Begun && !a.Repeated:
		e.Effect = resilience.EffectNone
		e.Final = e.Final || !repeatable
	default:
		e.Effect, e.Repeatable = resilience.EffectUnknown, repeatable
	}
	if e.Retry != resilience.Canceled && e.Retry != resilience.Rejected {
		e.Reason = a.GaveUp
	}
	return e, e.Effect == resilience.EffectUnknown
}

// Doubted returns the error of a call, err, as it is, or inside an error that says that the outcome
// is unknown. doubt says that some attempt may have been carried out, which the last attempt's
// error may not say. repeatable says that the call may be repeated even so.
func Doubted(err error, doubt, repeatable bool) error {
	if doubt && !(errors.Is(err, resilience.ErrOutcomeUnknown) && (repeatable || resilience.NoRetry(err))) {
		return &resilience.CallError{Err: err, Effect: resilience.EffectUnknown, Repeatable: repeatable}
	}
	return err
}

// FinalCode returns the code of a call that ended for a reason. ofAttempt says that the error has a
// code already, as that of an attempt does: it is kept, and FinalCode returns OK, unless time ran
// out or the caller canceled.
func FinalCode(reason resilience.Reason, ofAttempt bool) Code {
	switch {
	case reason == resilience.ReasonTooLate:
		return DeadlineExceeded
	case reason == resilience.ReasonCanceled:
		return Canceled
	case ofAttempt:
		return OK
	case reason.AtLimit():
		return ResourceExhausted
	case reason == resilience.ReasonBreakerOpen, reason == resilience.ReasonRejected:
		return Unavailable
	}
	return Unknown
}

// Names are the full names of methods, such as "/auth.Auth/Check". A name that ends in a slash
// means all methods that begin with it.
type Names []string

// Add returns n with a name, which may lack the slash at the beginning.
func (n Names) Add(name string) Names { return append(n, "/"+strings.TrimPrefix(name, "/")) }

// Has reports whether n names the method.
func (n Names) Has(method string) bool {
	return slices.ContainsFunc(n, func(name string) bool {
		return method == name || strings.HasSuffix(name, "/") && strings.HasPrefix(method, name)
	})
}

// MayRepeat reports whether a call under ctx may be carried out twice. A mark of ctx decides, else
// byMethod, which is called only then.
func MayRepeat(ctx context.Context, byMethod func() bool) bool {
	switch resilience.RepetitionOf(ctx) {
	case resilience.Once:
		return false
	case resilience.Idempotent:
		return true
	default:
		return byMethod()
	}
}
