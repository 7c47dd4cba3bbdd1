package resilience

import (
	"context"
	"os"

	"github.com/media-gateway/holdfast/internal/foreign"
)

// evidence is what a tree of errors says, by kind. In a field, the zero Verdict (nothing) means
// that nothing was found, and Unclassified that what was found contradicts itself.
type evidence struct {
	canceled   bool
	answer     Verdict // the dependency's own, in its protocol's terms
	timeout    Verdict
	opinion    Verdict // of a Retryable method
	connection Verdict
	guess      Verdict // holds only if no field above says something
	overruled  bool    // a Retryable method returned false for an error that looks worth a try
	answers    int     // how many errors had a code
}

// nothing is the Verdict of evidence that was not found.
const nothing = Success

// place is what the errors around an error in the tree said.
type place struct {
	opinion  Verdict // of the Retryable method that speaks for it
	envelope Verdict // the HTTP status around it
	answered bool    // a protocol's code around it speaks for it
	inURL    bool    // inside a *url.Error
	joined   bool    // beside other errors
}

func classifyUnmarked(err error) Verdict {
	var e evidence
	e.walk(err, place{})
	return e.verdict()
}

// walk collects the evidence of err and of all that it wraps.
func (e *evidence) walk(err error, in place) {
	for err != nil {
		outside := in.envelope
		many, inner := e.visit(err, &in)
		if in.envelope != outside { // err has a status, and a code inside says more than that
			before := e.answers
			e.walk(inner, in)
			e.walkAll(many, in)
			if e.answers == before {
				e.add(&e.answer, in.envelope, in)
			}
			return
		}
		e.walkAll(many, in)
		err = inner
	}
}

func (e *evidence) walkAll(errs []error, in place) {
	in.joined = in.joined || len(errs) > 1
	for _, err := range errs {
		e.walk(err, in)
	}
}

// visit asks err alone, and returns what it wraps: nothing if a method of a foreign error panics,
// as on a nil pointer.
func (e *evidence) visit(err error, in *place) (many []error, inner error) {
	defer func() {
		if recover() != nil {
			many, inner = nil, nil
		}
	}()
	if c, ok := err.(*CallError); ok { //nolint:errorlint // one step of the walk
		return nil, c.Err // it has no verdict, or marked would have found it
	}
	e.ask(err, in)
	switch w := err.(type) { //nolint:errorlint // likewise
	case interface{ Unwrap() error }:
		return nil, w.Unwrap()
	case interface{ Unwrap() []error }:
		return w.Unwrap(), nil
	}
	return nil, nil
}

// ask looks at err alone. It sets in in what holds for the errors that err wraps.
func (e *evidence) ask(err error, in *place) {
	if is(err, context.Canceled) {
		e.canceled = true
		return
	}
	if in.answered {
		return
	}
	if in.envelope == nothing {
		if v, ok := opinion(err); ok && in.opinion == nothing {
			e.add(&e.opinion, v, *in)
			in.opinion = v
		}
		if is(err, context.DeadlineExceeded) || is(err, os.ErrDeadlineExceeded) || isTimeout(err) {
			e.add(&e.timeout, Transient, *in)
		}
	}
	if _, asked := err.(verdictError); asked { //nolint:errorlint // one step of the walk
		return // its Verdict is Unclassified, so its fields do not count
	}
	if v := codeVerdict(err); v != Unclassified {
		e.answers++
		e.add(&e.answer, v, *in)
		in.answered = true
		return
	}
	if in.envelope != nothing {
		return
	}
	if v := statusOf(err); v != Unclassified {
		in.envelope = v
		return
	}
	e.add(&e.connection, connectionVerdict(err, in), *in)
	e.add(&e.guess, guess(err, *in), *in)
}

// add merges v into one of e's fields, unless a Retryable method around it has decided.
func (e *evidence) add(to *Verdict, v Verdict, in place) {
	switch {
	case v == Unclassified:
	case in.opinion == nothing:
		*to = merge(*to, v)
	case in.opinion == Permanent && v.Retryable():
		e.overruled = true
	}
}

// verdict weighs the evidence. Apart from an answer, the strongest kind decides.
func (e *evidence) verdict() Verdict {
	if e.canceled {
		return Canceled
	}
	if e.overruled || e.timeout != nothing && e.connection == Permanent {
		return Unclassified
	}
	rest := nothing
	for _, v := range [...]Verdict{e.guess, e.connection, e.opinion, e.timeout} {
		if v != nothing {
			rest = v
		}
	}
	if v := merge(e.answer, rest); v != nothing {
		return v
	}
	return Unclassified
}

// merge combines two verdicts about one error.
func merge(a, b Verdict) Verdict {
	switch {
	case a == nothing, a == b:
		return b
	case b == nothing:
		return a
	case a.Retryable() && b.Retryable():
		return Overload
	case a == Canceled && b.Retryable(): // somebody gave up, and something failed
		return b
	case b == Canceled && a.Retryable():
		return a
	}
	return Unclassified
}

// is reports whether err itself, not what it wraps, is target.
func is(err, target error) bool {
	if err == target { //nolint:errorlint // one step of the walk
		return true
	}
	e, ok := err.(interface{ Is(error) bool }) //nolint:errorlint // likewise
	return ok && e.Is(target)
}

func isTimeout(err error) bool {
	e, ok := err.(interface{ Timeout() bool }) //nolint:errorlint // one step of the walk
	return ok && e.Timeout()
}

// opinion returns what err's own Retryable method says.
func opinion(err error) (Verdict, bool) {
	switch e := err.(type) { //nolint:errorlint // one step of the walk
	case verdictError: // marked has asked it, and it did not know
		return Unclassified, false
	case retryableError:
		switch {
		case !e.Retryable():
			return Permanent, true
		case RetryAfter(err) > 0:
			return Overload, true
		}
		return Transient, true
	case interface{ NonRetriable() }: // Azure's
		return Permanent, true
	}
	return Unclassified, false
}

// isIn is errors.Is. It returns false if a method of a foreign error panics.
func isIn(err, target error) bool { return foreign.Is(err, target) }

// saysNo reports whether a Retryable method in err's tree returns false, or it has NonRetriable.
func saysNo(err error) bool {
	return anyOf(err, func(err error) bool {
		v, ok := opinion(err)
		return ok && v == Permanent
	})
}

// asType is errors.AsType. It finds nothing if a method of a foreign error panics. To call a method
// of the error that is found, use foreign.Ask.
func asType[E error](err error) (E, bool) { return foreign.As[E](err) }
