package lazyctx

import "context"

// afterFunc is a func to be called when a watched Ctx ends. They are a list, so that each of many
// can leave it in one step.
type afterFunc struct {
	of         *Ctx
	call       func()
	prev, next *afterFunc
	listed     bool
}

// AfterFunc arranges for f to be called when c ends, and returns a func that undoes that, and
// reports whether it was in time. Package context looks for this method: with it, a child of c
// costs no goroutine. Whoever ends c calls f, after c has ended and outside of every lock. If c has
// ended, f is called in a goroutine of its own.
func (c *Ctx) AfterFunc(f func()) (stop func() bool) {
	c.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state.Load() {
	case watched:
		a := &afterFunc{of: c, call: f, next: c.after, listed: true}
		if c.after != nil {
			c.after.prev = a
		}
		c.after = a
		return a.stop
	case standard:
		return context.AfterFunc(c.std, f)
	}
	go f()
	return func() bool { return false }
}

// stop takes a off the list.
func (a *afterFunc) stop() bool {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	if !a.listed || a.of.state.Load() != watched {
		return false
	}
	a.listed = false
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		a.of.after = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	}
	return true
}

// run calls a and those after it. They have left c, so that nobody changes the list.
func (a *afterFunc) run() {
	for ; a != nil; a = a.next {
		a.call()
	}
}
