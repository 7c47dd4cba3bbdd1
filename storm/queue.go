package storm

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
)

// Queue is in which order attempts leave a server's queue, and which of them are dropped from it
// with ErrDropped: [LIFO], [CoDel] or [AdaptiveLIFO]. nil stands for first come, first served,
// without drops.
type Queue interface {
	// resolved returns it with its defaults.
	resolved(c *check.Check, field string) Queue
	// next takes the attempt out of l that is worked on next, and returns nil if there is none.
	next(l *waitingLine) *attempt
	// patience is how long one that joins l may wait at most. 0: for ever.
	patience(l *waitingLine) time.Duration
}

// LIFO lets those in first who came last.
type LIFO struct{}

func (q LIFO) resolved(*check.Check, string) Queue       { return q }
func (LIFO) next(l *waitingLine) *attempt                { return l.last() }
func (LIFO) patience(*waitingLine) (limit time.Duration) { return 0 }

// CoDel is first come, first served, and drops attempts when they would be let in, one from time to
// time, while all have waited for at least Target for as long as Interval: the n-th of a series
// Interval/√n after the one before it. It is the algorithm of RFC 8289, "Controlled Delay Active
// Queue Management" (Nichols, Jacobson, McGregor and Iyengar, 2018), section 5, with an attempt for
// a packet.
type CoDel struct {
	Target   time.Duration // default 5 ms
	Interval time.Duration // default 100 ms
}

// AdaptiveLIFO is how Facebook's servers queue: Ben Maurer, "Fail at Scale" (ACM Queue 13:8, 2015),
// where it goes together with a controlled delay. While the queue was empty within the last
// Interval, it is first come, first served, and who comes may wait for Interval. Once it has not
// been, those go first who came last, and who comes may wait for Target. Who has waited for that
// long is dropped.
type AdaptiveLIFO struct {
	Target   time.Duration // default 5 ms
	Interval time.Duration // default 100 ms
}

func (q CoDel) resolved(c *check.Check, field string) Queue {
	q.Target, q.Interval = delays(c, field, q.Target, q.Interval)
	return q
}

func (q AdaptiveLIFO) resolved(c *check.Check, field string) Queue {
	q.Target, q.Interval = delays(c, field, q.Target, q.Interval)
	return q
}

func delays(c *check.Check, field string, target, interval time.Duration) (time.Duration, time.Duration) {
	target = check.Number(c, field+".Target", target, check.Range[time.Duration]{Max: maxFor, Default: 5 * time.Millisecond})
	interval = check.Number(c, field+".Interval", interval, check.Range[time.Duration]{Max: maxFor, Default: 100 * time.Millisecond})
	if target > interval {
		c.Fail(field+".Target", target, "want at most Interval (%v)", interval)
	}
	return target, interval
}

func (CoDel) patience(*waitingLine) time.Duration { return 0 }

// next is the RFC's dequeue.
func (q CoDel) next(l *waitingLine) *attempt {
	now, s := l.server.lab.now(), &l.codel
	a, late := q.look(l, now)
	switch {
	case s.dropping && !late:
		s.dropping = false
	case s.dropping:
		for now >= s.dropNext && s.dropping {
			l.drop(a)
			s.count++
			if a, late = q.look(l, now); !late {
				s.dropping = false
			} else {
				s.dropNext = q.law(s.dropNext, s.count)
			}
		}
	case late:
		l.drop(a)
		a, _ = q.look(l, now)
		s.dropping = true
		// Soon after the last series, go on with the pace that it had.
		if more := s.count - s.lastCount; more > 1 && now-s.dropNext < 16*q.Interval {
			s.count = more
		} else {
			s.count = 1
		}
		s.dropNext, s.lastCount = q.law(now, s.count), s.count
	}
	return a
}

// codel is the state of a CoDel.
type codel struct {
	above     time.Duration // when those that wait for Target will have done so for Interval; 0: they do not
	dropping  bool
	dropNext  time.Duration
	count     int // of this series, or the last one
	lastCount int
}

func (q CoDel) law(from time.Duration, count int) time.Duration {
	return from + time.Duration(float64(q.Interval)/math.Sqrt(float64(count)))
}

// look takes the first attempt, and reports whether it may be dropped.
func (q CoDel) look(l *waitingLine, now time.Duration) (a *attempt, late bool) {
	a = l.first()
	switch {
	case a == nil, now-a.joined < q.Target, l.waiting == 0: // the RFC keeps a queue of one packet
		l.codel.above = 0
	case l.codel.above == 0:
		l.codel.above = now + q.Interval
	default:
		late = now >= l.codel.above
	}
	return a, late
}

func (q AdaptiveLIFO) next(l *waitingLine) *attempt {
	if q.stands(l) {
		return l.last()
	}
	return l.first()
}

func (q AdaptiveLIFO) patience(l *waitingLine) time.Duration {
	if q.stands(l) {
		return q.Target
	}
	return q.Interval
}

// stands reports whether l has not been empty within the last Interval.
func (q AdaptiveLIFO) stands(l *waitingLine) bool {
	return l.waiting > 0 && l.server.lab.now()-l.emptyUntil > q.Interval
}
