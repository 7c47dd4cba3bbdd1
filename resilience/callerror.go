package resilience

import (
	"context"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
)

// CallError is a client's error, Err, with what is known about it. An adapter uses it to tell the
// stages of a pipeline what a failed call means: see the example. All adapters of this module use
// it, and the Mark functions return one.
//
// Set the fields that you know, and leave the others at zero. Where a field is zero, what Err says
// of itself holds.
//
// errors.Is and errors.As see Err and everything in it. A pipeline returns the CallError of the
// last attempt, alone or inside a *retry.Error. It must not be changed after it was returned.
type CallError struct {
	// Err is the client's error. It must not be nil: a call that succeeded has no CallError.
	Err error

	// Judgment is what Err means, usually from [Assess]: Retry is whether another attempt may help,
	// Dependency is what a breaker counts. If only Retry is set, Dependency is what Err says of the
	// dependency, or if it says nothing, the same as Retry. If only Dependency is set, Retry is
	// what Err or a Classifier says.
	Judgment

	// Default is what Err means if neither Err nor a Classifier of the pipeline says so.
	Default Verdict

	// Pause is the retry-after: how long the dependency asked callers to wait.
	Pause time.Duration

	// Effect is what is known about whether the call was carried out.
	Effect Effect

	// Repeatable says that the call may be made again although its Effect is unknown, since twice
	// has the same effect as once. Without it, EffectUnknown implies Final.
	Repeatable bool

	// Final says that the call must not be made again, whatever Err means: no retry loop makes it
	// again, and no RetryIf overrules that.
	Final bool

	// Reason is why the call ends with this error. Leave it at ReasonNone if a stage decides that.
	Reason Reason

	// Why adds a detail, usually a sentinel of the adapter: errors.Is finds it, and its text
	// follows that of Err in parentheses.
	Why error
}

// Effect is what is known about whether a failed call was carried out. Use EffectUnsent and
// EffectUndone only with a proof, and EffectUnknown without one.
type Effect uint8

const (
	// EffectUnsaid: what the error inside says holds (see [Unsent]). If that says nothing, nothing
	// is proven.
	EffectUnsaid Effect = iota
	// EffectUnsent: it is proven that the dependency did not get the call.
	EffectUnsent
	// EffectUndone: the dependency got the call and said that it changed nothing, or that it undid
	// what it had changed.
	EffectUndone
	// EffectNone: it does not matter. The call only reads, or the dependency has answered that the
	// caller is at fault. This is not a proof: [Unsent] is false.
	EffectNone
	// EffectUnknown: the call may have been carried out. The error is [ErrOutcomeUnknown].
	EffectUnknown
)

// Error returns Err's text. If the Effect is EffectUnknown, it puts ErrOutcomeUnknown's text before
// that. Why follows in parentheses.
func (e *CallError) Error() string {
	switch {
	case e == nil:
		return "a nil *resilience.CallError"
	case e.Err == nil:
		return "a *resilience.CallError without an Err"
	}
	text := e.Err.Error()
	if unknown := ErrOutcomeUnknown.Error(); e.Effect == EffectUnknown && !strings.Contains(text, unknown) {
		text = unknown + ": " + text
	}
	if e.Why != nil {
		text += " (" + e.Why.Error() + ")"
	}
	return text
}

