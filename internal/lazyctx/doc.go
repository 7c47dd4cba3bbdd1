// Package lazyctx has a context with a deadline that costs one allocation until its Done channel is
// asked for. Most calls never ask: their op returns before it has to wait.
//
// A Ctx keeps the contract of package context, and behaves like a ctx of context.WithDeadlineCause.
// It does three things later:
//
//   - A quiet Ctx, whose Done nobody has asked for, has no timer. Err looks at the clock and at
//     the parent, and what it finds is final.
//   - The first call of Done makes a channel. Under a parent that never ends, the channel is the
//     Ctx's own, and a timer closes it. Under any other parent it is that of a standard ctx, so
//     that it is closed when the parent's cancel returns.
//   - The first call of Deadline computes the wall-clock time of the deadline.
//
// Nothing records the moment at which the deadline of a quiet Ctx passes. If its parent is canceled
// later, but before anybody looks, the Ctx has ended with its parent. If End comes first, it has
// ended by End.
//
// A Ctx is never reused: one that is kept after its end stays ended.
package lazyctx
