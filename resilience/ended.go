package resilience

import (
	"context"
)

// NotStarted returns the error of a call that was not made, since ctx had ended before it began.
// It is ctx.Err() and [context.Cause] by errors.Is, and says that the dependency was not asked.
func NotStarted(ctx context.Context) error {
	e := &unasked{err: ctx.Err(), cause: context.Cause(ctx), verdict: Rejected, reason: ReasonTooLate}
	if isIn(e.err, context.Canceled) {
		e.verdict, e.reason = Canceled, ReasonCanceled
	}
	return e
}

// unasked is the end of a ctx that came before the dependency was asked.
type unasked struct {
	err     error
	cause   error // nil if that is err
	verdict Verdict
	reason  Reason
}

func (e *unasked) Error() string              { return withCause(e.err, e.cause) }
func (e *unasked) Unwrap() []error            { return withoutNil(e.err, e.cause) }
func (e *unasked) Origin() error              { return e.err }
func (e *unasked) Verdict() Verdict           { return e.verdict }
func (e *unasked) StopReason() Reason         { return e.reason }
func (e *unasked) DependencyVerdict() Verdict { return Canceled }
func (e *unasked) Unasked() bool              { return true }

// Ended returns err, of a call made under ctx and judged as j, so that it tells the truth about ctx
// to errors.Is and [ReasonOf], which do not know ctx. Mostly that is err itself. But a client may
// return the cause of a ctx alone, or an error of its own: then errors.Is finds context.Canceled or
// context.DeadlineExceeded in what Ended returns, and err too. And if ctx lives and somebody else's
// call was canceled, then this caller did not give up.
func Ended(ctx context.Context, j Judgment, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil:
		if j.Retry == Transient && ReasonOf(err) == ReasonCanceled {
			return &ended{err: err, j: j, reason: ReasonExhausted}
		}
		return err
	case isIn(ctx.Err(), context.Canceled):
		if isIn(err, context.Canceled) && ReasonOf(err) == ReasonCanceled {
			return err
		}
		return &ended{err, ctx.Err(), context.Cause(ctx), j, ReasonCanceled}
	case j.Dependency == Transient && !isIn(err, ctx.Err()):
		return &ended{err, ctx.Err(), context.Cause(ctx), j, ReasonTooLate}
	}
	return err
}

// ended is a call's error that does not tell how its ctx stood.
type ended struct {
	err    error
	by     error // ctx.Err(); nil if it was somebody else's that ended
	cause  error
	j      Judgment
	reason Reason
}

func (e *ended) Error() string {
	switch {
	case e.by == nil:
		return "not canceled by this caller: " + e.err.Error()
	case isIn(e.err, e.by):
		return e.err.Error()
	case e.cause != nil && isIn(e.err, e.cause):
		return e.by.Error() + ": " + e.err.Error()
	}
	return withCause(e.by, e.cause) + ": " + e.err.Error()
}

func (e *ended) Unwrap() []error            { return withoutNil(e.err, e.by, e.cause) }
func (e *ended) Origin() error              { return e.err }
func (e *ended) Verdict() Verdict           { return e.j.Retry }
func (e *ended) DependencyVerdict() Verdict { return e.j.Dependency }
func (e *ended) Unasked() bool              { return Unasked(e.err) }
func (e *ended) Unsent() bool               { return Unsent(e.err) }

// StopReason is what a stage inside said, if one stopped the call and the caller did not.
func (e *ended) StopReason() Reason {
	if r, ok := saidReason(e.err); ok && e.reason == ReasonTooLate {
		return r
	}
	return e.reason
}

func withCause(err, cause error) string {
	if cause == nil || isIn(err, cause) || isIn(cause, err) {
		return err.Error()
	}
	return err.Error() + " (" + cause.Error() + ")"
}

func withoutNil(errs ...error) []error {
	all := errs[:0]
	for _, err := range errs {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}
