package bulkhead

import (
	"context"
	"time"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
)

// waiter is a call that waits for a place. Its links are guarded by state.mu.
type waiter struct {
	ahead, behind *waiter
	queued        bool
	place         chan struct{} // closed when a place is handed over
	after         time.Duration // how long after that to go on: 0, but in a storm, where each goes on alone
}

// queue is a doubly linked list of waiters, so that one can leave it from anywhere in constant
// time: when a dependency hangs, all who wait leave within moments of each other.
type queue struct {
	first, last *waiter
}

func (q *queue) add(w *waiter) {
	w.ahead, w.queued = q.last, true
	if q.last != nil {
		q.last.behind = w
	} else {
		q.first = w
	}
	q.last = w
}

func (q *queue) remove(w *waiter) {
	if w.ahead != nil {
		w.ahead.behind = w.behind
	} else {
		q.first = w.behind
	}
	if w.behind != nil {
		w.behind.ahead = w.ahead
	} else {
		q.last = w.ahead
	}
	w.ahead, w.behind, w.queued = nil, nil, false
}

// wait takes a place, if need be after others who came before.
func (b *Bulkhead) wait(ctx context.Context) error {
	done := ctx.Done() // before there is anything to lose: a ctx of somebody's own may panic
	w, waiting := b.enqueue()
	if w == nil {
		return b.refuseQueue(waiting)
	}
	var expired <-chan time.Time
	if b.settings.MaxWait > 0 {
		t := time.NewTimer(chance.Pause(b.settings.MaxWait))
		defer t.Stop()
		expired = t.C
	}
	inside := true
	select {
	case <-w.place:
		if w.after > 0 {
			time.Sleep(w.after)
		}
	case <-done:
		inside = !b.leave(w)
	case <-expired:
		inside = !b.leave(w)
	}
	taken := false
	defer func() {
		if inside && !taken {
			b.Abort(&Entry{in: true, counted: true})
		}
	}()
	// All of these may have happened at once. A ctx that has ended goes before the rest: nobody
	// waits for the answer any more, so the place is for the next in the queue.
	if err := ctx.Err(); err != nil {
		return err
	}
	if !inside {
		return b.refuse()
	}
	taken = true
	return nil
}

// enqueue returns a waiter at the end of the queue, or nil if that is full, and how many wait.
func (b *Bulkhead) enqueue() (*waiter, int) {
	w, s := &waiter{place: make(chan struct{})}, b.state()
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.full() {
		b.serve() // a place that has just come free may be on its way to the first of them
		if b.full() {
			return nil, int(s.waiting.Load())
		}
	}
	s.queue.add(w)
	waiting := int(s.waiting.Add(1))
	if l := b.binding(); l != nil {
		l.binds(mono.Now())
	}
	b.serve() // a place may have come free just before we raised waiting
	return w, waiting
}

// full reports whether nobody more may wait. The caller holds mu.
func (b *Bulkhead) full() bool {
	most := b.shared.settings.Load().QueueLimit
	return most > 0 && b.state().waiting.Load() >= int64(most)
}

// leave takes w out of the queue, and reports false if a place was handed to it already.
func (b *Bulkhead) leave(w *waiter) bool {
	s := b.state()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !w.queued {
		return false
	}
	s.queue.remove(w)
	s.waiting.Add(-1)
	return true
}

// serve hands free places to those who wait, in order. The caller holds mu.
func (b *Bulkhead) serve() {
	s := b.state()
	if l := s.limiter.Load(); l != nil && l.older.Load() > 0 {
		l.tick(mono.Now()) // while calls wait, nobody else does
	}
	if s.older.calls.Load() > 0 && s.older.expired(mono.Now()) {
		s.older.calls.Store(0)
		s.limit(b.shared.settings.Load())
	}
	for s.queue.first != nil && b.take() {
		w := s.queue.first
		s.queue.remove(w)
		s.waiting.Add(-1)
		w.after = chance.Pause(0)
		close(w.place)
	}
}
