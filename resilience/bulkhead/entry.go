package bulkhead

import (
	"context"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/slow"
	"github.com/media-gateway/holdfast/resilience"
)

// Entry is a call that a bulkhead has let in. It is for this module's pipelines, which run the op
// themselves. The zero Entry is none.
type Entry struct {
	began   mono.Began // zero if that is not known
	in      bool
	counted bool // it has a place in state.inUse, and so there is a state
}

// OK reports whether the call is in, and has not left yet.
func (e *Entry) OK() bool { return e.in }

// Enter lets a call in if it need not wait. If not, the Entry is the zero one, and Await is to be
// asked. It is for this module's pipelines, which may have read the clock a moment ago, and have
// looked whether ctx has ended. Each Entry must end, by Leave or by Abort. It does not allocate.
func (b *Bulkhead) Enter(start mono.Began) Entry { // short enough to be inlined
	if b.shared.Load() == nil { // one that counts has a state: see link
		return Entry{began: start, in: true}
	}
	return b.enter(start)
}

// enter is Enter for a bulkhead that has a state.
func (b *Bulkhead) enter(start mono.Began) Entry {
	s := b.state()
	if !b.counts && s.limiter.Load() == nil {
		if b.looks {
			start = mono.At(start.OrNow())
		}
		return Entry{began: start, in: true}
	}
	if s.waiting.Load() > 0 {
		return Entry{}
	}
	start = b.tick(s, start)
	if !b.take() {
		return Entry{}
	}
	return Entry{start, true, true}
}

// Await lets a call in that has to wait for it, or returns what Acquire returns.
func (b *Bulkhead) Await(ctx context.Context) (Entry, error) {
	if err := b.Acquire(ctx); err != nil {
		return Entry{}, err
	}
	e := Entry{in: true, counted: true}
	if b.Adapts() {
		e.began = mono.At(mono.Now())
	}
	return e, nil
}

// limits returns the adaptive limit in force, nil if there is none. s may be nil.
func (s *state) limits() *limiter {
	if s == nil {
		return nil
	}
	return s.limiter.Load()
}

// tick returns the time, if anybody needs it, after it has told it to the limit in force.
func (b *Bulkhead) tick(s *state, start mono.Began) mono.Began {
	l := s.limiter.Load()
	if l != nil || b.looks {
		start = mono.At(start.OrNow())
	}
	if l != nil {
		l.tick(start.Time())
	}
	return start
}

// Leave gives back the place of a call that returned err, and learns from that. It ends e. It
// allocates nothing unless it cuts the limit, or meets the first slow failure.
func (b *Bulkhead) Leave(ctx context.Context, e *Entry, err error) {
	s := b.shared.Load()
	if err == nil && s == nil { // nobody counts, and nothing has failed slowly
		e.in = false
		return
	}
	if err == nil && !e.counted && !b.looks && s.slowAt.Load() == 0 && s.limiter.Load() == nil && s.older.calls.Load() == 0 {
		e.in = false
		return
	}
	if !e.in {
		return
	}
	if !b.Adapts() {
		b.giveBack(e)
		return
	}
	if c := b.learn(ctx, e, err); c.what != unchanged {
		b.tell(ctx, c)
	}
}

// Abort gives back the place of a call of which nothing is to be learned: it panicked, or its
// goroutine exited, or it was not made. It ends e.
func (b *Bulkhead) Abort(e *Entry) {
	if e.in {
		b.giveBack(e)
	}
}

// giveBack ends e, and hands free places to those who wait.
func (b *Bulkhead) giveBack(e *Entry) {
	e.in = false
	s := b.shared.Load()
	if s == nil { // nobody counts, and nobody waits
		return
	}
	if e.counted {
		s.inUse.Add(-1)
	} else if l := s.limiter.Load(); l != nil {
		l.ended()
	}
	if !e.counted && s.older.calls.Load() > 0 {
		s.endOlder(b.shared.settings.Load())
	}
	if s.waiting.Load() > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		b.serve()
	}
}

// change is what became of the limit.
type change struct {
	what  changed
	limit int
	why   error
}

type changed uint8

const (
	unchanged changed = iota
	limitCut
	limitGone
)