// Unwrap returns Err.
func (e *CallError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Origin returns Err: see [Origin].
func (e *CallError) Origin() error { return e.Unwrap() }

// Is reports whether target is in Why, or is ErrOutcomeUnknown if the Effect is EffectUnknown.
func (e *CallError) Is(target error) bool {
	switch {
	case e == nil:
		return false
	case target == ErrOutcomeUnknown && e.Effect == EffectUnknown: //nolint:errorlint // Is compares, by contract
		return true
	}
	return e.Why != nil && isIn(e.Why, target)
}

// Verdict is what the error means to a retry loop: Permanent if the call failed and must not be
// made again; else Retry, if set; else what Err says of itself; else Unclassified, which leaves the
// decision to Classifiers.
func (e *CallError) Verdict() Verdict {
	v := e.meaning()
	switch {
	case e.isFinal() && v.Failure():
		return Permanent
	case v == Rejected && e.Effect == EffectUnknown: // that would say that nobody was asked
		return Permanent
	}
	return v
}

// DependencyVerdict is what the error says about the dependency, for breakers.
func (e *CallError) DependencyVerdict() Verdict {
	v, _ := e.saysDependency()
	return v
}

// saysDependency is DependencyVerdict. said is false if that follows from Verdict alone.
func (e *CallError) saysDependency() (v Verdict, said bool) {
	switch {
	case e == nil:
		return Unclassified, false
	case e.Dependency != nothing:
		return e.Dependency, true
	}
	inner, _ := asType[dependencyError](e.Err)
	if c, ok := inner.(*CallError); ok { //nolint:errorlint // the outermost inside
		v, said = c.saysDependency()
	} else if inner != nil {
		v, said = foreign.Ask(inner, dependencyError.DependencyVerdict)
	}
	if said {
		return v, true
	}
	v = e.meaning()
	return v, v != e.Verdict()
}

// meaning is Verdict as if the call might be made again. If it must not, this error decides, and no
// Classifier is asked: so meaning itself looks at Default, and at Classify.
func (e *CallError) meaning() Verdict {
	if e == nil {
		return Unclassified
	}
	if e.Retry != nothing {
		return e.Retry
	}
	if v, ok := marked(e.Err); ok {
		return v
	}
	switch {
	case !e.isFinal() || e.Err == nil:
		return Unclassified
	case e.Default != nothing:
		return e.Default
	}
	return Classify(e.Err)
}

// DefaultVerdict is Default, or that of an error inside.
func (e *CallError) DefaultVerdict() Verdict {
	if e != nil && e.Default != nothing {
		return e.Default
	}
	if v, ok := presumed(e.Unwrap()); ok {
		return v
	}
	return Unclassified
}

// RetryAfter is Pause, or what Err asks for. It is never negative.
func (e *CallError) RetryAfter() time.Duration {
	if e != nil && e.Pause > 0 {
		return e.Pause
	}
	return RetryAfter(e.Unwrap())
}

// NoRetry reports whether the call must not be made again.
func (e *CallError) NoRetry() bool { return e.isFinal() || NoRetry(e.Unwrap()) }

func (e *CallError) isFinal() bool {
	return e != nil && (e.Final || e.Effect == EffectUnknown && !e.Repeatable)
}

// Unsent reports whether it is proven that the call changed nothing.
func (e *CallError) Unsent() bool {
	if e == nil {
		return false
	}
	switch e.Effect {
	case EffectUnsent, EffectUndone:
		return true
	case EffectNone, EffectUnknown:
		return false
	default: // EffectUnsaid
	}
	if e.Retry == Rejected {
		return e.Unasked()
	}
	return Unsent(e.Err)
}

// Unasked reports whether the call ended on this side, before the dependency was asked: it was
// refused, or the caller gave up before anything was sent.
func (e *CallError) Unasked() bool {
	if unasked, said := e.saysUnasked(); said {
		return unasked
	}
	return e.DependencyVerdict() == Rejected
}

// saysUnasked is Unasked. said is false if that follows from DependencyVerdict alone.
func (e *CallError) saysUnasked() (unasked, said bool) {
	if e == nil {
		return false, false
	}
	switch e.Effect {
	case EffectUndone, EffectNone, EffectUnknown:
		return false, true
	case EffectUnsent:
		v := e.DependencyVerdict()
		return v == Rejected || v == Canceled, true
	default: // EffectUnsaid
	}
	if inner, ok := asType[unaskedError](e.Err); ok {
		if c, ok := inner.(*CallError); ok { //nolint:errorlint // the outermost inside
			return c.saysUnasked()
		}
		return foreign.Ask(inner, unaskedError.Unasked)
	}
	return false, false
}

// StopReason is Reason, if set. Otherwise, if the call must not be made again because its outcome
// is unknown, it is ReasonOutcomeUnknown, or ReasonCanceled if the caller gave up. Otherwise it is
// what Err says, or what the verdict implies.
func (e *CallError) StopReason() Reason {
	if e == nil {
		return ReasonUnclassified
	}
	if r, said := e.saysReason(); said {
		return r
	}
	return impliedReason(Classify(e), e)
}

// saysReason is StopReason. said is false if that follows from Verdict alone.
func (e *CallError) saysReason() (r Reason, said bool) {
	switch {
	case e == nil:
		return ReasonNone, false
	case e.Reason != ReasonNone:
		return e.Reason, true
	case e.Effect != EffectUnknown || e.Repeatable:
		return saidReason(e.Err)
	case e.Verdict() == Canceled:
		return ReasonCanceled, true
	}
	return ReasonOutcomeUnknown, true
}

// Timeout reports whether Err is a timeout. It is for url.Error, which asks only the error that it
// wraps itself.
func (e *CallError) Timeout() bool {
	return e != nil && (foreign.Timeout(e.Err) || isIn(e.Err, context.DeadlineExceeded))
}
