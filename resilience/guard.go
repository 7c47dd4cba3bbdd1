package resilience

import (
	"context"
	"errors"
)

// Guard is a Policy that only acts before and after a call: a bulkhead, a rate limiter, a load
// shedder, your own. It never sees the op, so a pipeline accepts any Guard as a stage without
// moving the op to the heap. A Guard that needs a value from before the call after it is a
// TicketGuard as well.
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

// ErrAborted is passed to a Guard's Release when the call did not return: it panicked, or its
// goroutine ended by runtime.Goexit.
var ErrAborted = errors.New("resilience: the call did not return (panic or runtime.Goexit)")

// WrapGuard returns next guarded by g: the body of most Guards' Wrap method. If g is a
// TicketGuard, it carries the Ticket. If ctx has ended, neither g nor next is called. If it ends
// while g waits, next is not called.
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

// Refused returns err, with which a Guard refused a call, such that stages see a refusal. If its
// verdict is Rejected, that is err itself. If err is the end of a ctx, errors.Is still finds that,
// and retry loops and breakers see that the dependency was not asked. Any other error is marked as
// Rejected.
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
