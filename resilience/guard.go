package resilience

import (
	"context"
	"errors"
)

// Guard is a Policy that only looks at both ends of a call: a bulkhead, a rate limiter, a
// load shedder, your own. It never sees the op, which is why a pipeline accepts any Guard as
// a stage without moving the op to the heap. One that has to know at the end what it saw at the
// beginning is a TicketGuard as well.
//
// A Guard is safe for concurrent use. Its Wrap is usually one line: return WrapGuard(g, next).
type Guard interface {
	Policy

	// Acquire admits or refuses a call. It may wait, but no longer than ctx lives. An error
	// refuses the call: it is reported as Rejected, unless it is ctx's own.
	Acquire(ctx context.Context) error

	// Release is called exactly once after each successful Acquire, on the same goroutine
	// and with the same ctx, whatever happened in between. err is what the call returned, or
	// ErrAborted if it panicked or its goroutine exited. If ctx had ended by the time that
	// Acquire returned, the call is not made, and err says so: it is Unasked.
	Release(ctx context.Context, err error)
}

// ErrAborted is what a Guard's Release is told when the call did not return: it panicked, or
// its goroutine ended by runtime.Goexit.
var ErrAborted = errors.New("resilience: the call did not return (panic or runtime.Goexit)")

// WrapGuard returns next guarded by g: the body of most Guards' Wrap method. If g is a
// TicketGuard, it carries the Ticket. next never runs under a ctx that has ended, whether it had
// before, when g is not asked, or did while g waited.
func WrapGuard(g Guard, next Func) Func {
	if t, ok := g.(TicketGuard); ok {
		return wrapTicketGuard(t, next)
	}
	return func(ctx context.Context) (err error) {
		if ctx.Err() != nil {
			return NotStarted(ctx)
		}
		if err := g.Acquire(ctx); err != nil {
			return Refused(err)
		}
		err = ErrAborted
		defer func() { g.Release(ctx, err) }()
		err = unlessEnded(ctx, next)
		return err
	}
}

// unlessEnded runs next unless ctx has ended.
func unlessEnded(ctx context.Context, next Func) error {
	if ctx.Err() != nil {
		return NotStarted(ctx)
	}
	return next(ctx)
}

// Refused returns err, with which a Guard turned a call away, as a refusal. It is unchanged if
// its verdict is Rejected. The end of a ctx stays what it is by errors.Is, and tells retry
// loops and breakers that the dependency was not asked. Anything else is marked as Rejected.
func Refused(err error) error {
	switch {
	case Classify(err) == Rejected:
		return err
	case isIn(err, context.Canceled):
		return &unasked{err: err, verdict: Canceled, reason: ReasonCanceled}
	case isIn(err, context.DeadlineExceeded):
		return &unasked{err: err, verdict: Rejected, reason: ReasonTooLate}
	}
	return MarkRejected(err)
}
