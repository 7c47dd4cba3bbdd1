package resilience

import "context"

// Verdict is what an error means to everyone who has to act on it. The zero value is Success.
type Verdict uint8

const (
	Success   Verdict = iota // a nil error
	Transient                // may well work when tried again
	Overload                 // works when tried again later: the dependency asked for less
	Permanent                // will fail the same way again: the caller's fault, or unknown
	Canceled                 // the caller gave up; says nothing about the dependency
	Rejected                 // refused on this side; the dependency was not asked
)

var verdictNames = [...]string{"success", "transient", "overload", "permanent", "canceled", "rejected"}

// String returns the verdict in lower case, fit for a log field or a metric's label.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return "unknown"
}

// MarshalText returns String, so that a verdict reads well in JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Failure reports whether the dependency is to blame: Transient or Overload. Those are the
// errors that are retried and that a breaker counts against the dependency.
func (v Verdict) Failure() bool { return v == Transient || v == Overload }

// Outcome returns how a call with that verdict ended, in the four words by which calls are
// counted: success, failure, rejected (refused on this side) or canceled. What is not known is a failure.
func (v Verdict) Outcome() string {
	switch v {
	case Success, Rejected, Canceled:
		return v.String()
	}
	return "failure"
}

// Classifier decides what an error means. It is called outside every lock, possibly from many
// goroutines at once. [Classify] is the default.
type Classifier func(err error) Verdict

// Judge returns what err, returned by a call made under ctx, says about the dependency. It
// is classify's verdict (Classify's, if nil), with refinements that need more than the
// error: an error that came back because the caller canceled is Canceled, whatever it looks
// like; and an error that knows what the dependency last said is judged by that. One marked by
// MarkNoRetry knows it in any case; a retry loop's final error (Rejected, say, because the budget
// was spent) where there is no classify.
func Judge(ctx context.Context, classify Classifier, err error) Verdict {
	switch {
	case err == nil:
		return Success
	case ctx.Err() == context.Canceled: //nolint:errorlint // Err documents these very values
		return Canceled
	case classify != nil && !NoRetry(err):
		return classify(err)
	}
	if d, ok := asType[dependencyError](err); ok {
		return d.DependencyVerdict()
	}
	return Classify(err)
}

type dependencyError interface {
	error
	DependencyVerdict() Verdict
}

// Unasked reports whether err says that the dependency was never asked: it is Rejected, or
// Canceled before the op ran. (A Rejected error of a retry loop whose attempts did reach the
// dependency is not.)
func Unasked(err error) bool {
	if d, ok := asType[dependencyError](err); ok {
		v := d.DependencyVerdict()
		return v == Canceled || v == Rejected
	}
	return Classify(err) == Rejected
}
