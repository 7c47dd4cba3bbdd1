package resilience

import (
	"context"
	"slices"
)

// Observer gets the events of calls. Observe is called on the goroutine of the call, so its time is
// the call's time: it should return at once. (If a breaker's probe hangs and no call comes, a timer
// reports that, with a ctx of its own.) It is called from many goroutines at once, never under a
// lock of this module, and for one call in the order of events. ctx is the call's, so that a trace
// can be found in it. An Observer may call back into the pipeline or breaker that it watches. If it
// panics, the call panics; nothing stays locked or taken.
type Observer interface {
	Observe(ctx context.Context, e Event)
}

// Selective is an Observer that does not want every kind of event. A shared breaker tells each
// change of its state once, so it keeps a change for an Observer that wants it.
type Selective interface {
	Observer

	// Hears reports whether the Observer wants events of kind k.
	Hears(k EventKind) bool
}

// Hears reports whether o wants events of kind k: a [Selective] says so itself, a nil Observer
// wants none, and any other wants all.
func Hears(o Observer, k EventKind) bool {
	if s, ok := o.(Selective); ok {
		return s.Hears(k)
	}
	return o != nil
}

// ObserverFunc makes an Observer of a function.
type ObserverFunc func(ctx context.Context, e Event)

// Observe calls f.
func (f ObserverFunc) Observe(ctx context.Context, e Event) { f(ctx, e) }

// Observers returns an Observer that forwards each event to the given ones, in order. Nil ones are
// left out. If there are no others, it returns nil.
func Observers(observers ...Observer) Observer {
	var fan fanOut
	for _, o := range observers {
		switch o := o.(type) {
		case nil:
		case fanOut:
			fan = append(fan, o...)
		default:
			fan = append(fan, o)
		}
	}
	switch len(fan) {
	case 0:
		return nil
	case 1:
		return fan[0]
	}
	return fan
}

type fanOut []Observer

// Unwrap returns the observers that f forwards to.
func (f fanOut) Unwrap() []Observer { return f }

// Hears reports whether any of them wants events of kind k.
func (f fanOut) Hears(k EventKind) bool {
	return slices.ContainsFunc(f, func(o Observer) bool { return Hears(o, k) })
}

func (f fanOut) Observe(ctx context.Context, e Event) {
	for _, o := range f {
		o.Observe(ctx, e)
	}
}
