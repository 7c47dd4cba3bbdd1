package lazyctx

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// Ctx is a context.Context that ends at a moment, with its parent, or by End, whichever comes
// first. It is safe for concurrent use, and is made by New.
type Ctx struct {
	parent context.Context
	until  mono.Time
	cause  error                     // what context.Cause says if until ends it
	dial   atomic.Pointer[mono.Dial] // for Deadline; nil before its first call
	state  atomic.Uint32

	mu sync.Mutex // held while state is building, and to end a Ctx that is not quiet

	// Set while state is building, and read without mu only in a later state.
	done   chan struct{}      // if watched
	std    context.Context    // if standard
	cancel context.CancelFunc // of std

	alarm *alarm     // if watched; guarded by mu
	after *afterFunc // if watched; guarded by mu: the head of a list
}

// The states. A Ctx never leaves a state in which it has ended.
const (
	quiet     uint32 = iota // nobody has asked for Done
	building                // a first call of Done runs, and holds mu
	watched                 // with a channel of its own and a timer
	standard                // std decides when it ends
	canceled                // by End
	expired                 // until has come
	orphaned                // the parent ended
	overtaken               // the parent ended by a deadline that New did not know

	listened = 1 << 3 // a bit added to an end: it was watched before, so done is closed
)

// closed is the Done channel of a Ctx that ended before anybody asked for one.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// New returns a Ctx that ends at until, for which context.Cause then returns cause. It is not for a
// parent that is known to end sooner. The cause must be comparable. The caller has to call End.
func New(parent context.Context, until mono.Time, cause error) *Ctx {
	c := &Ctx{parent: parent, until: until, cause: cause}
	if cancelKey == nil {
		c.Done() // makes it a standard ctx, whose cause can be found
	}
	return c
}

// EndsBy reports whether ctx ends within d from now, which is a reading of the clock.
func EndsBy(ctx context.Context, now mono.Time, d time.Duration) bool {
	if c, ok := ctx.(*Ctx); ok { // this saves the time.Time
		return c.until <= now.Add(d)
	}
	deadline, ok := ctx.Deadline()
	return ok && mono.Left(deadline, now) <= d
}

// Deadline returns the wall-clock time of until, the same at each call.
func (c *Ctx) Deadline() (deadline time.Time, ok bool) {
	d := c.dial.Load()
	if d == nil {
		c.dial.CompareAndSwap(nil, mono.DialNow()) // else another call was faster
		d = c.dial.Load()
	}
	return d.Date(c.until), true
}

// Err returns nil until c has ended. It looks at the clock if c is quiet.
func (c *Ctx) Err() error {
	is := c.state.Load()
	if is == building {
		is = c.built()
	}
	if is == quiet {
		is = c.look(mono.Now())
	}
	switch is &^ listened {
	case standard:
		return c.std.Err()
	case canceled:
		c.awaitClose(is)
		return context.Canceled
	case expired, overtaken:
		c.awaitClose(is)
		return context.DeadlineExceeded
	case orphaned:
		if err := c.parent.Err(); err != nil {
			return err
		}
		return context.Canceled // the parent's Err is nil again; a Ctx stays ended
	}
	return nil
}

// awaitClose makes sure that Done is closed by the time at which Err says that c has ended.
func (c *Ctx) awaitClose(is uint32) {
	if is&listened != 0 {
		<-c.done
	}
}

// built waits for the end of the state building, and returns the state after it.
func (c *Ctx) built() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Load()
}

// look ends c if it is quiet, and its time or its parent has ended. It returns the state.
func (c *Ctx) look(now mono.Time) uint32 {
	switch how := c.parentsEnd(); {
	case now >= c.until && how != orphaned:
		c.state.CompareAndSwap(quiet, expired)
	case how == expired:
		c.state.CompareAndSwap(quiet, overtaken)
	case how == orphaned:
		c.state.CompareAndSwap(quiet, orphaned)
	}
	if is := c.state.Load(); is != building {
		return is
	}
	return c.built()
}

// parentsEnd returns the state of a quiet c that follows from its parent's Err: quiet if the parent
// has not ended. A parent's DeadlineExceeded counts as c's own, since New is not for a parent that
// is known to end sooner. look tells the two apart by the clock.
func (c *Ctx) parentsEnd() uint32 {
	switch c.parent.Err() { //nolint:errorlint // identity: of a standard ctx
	case nil:
		return quiet
	case context.DeadlineExceeded:
		return expired
	}
	return orphaned
}

// End ends c, unless it has ended. When it returns, Done is closed and all children of c have
// ended.
func (c *Ctx) End() {
	how := c.parentsEnd()
	switch {
	case how == quiet:
		how = canceled
	case how == expired && mono.Now() < c.until:
		how = overtaken
	}
	if !c.state.CompareAndSwap(quiet, how) {
		c.end(canceled)
	}
}

// Expired reports whether c has ended because until came.
func (c *Ctx) Expired() bool {
	if c.Err() == nil {
		return false
	}
	if c.state.Load() == standard {
		return context.Cause(c.std) == c.cause //nolint:errorlint // identity: this very limit
	}
	return c.state.Load()&^listened == expired
}

// end ends a c that is not quiet in the state how, unless it has ended.
func (c *Ctx) end(how uint32) {
	c.mu.Lock()
	switch c.state.Load() {
	case watched:
		c.state.Store(how | listened)
		close(c.done)
		c.alarm.release()
		after := c.after
		c.alarm, c.after = nil, nil
		c.mu.Unlock()
		after.run()
		return
	case standard:
		c.mu.Unlock()
		c.cancel()
		return
	case quiet: // again: listen panicked in a method of the parent
		c.state.CompareAndSwap(quiet, how)
	}
	c.mu.Unlock()
}

// selfKey is the key under which a Ctx is found by Of.
var selfKey any = new(byte)

// Of returns the innermost Ctx that ctx is or was derived from, or nil if there is none. Two ctxs
// with the same Of have the same limit. It does not ask for Done.
func Of(ctx context.Context) *Ctx {
	c, _ := ctx.Value(selfKey).(*Ctx)
	return c
}

// Value returns the parent's value, except for two keys: that of Of, and that by which
// context.Cause and a child find what canceled a ctx.
func (c *Ctx) Value(key any) any {
	if key == selfKey {
		return c
	}
	switch c.state.Load() &^ listened {
	case standard:
		return c.std.Value(key)
	case canceled:
		if key == cancelKey {
			return endedByCancel.Value(key)
		}
	case expired:
		if key == cancelKey {
			return endedBy(c.cause).Value(key)
		}
	}
	return c.parent.Value(key)
}

// String returns the same as a standard ctx with a deadline.
func (c *Ctx) String() string {
	deadline, _ := c.Deadline()
	return fmt.Sprintf("%v.WithDeadline(%v [%v])", c.parent, deadline, time.Until(deadline))
}
