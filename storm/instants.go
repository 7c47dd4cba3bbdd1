package storm

import (
	"cmp"
	"slices"
	"time"
)

// now is the time since the start. In a bubble there is no monotonic clock, and time.Since takes
// much longer.
func (l *lab) now() time.Duration { return time.Duration(time.Now().UnixNano() - l.start) }

// at has f called, under the lock, at t or at the next instant that is free. The caller holds the
// lock.
func (l *lab) at(t time.Duration, f func()) { l.schedule(l.reserve(t, even), f) }

// take is for those who sleep themselves, and do not hold the lock: they may wake at the instant it
// returns, at t or later.
func (l *lab) take(t time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reserve(t, even)
}

// pause is take for a pause of production code.
func (l *lab) pause(d time.Duration) time.Duration {
	now := l.now()
	return l.take(now+d) - now
}

// Instants at an even number of nanoseconds are reserved by who is alone at its own, so in an order
// that is always the same. The odd ones are for those who are not.
const (
	even = iota
	odd
)

// reserve takes the first free instant from t on, which lies in the future and has the given
// parity.
func (l *lab) reserve(t time.Duration, parity time.Duration) time.Duration {
	now := l.now()
	t = max(t, now+1)
	t = l.taken.firstFree(t + (t+parity)%2)
	l.taken.take(t, now)
	return t
}

// schedule has f called at t, which was reserved. The caller holds the lock.
func (l *lab) schedule(t time.Duration, f func()) {
	l.clock.add(t, l.now(), f)
}

// line is those who woke at the same instant, in whatever order they were seen.
type line struct {
	at      time.Duration
	waiting []waiter
}

type waiter struct {
	depth uint64 // of the server
	call  int
	leave int // the number of the attempt that ends, 0 for none
	turn  chan struct{}
}

// lineUp waits until the caller is alone, a few nanoseconds: those who woke at the same instant go
// on one after the other, in the order of their calls; of those of one call, who ends the attempt
// with the number leave goes after those who end none. Several who make an attempt for one call are
// all alike.
func (l *lab) lineUp(c *flight, leave int) {
	turn := make(chan struct{})
	l.mu.Lock()
	now := l.now()
	if l.line == nil || l.line.at != now {
		line := &line{at: now}
		l.line = line
		l.schedule(l.reserve(now+1, odd), func() { l.letGo(line) })
	}
	l.line.waiting = append(l.line.waiting, waiter{depth: c.server.depth, call: c.number, leave: leave, turn: turn})
	l.mu.Unlock()
	select {
	case <-turn:
	case <-l.over:
	}
}

// letGo lets those in line go on.
func (l *lab) letGo(line *line) {
	slices.SortFunc(line.waiting, func(a, b waiter) int { return cmp.Or(cmp.Compare(a.depth, b.depth), a.call-b.call, a.leave-b.leave) })
	for _, w := range line.waiting {
		l.at(l.now()+1, func() { close(w.turn) })
	}
}
