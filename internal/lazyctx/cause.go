package lazyctx

import "context"

// cancelKey is the key of package context under which a ctx tells what canceled it.
var cancelKey = learn()

// learn asks context.Cause about a ctx that notes what it is asked for.
func learn() (key any) {
	_ = context.Cause(asked{context.Background(), &key})
	return key
}

// asked is a ctx that has ended, and notes the key of the value that it is asked for.
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

// endedByCancel is what a Ctx ended by End is to context.Cause. Without it that would be what the
// parent ends by later.
var endedByCancel = endedBy(context.Canceled)
