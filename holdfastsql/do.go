package holdfastsql

import (
	"context"
	"errors"
	"fmt"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// ErrOutcomeUnknown is what a failed call is, by errors.Is, if the database may have carried it out:
// the connection died, or the ctx ended, between the sending of a statement or COMMIT and the answer to it.
// A failed call that is not ErrOutcomeUnknown has changed nothing; except for what the func of [DB.Conn]
// did before it failed, for rows that came and could not be scanned, and for errors that a driver's
// classifier takes for an answer and are none.
var ErrOutcomeUnknown = errors.New("the outcome is unknown")

type idempotentKey struct{}

// MarkIdempotent returns a ctx whose calls may be carried out twice without harm, so that they are
// retried also where nobody knows whether the first try was carried out. A statement is idempotent if
// a second run changes nothing more: INSERT … ON CONFLICT DO NOTHING under a key of yours, SET
// status = 'paid'; a SELECT, if the functions in it write nothing. The mark holds for every call
// under the ctx.
func MarkIdempotent(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotentKey{}, true)
}

// isIdempotent reports whether ctx was marked by [MarkIdempotent].
func isIdempotent(ctx context.Context) bool { return ctx.Value(idempotentKey{}) != nil }

// Do runs op through p by the rules of this package. It is for clients that have no [DB] here:
// [DB] and holdfastpgx are made of it. classify says what op's errors mean (nil: [Classify]).
//
// op is retried after errors that are Transient or Overload. An error that is [ErrOutcomeUnknown], by
// which op says that the database may have carried it out, is retried only if ctx is marked by
// [MarkIdempotent]; otherwise it ends the call, and counts against the database as classify says. If any
// attempt ended so and none succeeded, the call's error is ErrOutcomeUnknown.
//
// An error that classify calls a Success ([sql.ErrNoRows]) is one for the pipeline, and comes back
// untouched. So does any first error that is not retried; the others are marked, for the stages of p,
// or wrapped in a *retry.Error, and errors.Is and errors.As see through that. A lost race (SQLSTATE 40001,
// 40P01, 55P03) is retried, but counts for no breaker.
//
// Beside what p does, it allocates only where op fails.
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
		verdict := classify(err)
		switch {
		case errors.Is(err, ErrOutcomeUnknown):
			doubt = true
			return inDoubt(ctx, err, verdict)
		case verdict == resilience.Success:
			answer = err
			return nil
		}
		return judged(err, verdict)
	})
	switch {
	case err == nil:
		return answer
	case doubt && !errors.Is(err, ErrOutcomeUnknown):
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return err
}

// inDoubt returns err as the stages of a pipeline have to see it.
func inDoubt(ctx context.Context, err error, v resilience.Verdict) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) { // it names what ended the ctx
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	switch {
	case v == resilience.Canceled:
		return err
	case isIdempotent(ctx):
		return judged(err, v)
	}
	return resilience.MarkNoRetry(err, v)
}

// judged returns an error which says v to whoever asks resilience.Classify: err itself, if it does.
func judged(err error, v resilience.Verdict) error {
	switch {
	case v.Failure() && lostRace(err):
		return &judgedError{err, v, resilience.Permanent}
	case resilience.Classify(err) == v:
		return err
	}
	return &judgedError{err, v, v}
}

// judgedError tells retry loops and breakers what a classifier said of an error. It adds nothing to the text.
type judgedError struct {
	err        error
	verdict    resilience.Verdict
	dependency resilience.Verdict
}

func (e *judgedError) Error() string                         { return e.err.Error() }
func (e *judgedError) Unwrap() error                         { return e.err }
func (e *judgedError) Verdict() resilience.Verdict           { return e.verdict }
func (e *judgedError) DependencyVerdict() resilience.Verdict { return e.dependency }
