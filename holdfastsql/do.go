package holdfastsql

import (
	"context"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// Do runs op through p by the rules of this package. It is for clients that have no [DB] here; [DB]
// and holdfastpgx are built on it. classify is the Classifier for op's errors; nil stands for
// [Classify].
//
// An error of op leaves the outcome unknown, unless it proves that nothing happened: by
// [ProveUndone] or [ProveUnsent], by another [resilience.CallError] that says so, by a method
// Unsent() bool, or as a failed dial (see [resilience.Unsent]). With proof, op is retried after
// errors that are Transient or Overload. Without, it is retried after those only if ctx is marked
// by [resilience.MarkIdempotent]; otherwise the call ends, and the breaker counts it by the error's
// verdict. If an attempt left the outcome unknown and no later one succeeded, the call's error is
// [resilience.ErrOutcomeUnknown].
//
// If classify calls an error a Success (as [Classify] does [sql.ErrNoRows]), the pipeline counts a
// success, and the error is returned as it is. Other errors are judged by [resilience.Assess], and
// returned in a CallError or a *retry.Error if that adds something. errors.Is and errors.As see
// through both. A lost race is retried, but no breaker counts it as a failure.
//
// It allocates nothing beyond what p does, unless op fails.
func Do(ctx context.Context, p *holdfast.Pipeline, classify resilience.Classifier, op resilience.Func) error {
	if p == nil {
		return &resilience.FieldError{Stage: "holdfastsql", Field: "Pipeline", Value: p, Want: "want one made by holdfast.New"}
	}
	if classify == nil {
		classify = Classify
	}
	var (
		answer error // that is no failure
		doubt  bool  // some attempt may have been carried out
	)
	err := p.Do(ctx, func(ctx context.Context) error {
		err := op(ctx)
		answer = nil
		if err == nil {
			return nil
		}
		inner := err
		if c, ok := err.(*resilience.CallError); ok && c.Effect != resilience.EffectUnsaid { //nolint:errorlint // what the attempt itself returned
			inner = c.Err // what is known of an attempt adds nothing to an answer
		}
		if !saysUnknown(inner) && classify(inner) == resilience.Success {
			answer = inner
			return nil
		}
		unknown, err := judge(ctx, classify, err)
		doubt = doubt || unknown
		return err
	})
	switch {
	case err == nil:
		return answer
	case doubt && !saysUnknown(err):
		return &resilience.CallError{
			Err: err, Effect: resilience.EffectUnknown, Repeatable: resilience.RepetitionOf(ctx) == resilience.Idempotent,
		}
	}
	return err
}
