package resilience

import "context"

// TicketGuard is a Guard that carries something from the beginning of a call to its end: when it
// began, by which of several limits it was admitted, another library's permit. A pipeline and
// WrapGuard look once, when they are made, whether a Guard is one, and then call Admit and Done
// in place of Acquire and Release, under the same rules. Neither allocates anything for that.
//
// Acquire and Release are for code that uses the Guard by hand. A call admitted by Acquire ends
// with Release, and one admitted by Admit ends with Done.
//
// A type that embeds a TicketGuard is one too, by the methods that it inherits. If it has an
// Acquire or Release of its own, it needs an Admit and a Done of its own as well.
type TicketGuard interface {
	Guard

	// Admit is Acquire, and also returns the Ticket to pass to Done. If it returns an error, the
	// Ticket is ignored.
	Admit(ctx context.Context) (Ticket, error)

	// Done is Release. It gets the Ticket that this call's Admit returned.
	Done(ctx context.Context, t Ticket, err error)
}

// Ticket is what a TicketGuard gives a call that it admits, and gets back when the call is over.
// Only the TicketGuard looks into it. It is passed by value. The zero Ticket is valid.
type Ticket struct {
	Number int64 // such as a moment in nanoseconds, or a slot
	Ref    any   // anything else; a pointer in it costs no allocation
}

// wrapTicketGuard is WrapGuard for a TicketGuard.
func wrapTicketGuard(g TicketGuard, next Func) Func {
	return func(ctx context.Context) (err error) {
		if ctx.Err() != nil {
			return NotStarted(ctx)
		}
		t, err := g.Admit(ctx)
		if err != nil {
			return Refused(err)
		}
		err = ErrAborted
		defer func() { g.Done(ctx, t, err) }()
		err = unlessEnded(ctx, next)
		return err
	}
}
