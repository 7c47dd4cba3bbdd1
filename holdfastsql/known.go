package holdfastsql

import (
	"context"
	"errors"

	"github.com/media-gateway/holdfast/resilience"
)

// ProveUndone wraps err in a [*resilience.CallError] which says that the call changed nothing: the
// database says that it undid the call, or never began it. Use it in the op of [Do]; a [DB] does
// this by itself. It returns nil for a nil err.
func ProveUndone(err error) error {
	if err == nil {
		return nil
	}
	return afterRace(resilience.CallError{Err: err, Effect: resilience.EffectUndone}, Answers(err) == LostRace)
}

// ProveUnsent is [ProveUndone] for an attempt that sent nothing, for example because there was no
// connection.
func ProveUnsent(err error) error {
	if err == nil {
		return nil
	}
	return &resilience.CallError{Err: err, Effect: resilience.EffectUnsent}
}

// permanent judges an error that is the caller's fault: do not retry, and do not count a failure of
// the database.
var permanent = resilience.Judgment{Dependency: resilience.Permanent, Retry: resilience.Permanent}

// isCallers reports whether err, of an attempt, was judged to be the caller's fault.
func isCallers(err error) bool {
	known, ok := err.(*resilience.CallError) //nolint:errorlint // what the attempt itself returned
	return ok && known.Judgment == permanent
}

// afterRace returns known. If the call lost a race, it marks the error so that no breaker counts it
// as a failure of the database.
func afterRace(known resilience.CallError, lostRace bool) *resilience.CallError {
	if lostRace {
		known.Dependency = resilience.Permanent
	}
	return &known
}

// judge returns err, the error of an attempt, in the form that the stages of a pipeline need, and
// whether it leaves the outcome unknown.
func judge(ctx context.Context, classify resilience.Classifier, err error) (unknown bool, _ error) {
	known := knownOf(err)
	j := resilience.Assess(ctx, classify, &resilience.CallError{Err: known.Err, Judgment: known.Judgment, Default: known.Default})
	inner := resilience.Ended(ctx, j, known.Err)
	unknown = known.Effect == resilience.EffectUnknown || saysUnknown(known.Err)
	if !unknown && saysLittle(known) && speaksForItself(j, inner) {
		return false, inner
	}
	if unknown {
		known.Effect = resilience.EffectUnknown
		known.Repeatable = resilience.RepetitionOf(ctx) == resilience.Idempotent
	}
	known.Err, known.Judgment = inner, j
	return unknown, known
}

// knownOf returns err, the error of an attempt, as a CallError with an Effect. Most are already
// CallErrors of this package. Any other error can only show whether the attempt was sent.
func knownOf(err error) *resilience.CallError {
	known := resilience.CallError{Err: err}
	if c, ok := err.(*resilience.CallError); ok && c != nil { //nolint:errorlint // what the attempt itself returned
		known = *c
	}
	if known.Effect != resilience.EffectUnsaid {
		return &known
	}
	known.Effect = resilience.EffectUnknown
	if resilience.Unsent(err) {
		known.Effect = resilience.EffectUnsent
	}
	return afterRace(known, Answers(err) == LostRace && known.Dependency == resilience.Success)
}

// saysLittle reports whether known has nothing except verdicts and an Effect.
func saysLittle(known *resilience.CallError) bool {
	return known.Pause == 0 && !known.Final && known.Reason == resilience.ReasonNone && known.Why == nil
}

// speaksForItself reports whether err needs no CallError: without one, the stages judge it as j,
// and see that nothing was changed.
func speaksForItself(j resilience.Judgment, err error) bool {
	return j == resilience.Assess(context.Background(), nil, err) &&
		(j.Dependency == resilience.Permanent || resilience.Unsent(err))
}

// saysUnknown reports whether err itself says that the outcome is unknown.
func saysUnknown(err error) bool { return errors.Is(err, resilience.ErrOutcomeUnknown) }
