package lazyctx

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// Done returns the same channel at each call. The first call makes it.
func (c *Ctx) Done() <-chan struct{} {
	is := c.state.Load()
	if is == quiet || is == building {
		is = c.listen()
	}
	switch {
	case is == standard:
		return c.std.Done()
	case is == watched, is&listened != 0:
		return c.done
	}
	return closed
}

// listen makes the channel that Done returns, unless c has ended, and returns the state.
func (c *Ctx) listen() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if is := c.state.Load(); is != quiet {
		return is
	}
	now, bubbled := mono.Look()
	if is := c.look(now); is != quiet {
		return is
	}
	if !c.state.CompareAndSwap(quiet, building) {
		return c.state.Load() // c ended meanwhile
	}
	defer c.state.CompareAndSwap(building, quiet) // if a user's own parent panics
	is := watched
	if cancelKey == nil || c.parent.Done() != nil {
		is = standard
		c.standardize()
	} else {
		c.done, c.alarm = make(chan struct{}), newAlarm(bubbled)
		c.alarm.set(c, time.Duration(c.until-now))
	}
	c.state.Store(is)
	return is
}

// standardize makes std. Its deadline may differ from what Deadline returns; nobody sees it.
func (c *Ctx) standardize() {
	deadline := mono.Date(c.until)
	if parents, ok := c.parent.Deadline(); ok && !mono.HasReading(parents) {
		deadline, _ = c.Deadline() // package context then compares the two by the wall clock
	}
	c.std, c.cancel = context.WithDeadlineCause(c.parent, deadline, c.cause)
}

// alarm is a timer that ends a Ctx. A timer of a synctest bubble must not be used outside of it, so
// only timers from outside are pooled.
type alarm struct {
	of    atomic.Pointer[Ctx]
	timer *time.Timer
	again bool // it may be pooled
}

// alarms is the pool. An alarm in it is stopped, and will never ring for its former Ctx.
var alarms sync.Pool

func newAlarm(bubbled bool) *alarm {
	if !bubbled {
		if a, ok := alarms.Get().(*alarm); ok {
			return a
		}
	}
	return &alarm{again: !bubbled}
}

// set makes a end c after d.
func (a *alarm) set(c *Ctx, d time.Duration) {
	a.of.Store(c)
	if a.timer == nil {
		a.timer = time.AfterFunc(d, a.ring)
		return
	}
	a.timer.Reset(d)
}

func (a *alarm) ring() {
	if c := a.of.Load(); c != nil {
		c.end(expired)
	}
}

// release stops a, and pools it if Stop was in time: then a has not rung and never will.
func (a *alarm) release() {
	if a.timer.Stop() && a.again {
		a.of.Store(nil)
		alarms.Put(a)
	}
}
