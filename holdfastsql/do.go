package holdfastsql

import (
	"context"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// Do runs op through p by the rules of this package. Use it for clients that [DB] does not cover;
// [DB] and holdfastpgx are built on it. classify is the Classifier for op's errors; nil means
// [Classify].
//
// An error of op leaves the outcome unknown, unless it proves that nothing happened. It proves that
// if it comes from [ProveUndone] or [ProveUnsent], is another [resilience.CallError] that says so,
// has a method Unsent() bool that returns true, or is a failed dial (see [resilience.Unsent]). With
// proof, Do retries op after errors that are Transient or Overload. Without proof, it does so only
// if ctx is marked by [resilience.MarkIdempotent]; otherwise the call ends, and a breaker counts it
// by the error's verdict. If an attempt left the outcome unknown and no later one succeeded, the
// call's error is [resilience.ErrOutcomeUnknown].
//
// op must send its call once. If it is sent several times, by a loop in op or in its client, the
// last error proves nothing of the earlier times. The methods of a sql.DB have such a loop, those
// of a sql.Conn and a sql.Tx have not.
//
// If classify returns Success for an error (as [Classify] does for [sql.ErrNoRows]), the pipeline
// counts a success, and the error is returned unchanged. Other errors are judged by
// [resilience.Assess], and wrapped in a CallError or a *retry.Error if that adds something;
// errors.Is and errors.As work through both. A lost race ([LostRace]) is retried, but no breaker
// counts it as a failure.
//
// Do allocates nothing beyond what p allocates, unless op fails.
func Do(ctx context.Context, p *holdfast.Pipeline, classify resilience.Classifier, op resilience.Func) error {
	if p == nil {
		return &resilience.FieldError{Stage: "holdfastsql", Field: "Pipeline", Value: p, Want: "want one made by holdfast.New"}
	}
	if classify == nil {
		classify = Classify
	}
	var (
		answer error // an error that is a Success, such as sql.ErrNoRows
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
			inner = c.Err // an answer is returned without what is known of the attempt
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
