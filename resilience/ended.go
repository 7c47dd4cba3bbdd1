package resilience

import (
	"context"
	"slices"
)

// NotStarted returns the error of a call that was not made, since ctx had ended before it began.
// errors.Is finds ctx.Err() and [context.Cause] in it, and [Unasked] is true of it.
func NotStarted(ctx context.Context) error {
	e := &unasked{err: ctx.Err(), cause: context.Cause(ctx), verdict: Rejected, reason: ReasonTooLate}
	if isIn(e.err, context.Canceled) {
		e.verdict, e.reason = Canceled, ReasonCanceled
	}
	return e
}

// unasked is the error of a call whose ctx ended before the dependency was asked.
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

// Ended returns err, of a call made under ctx and judged as j, such that errors.Is and [ReasonOf],
// which do not know ctx, are right about it. Usually that is err itself. But if ctx has ended, a
// client may return only the cause of ctx, or an error of its own: then errors.Is also finds
// context.Canceled or context.DeadlineExceeded in the result. And if ctx has not ended, but
// somebody else's call was canceled, the result says that this caller did not give up.
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

// ended wraps a call's error that does not say whether its ctx had ended.
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

// StopReason is reason. But a stage inside that stopped the call knows better than ReasonTooLate.
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

// withoutNil returns the errors that are not nil. It does not write to errs, which may be the slice
// of somebody else's error.
func withoutNil(errs ...error) []error {
	if !slices.Contains(errs, nil) {
		return errs
	}
	var all []error
	for _, err := range errs {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}
