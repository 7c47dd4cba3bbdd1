package breaker

import (
	"sync"
	"sync/atomic"
)

// change is a change of state.
type change struct {
	from, to State
	why      error // it opened; nil if it did not
}

// maxChanges bounds what is kept for an observer that no longer comes by, or not as fast as the
// state changes: beyond it, the oldest changes become one, from where they began to where they
// ended.
const maxChanges = 128

// changes is a queue of changes of state, filled under a lock and delivered outside of it, in
// order and one at a time, by whichever call comes by.
type changes struct {
	mu         sync.Mutex
	queue      []change
	length     atomic.Int32
	delivering atomic.Bool
}

func (q *changes) add(c change) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == maxChanges {
		q.joinOldest()
	}
	q.queue = append(q.queue, c)
	q.length.Store(int32(len(q.queue)))
}

// joinOldest makes room: it joins the two oldest changes, or drops them if they cancel out, so that
// each change goes on beginning where the one before ended. The caller holds mu.
func (q *changes) joinOldest() {
	from := q.queue[0].from
	q.queue = q.queue[1:]
	q.queue[0].from = from
	if q.queue[0].to == from {
		q.queue = q.queue[1:]
	}
}

// waiting reports whether there are changes that nobody was told of. q may be nil: there never
// were.
func (q *changes) waiting() bool { return q != nil && q.length.Load() > 0 }

func (q *changes) next() (c change, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		return c, false
	}
	c, q.queue = q.queue[0], q.queue[1:]
	q.length.Store(int32(len(q.queue)))
	return c, true
}

// deliver calls tell for every change, unless another goroutine (or a caller further up, if
// tell itself came back here) is already doing so: then that one delivers them all.
func (q *changes) deliver(tell func(change)) {
	for q.waiting() && q.delivering.CompareAndSwap(false, true) {
		q.drain(tell)
	}
}

func (q *changes) drain(tell func(change)) {
	defer q.delivering.Store(false) // also if tell panics
	for {
		c, ok := q.next()
		if !ok {
			return
		}
		tell(c)
	}
}
