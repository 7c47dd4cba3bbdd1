package storm

import (
	"sync"
	"time"
)

// clock calls functions at their instants, one after the other and under the lab's lock, in a
// goroutine of its own: a timer and a goroutine for each, as time.AfterFunc has them, would be the
// better part of what a storm costs.
type clock struct {
	events []event // a heap: the first is the next
	timer  *time.Timer
	over   bool
	done   chan struct{}
}

type event struct {
	at time.Duration // no other has the same
	f  func()
}

// start has the clock run until stop. now is the time that events are in.
func (c *clock) start(mu sync.Locker, now func() time.Duration) {
	c.timer = time.NewTimer(time.Hour)
	c.done = make(chan struct{})
	if len(c.events) > 0 {
		c.timer.Reset(c.events[0].at - now())
	}
	go func() {
		defer close(c.done)
		for range c.timer.C {
			mu.Lock()
			for !c.over && len(c.events) > 0 && c.events[0].at <= now() {
				c.pop().f()
			}
			if c.over {
				mu.Unlock()
				return
			}
			if len(c.events) > 0 {
				c.timer.Reset(c.events[0].at - now())
			}
			mu.Unlock()
		}
	}()
}

// stop ends it, whatever is still to come, and returns once it has ended. The caller does not hold
// the lock.
func (c *clock) stop(mu sync.Locker) {
	mu.Lock()
	c.over = true
	c.timer.Reset(0)
	mu.Unlock()
	<-c.done
}

// add has f called at that time. The caller holds the lock.
func (c *clock) add(at, now time.Duration, f func()) {
	c.events = append(c.events, event{at, f})
	i := len(c.events) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if c.events[parent].at <= at {
			break
		}
		c.events[i], c.events[parent] = c.events[parent], c.events[i]
		i = parent
	}
	if i == 0 && c.timer != nil {
		c.timer.Reset(at - now)
	}
}

// pop takes the next event out.
func (c *clock) pop() event {
	next, last := c.events[0], len(c.events)-1
	c.events[0] = c.events[last]
	c.events[last] = event{}
	c.events = c.events[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if c.events[child].at < c.events[least].at {
				least = child
			}
		}
		if least == i {
			return next
		}
		c.events[i], c.events[least] = c.events[least], c.events[i]
		i = least
	}
}
