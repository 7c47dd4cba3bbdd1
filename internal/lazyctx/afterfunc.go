package lazyctx

import "context"

// afterFunc is a func to be called when a watched Ctx ends. They form a doubly linked list, so that
// stop takes constant time.
type afterFunc struct {
	of         *Ctx
	call       func()
	prev, next *afterFunc
	listed     bool
}

// AfterFunc arranges for f to be called when c ends. stop undoes that, and reports whether it was
// in time. Package context looks for this method: with it, a child of c costs no goroutine. Unlike
// context.AfterFunc, f runs in the goroutine that ends c, after c has ended and under no lock. If c
// has ended already, f runs in a goroutine of its own.
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

// run calls a and those after it. The list has been taken from c, so nothing changes it any more.
func (a *afterFunc) run() {
	for ; a != nil; a = a.next {
		a.call()
	}
}
