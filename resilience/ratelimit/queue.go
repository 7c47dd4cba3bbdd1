package ratelimit

import (
	"container/list"
	"context"
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/chance"
)

// waiter is a call that waits for a token. Its fields but wake are guarded by Limiter.mu.
type waiter struct {
	place      *list.Element // in the queue; nil once it is out of it: it has a token, or a refusal
	latest     time.Time     // when its token has to be there, if limited
	limited    bool          // else it waits as long as it takes
	byDeadline bool          // latest is its ctx's deadline
	maxWait    time.Duration // the MaxWait with which it came
	refusal    error
	wake       chan struct{} // tells it to look: it is the first now, or out of the queue
}

// tell wakes w, so that it looks at the queue. It never blocks: one signal is enough, however much
// has happened.
func (w *waiter) tell() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// The caller of the methods below holds mu, except for wait, rest, enqueue, look and leave.

// take takes a token if there is one.
func (l *Limiter) take(now time.Time) bool {
	if !l.bank.AllowN(now, 1) {
		return false
	}
	l.changed()
	return true
}

// giveBack puts a token back, for whoever is first in the queue. The bank cuts what is above its
// burst when it is asked next: who waits gets no more of it than who comes then.
func (l *Limiter) giveBack(now time.Time) {
	l.bank.AllowN(now, -1)
	l.changed()
	l.serve(now)
}

// changed forgets the refusals: the next one has to say something else.
func (l *Limiter) changed() { l.refusals = [2]*LimitedError{} }

// due returns how long it is until there are n tokens.
func (l *Limiter) due(now time.Time, n int) time.Duration {
	missing := float64(n) - l.bank.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	wait := missing / float64(l.bank.Limit()) * float64(time.Second)
	if wait >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(wait)
}

// serve hands tokens to those who wait, in order.
func (l *Limiter) serve(now time.Time) {
	served := false
	for l.queue.Len() > 0 && l.take(now) {
		l.pop(l.first())
		served = true
	}
	if served && l.queue.Len() > 0 {
		l.first().tell() // it has to look at the clock from now on
	}
}

// refuseLate refuses those whose tokens come too late after a change of the rate.
func (l *Limiter) refuseLate(now time.Time) {
	n := 1
	for e := l.queue.Front(); e != nil; {
		w := e.Value.(*waiter) //nolint:forcetypeassert // it holds nothing else
		e = e.Next()
		due := l.due(now, n)
		if w.inTime(now, due) {
			n++
			continue
		}
		w.refusal = l.refuse(now.Add(due), w)
		l.pop(w)
	}
	if l.queue.Len() > 0 {
		l.first().tell() // its token comes at another time
	}
}

// inTime reports whether a token that is due then comes in time for w.
func (w *waiter) inTime(now time.Time, due time.Duration) bool {
	switch left := w.latest.Sub(now); {
	case !w.limited:
		return true
	case w.byDeadline:
		return due < left // at its deadline it is too late to begin
	default:
		return due <= left
	}
}

func (l *Limiter) first() *waiter { return l.queue.Front().Value.(*waiter) } //nolint:forcetypeassert // it holds nothing else

// pop takes w out of the queue, and tells it.
func (l *Limiter) pop(w *waiter) {
	l.queue.Remove(w.place)
	w.place = nil
	l.changed()
	w.tell()
}

// refuse counts the refusal of w, and returns its error. A token comes at the time given. Those who
// came before an update have another MaxWait than those who come now.
func (l *Limiter) refuse(token time.Time, w *waiter) error {
	l.rejected++
	e := &l.refusals[0]
	if w.byDeadline {
		e = &l.refusals[1]
	}
	if *e == nil || (*e).MaxWait != w.maxWait {
		*e = &LimitedError{Rate: l.config.Rate, Burst: l.config.Burst, MaxWait: w.maxWait, Deadline: w.byDeadline, token: token}
	}
	return *e
}

// wait takes a token, if need be after others who came before.
func (l *Limiter) wait(ctx context.Context) error {
	done := ctx.Done() // before there is anything to lose: a ctx of somebody's own may panic
	w := &waiter{}
	w.latest, w.limited = ctx.Deadline()
	w.byDeadline = w.limited
	if err := l.enqueue(w); err != nil {
		return err
	}
	admitted := false
	defer func() {
		if !admitted {
			l.leave(w)
		}
	}()
	ended := false
	for waits := true; waits && !ended; {
		var pause time.Duration
		if pause, waits = l.look(w); waits {
			ended = !w.rest(pause, done)
		}
	}
	// All may have happened at once. A ctx that has ended goes before the rest: nobody waits for
	// the answer any more, so the token is for the next in the queue.
	if err := ctx.Err(); err != nil {
		return err
	}
	if ended { // by Done, of a ctx of somebody's own whose Err does not say so
		return context.Canceled
	}
	if w.refusal != nil {
		return w.refusal
	}
	admitted = true
	return nil
}

// rest waits until w is told to look, or for as long as it says, if that is not 0. It reports
// false if done came first.
func (w *waiter) rest(pause time.Duration, done <-chan struct{}) bool {
	var expired <-chan time.Time
	if pause > 0 {
		t := time.NewTimer(chance.Pause(pause))
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-w.wake:
	case <-expired:
	case <-done:
		return false
	}
	return true
}

// enqueue puts w at the end of the queue, or returns why not. If there is a token, w has it. If
// MaxWait is over before the ctx's deadline, it takes the deadline's place in w.
func (l *Limiter) enqueue(w *waiter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.serve(now)
	if l.queue.Len() == 0 && l.take(now) {
		return nil
	}
	due := l.due(now, l.queue.Len()+1)
	w.maxWait = l.config.MaxWait
	if most := w.maxWait; most >= 0 && (!w.byDeadline || most < w.latest.Sub(now)) {
		w.latest, w.limited, w.byDeadline = now.Add(most), true, false
	}
	if !w.inTime(now, due) {
		return l.refuse(now.Add(due), w)
	}
	w.wake = make(chan struct{}, 1)
	w.place = l.queue.PushBack(w)
	l.changed()
	return nil
}

// look reports whether w waits, and for how long until it is to look again: 0 until it is told.
// Only the first in the queue looks at the clock.
func (l *Limiter) look(w *waiter) (pause time.Duration, waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.serve(now)
	switch {
	case w.place == nil:
		return 0, false
	case w.place == l.queue.Front():
		return max(1, l.due(now, 1)), true
	}
	return 0, true
}

// leave takes w out of the queue, or gives back the token that it has.
func (l *Limiter) leave(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case w.place != nil:
		first := w.place == l.queue.Front()
		l.pop(w)
		if first && l.queue.Len() > 0 {
			l.first().tell()
		}
	case w.refusal == nil:
		l.giveBack(time.Now())
	}
}