// learn takes note of how a call ended, and gives its place back even if a classifier panics.
func (b *Bulkhead) learn(ctx context.Context, e *Entry, err error) change {
	defer b.giveBack(e)
	if err == nil {
		return b.succeeded(e, true)
	}
	j := resilience.Assess(ctx, b.classify, err)
	switch {
	case j.Dependency == resilience.Rejected, j.Dependency == resilience.Canceled:
		return change{}
	case !j.Dependency.Failure(): // a definite answer
		return b.succeeded(e, false)
	}
	now, took := mono.Now(), time.Duration(0)
	if began := e.began.Time(); began != 0 {
		took = time.Duration(now - began)
	}
	if ctx.Err() != nil && b.limit > 0 && took <= b.limit/2 { // its caller had not even half of an attempt's time
		return change{}
	}
	if !slow.Failure(j, err, took, b.limit) {
		return change{}
	}
	s := b.state()
	s.slowAt.Store(int64(now)) // first: whoever finds it 0 does not end the row
	row := s.row.Add(1)
	if l := s.limiter.Load(); l != nil {
		l.binds(now)
	}
	if int64(row) < int64(b.settings.Adaptive.SlowFailures) || j.Dependency != resilience.Overload && b.partly(s, now) {
		return change{}
	}
	return b.congested(&cause{row: int(row)}, now)
}

// succeeded ends a row of slow failures, and raises the limit. timed: how long it took counts.
func (b *Bulkhead) succeeded(e *Entry, timed bool) change {
	s, a := b.shared.Load(), b.settings.Adaptive
	if s == nil { // there is no row, and no limit
		return change{}
	}
	if s.slowAt.Load() != 0 {
		b.afterSlow(s, e)
	}
	l := s.limiter.Load()
	if l != nil {
		l.succeeded(s.inUse.Load())
	}
	began := e.began.Time()
	if b.looks && timed && began != 0 {
		now := mono.Now()
		if late, usual := s.times.Add(time.Duration(now-began), now, a.Times); late {
			if l != nil {
				l.binds(now)
			}
			return b.congested(&cause{times: a.Times, usual: usual}, now)
		}
	}
	// When it began is soon enough to know, and costs no look at the clock.
	if l != nil && began != 0 && l.calm(a, began) && s.limiter.CompareAndSwap(l, nil) {
		return change{what: limitGone}
	}
	return change{}
}

// congested cuts the limit, or makes one.
func (b *Bulkhead) congested(why *cause, now mono.Time) change {
	s, a := b.state(), b.settings.Adaptive
	if b.lenient {
		return change{}
	}
	l := s.limiter.Load()
	if l == nil {
		inUse := s.inUse.Load()
		l = newLimiter(a, inUse, b.older(inUse), b.limit, why, now)
		if !b.adopt(s, l) {
			return change{} // another has just done it
		}
	} else if !l.congested(a, s.inUse.Load(), why, now) {
		return change{}
	}
	if why.row > 0 {
		s.cuts.Add(1)
	} else {
		s.lateCuts.Add(1)
	}
	return change{limitCut, l.whole(), why}
}

// forget ends a limit that has kept nobody waiting for CalmFor, and now would. It reports whether
// it did. A success would have ended the limit, but there may have been none.
func (b *Bulkhead) forget(ctx context.Context) bool {
	s := b.state()
	l := s.limiter.Load()
	if l == nil || !l.calm(b.settings.Adaptive, mono.Now()) || !s.limiter.CompareAndSwap(l, nil) {
		return false
	}
	b.tell(ctx, change{what: limitGone})
	return true
}

// older returns how many calls are in flight that are not counted.
func (b *Bulkhead) older(inUse int64) int64 {
	if b.counts || b.calls == nil {
		return 0
	}
	calls, firsts := b.calls.InFlight()
	if b.perCall {
		return max(0, int64(calls)-inUse)
	}
	return max(0, int64(firsts)-inUse)
}

// tell tells the observer.
func (b *Bulkhead) tell(ctx context.Context, c change) {
	if b.hears {
		b.observer.Observe(ctx, resilience.Event{
			Kind: resilience.EventLimit, Pipeline: b.pipeline, Stage: "bulkhead", Limit: c.limit, Why: c.why,
		})
	}
}
