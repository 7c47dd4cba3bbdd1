// Package lazyctx is a context with a deadline that costs one allocation until somebody asks for
// its Done channel. Most calls never do: their op returns before it has to wait.
//
// A Ctx keeps the contract of package context, and behaves as a ctx of context.WithDeadlineCause
// does. Three things are done later than there:
//
//   - A quiet Ctx, whose Done nobody has asked for, has no timer. Err looks at the clock and at
//     the parent, and what it finds is final.
//   - The first call of Done makes a channel. Under a parent that never ends, the channel is the
//     Ctx's own, and a timer closes it. Under any other parent it is that of a standard ctx, which
//     is closed by the time at which the parent's cancel returns.
//   - The wall clock's time of the deadline is worked out by the first call of Deadline.
//
// While a Ctx is quiet, nobody notes when its deadline passes. If its parent is canceled after that
// and before somebody looks, it has ended with its parent, and if End comes first, it has ended by
// End.
//
// A Ctx is never reused: whoever keeps one sees it ended for ever.
package lazyctx
