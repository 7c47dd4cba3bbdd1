package resilience

import (
	"context"

	"github.com/media-gateway/holdfast/internal/foreign"
)

// Judgment is what the outcome of a call means. It has two answers, since they may differ: if a
// retry loop was refused another attempt, for example, its error is Rejected to a loop further out,
// but the dependency has failed.
type Judgment struct {
	Dependency Verdict // what it says of the dependency: for breakers, learners, events, Health
	Retry      Verdict // whether to try again: for retry loops
}

// Assess judges err, which a call under ctx returned. All stages and adapters go by it. An error
// alone does not say what it means: if ctx is canceled, clients return errors that look like the
// server's, and after a deadline any cause that it has. The first rule that applies decides:
//
//  1. a nil err: Success;
//  2. ctx was canceled: Canceled, marked or not;
//  3. err explains itself, by a method Verdict (the Mark functions, [Error], the errors of stages
//     and adapters): that. Its DependencyVerdict, if it has one, is the answer about the
//     dependency. If it says Canceled of a context.Canceled, but ctx has not ended, somebody else's
//     call was canceled: Transient;
//  4. err is a context.Canceled though ctx was not canceled (a shared flight, a pool, a proxy
//     gave up): Transient;
//  5. classify or, if that is nil or returns Unclassified, [Classify]: what it returns. So a
//     definite answer that arrives just after a deadline stays one;
//  6. ctx ran out, by any limit, with or without a cause: Transient. But if a Retryable method
//     returns false, it is not tried again;
//  7. else Unclassified.
//
// If err says [NoRetry], what would be tried again is Permanent to a retry loop.
//
// If a classifier returns Success, the dependency is well and another try would change nothing.
// That is Permanent, since no stage may lose an error. An invalid verdict counts as Unclassified.
// Assess allocates only where [Classify] does. It is safe for concurrent use.
func Assess(ctx context.Context, classify Classifier, err error) Judgment {
	switch {
	case err == nil:
		return both(Success)
	case isIn(ctx.Err(), context.Canceled):
		return both(Canceled)
	}
	j := meaning(ctx, classify, err)
	if j.Retry.Retryable() && NoRetry(err) {
		j.Retry = Permanent
	}
	return j
}

// meaning is Assess from rule 3 on.
func meaning(ctx context.Context, classify Classifier, err error) Judgment {
	if j, ok := explained(err); ok {
		return j
	}
	if isIn(err, context.Canceled) {
		return both(Transient)
	}
	j := both(verdictOf(classify, err))
	if j.Retry == Unclassified && (ctx.Err() != nil || expired(err)) {
		j = both(Transient)
		if saysNo(err) {
			j.Retry = Unclassified
		}
	}
	if c, ok := asType[*CallError](err); ok && c != nil && c.Dependency != nothing && c.Retry == nothing {
		j.Dependency = c.Dependency
	}
	return j
}

// Judge returns what [Assess] says of the dependency: what a breaker counts.
func Judge(ctx context.Context, classify Classifier, err error) Verdict {
	return Assess(ctx, classify, err).Dependency
}

func both(v Verdict) Judgment { return Judgment{v, v} }

// explained returns what err says itself, if it does. The error of a stage whose limit ran out does
// not count: the op's error inside may be a definite answer that the classifier knows.
func explained(err error) (Judgment, bool) {
	v, ok := marked(err)
	if !ok || expired(err) {
		return Judgment{}, false
	}
	j := both(v)
	if d, ok := foreign.Ask(err, dependencyError.DependencyVerdict); ok {
		j.Dependency = d
	}
	if v == Canceled && isIn(err, context.Canceled) { // and ctx was not: somebody else's call was
		j.Retry = kindOr(err, Transient)
		if j.Dependency == Canceled && !Unasked(err) {
			j.Dependency = j.Retry
		}
	}
	return j, true
}

// kindOr returns the verdict of an Error's Kind; else v. An Error is Canceled only because of what
// it wraps, so its Kind says more if that is somebody else's cancel.
func kindOr(err error, v Verdict) Verdict {
	if e, ok := asType[*Error](err); ok && e != nil {
		if kind := e.kindVerdict(); kind != Canceled && kind != Unclassified {
			return kind
		}
	}
	return v
}

// verdictOf returns the verdict of classify, or that of Classify if it has none. If err is that of
// a stage whose limit ran out, they are asked about the op's error inside it.
func verdictOf(classify Classifier, err error) Verdict {
	if e, ok := err.(expiredError); ok { //nolint:errorlint // this very error: what the op returned is right inside
		if inner := foreign.Unwrap(e); inner != nil {
			err = inner
		}
	}
	if classify != nil {
		switch v := classify(clientsOwn(err)); {
		case v == Success:
			return Permanent
		case v.valid() && v != Unclassified:
			return v
		}
	}
	v := Classify(err)
	if v == Canceled { // not by this caller
		return Transient
	}
	return v
}

// clientsOwn returns the error that a Classifier is asked about: it knows the client's errors, and
// not the CallErrors that adapters put around them.
func clientsOwn(err error) error {
	for {
		c, ok := err.(*CallError) //nolint:errorlint // the outermost, and no other wrapper
		if !ok || c == nil || c.Err == nil {
			return err
		}
		err = c.Err
	}
}

// expiredError is the error of a stage that says whether its limit, and nothing else, ended a call.
type expiredError interface {
	error
	Expired() bool
}

func expired(err error) bool {
	yes, _ := foreign.Ask(err, func(v verdictError) bool {
		switch e := v.(type) { //nolint:errorlint // the one that explains err, not one inside it
		case expiredError:
			return e.Expired()
		case *CallError: // without a word of its own, the one inside explains err
			return e != nil && e.Retry == nothing && !e.isFinal() && expired(e.Err)
		}
		return false
	})
	return yes
}

type dependencyError interface {
	error
	DependencyVerdict() Verdict
}

// Unasked reports whether err says that the dependency was never asked: it is Rejected, or came
// before the op ran. A method Unasked() bool anywhere in its tree has the last word. (A Rejected
// error of a retry loop whose attempts did reach the dependency is not unasked.)
func Unasked(err error) bool {
	if unasked, ok := foreign.Ask(err, unaskedError.Unasked); ok {
		return unasked
	}
	if v, ok := foreign.Ask(err, dependencyError.DependencyVerdict); ok {
		return v == Canceled || v == Rejected
	}
	return Classify(err) == Rejected
}

type unaskedError interface {
	error
	Unasked() bool
}
