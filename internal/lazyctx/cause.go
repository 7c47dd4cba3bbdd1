package lazyctx

import "context"

// cancelKey is the private key by which package context asks a ctx for what canceled it; nil if
// learn did not find it.
var cancelKey = learn()

// learn finds cancelKey: it calls context.Cause with a ctx that records the key it is asked for.
func learn() (key any) {
	_ = context.Cause(asked{context.Background(), &key})
	return key
}

// asked is a ctx that has ended, and records the key that its Value is asked for.
type asked struct {
	context.Context

	key *any
}

func (asked) Err() error { return context.Canceled }

func (a asked) Value(key any) any {
	*a.key = key
	return nil
}

// endedBy returns a ctx that ended by cause.
func endedBy(cause error) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	return ctx
}

// endedByCancel answers context.Cause for a Ctx ended by End. Without it, the cause would be that
// by which the parent ends later.
var endedByCancel = endedBy(context.Canceled)
