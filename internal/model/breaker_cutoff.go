package model

import (
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// CutOff is an attempt that ended because time was up, or its caller hung up.
type CutOff struct {
	Had      time.Duration
	Limit    time.Duration // all that an attempt may take; 0: not known
	ByCaller bool          // who gave up; else a deadline ran out
}

// slowest is what is known of the slowest success of late, which is a record between two bounds:
// which successes are timed is said of the first four in each bucket only.
type slowest struct {
	seen, certain bool
	least, most   time.Duration
}

// Returned takes note of how long a call took that returned nil, before End does.
func (b *Breaker) Returned(c *BreakerCall, now time.Time) {
	b.pass(now)
	if c.part {
		return
	}
	s, took := &b.slowest, now.Sub(c.Began)
	timed := b.state == resilience.StateClosed && c.epoch == b.epoch && b.remembers(outcome{began: c.Began}, now)
	timed = timed && b.successes(b.part(c.Began)) < 4
	if !s.seen {
		s.seen, s.certain, s.least, s.most = true, timed, took, took
		return
	}
	least, most := falls(s.least, took), falls(s.most, took)
	if !timed {
		least, most = min(least, s.least), max(most, s.most)
	}
	if !s.certain { // there may have been none before
		least, most = min(least, took), max(most, took)
	}
	s.certain = s.certain || timed
	s.least, s.most = least-1, most+1 // for rounding
}

// successes is how many there were in a part of the window so far, the caller's mistakes among
// them.
func (b *Breaker) successes(part int64) (n int) {
	for _, o := range b.outcomes {
		if o.is == Success && b.part(o.began) == part {
			n++
		}
	}
	return n
}

// falls is a record after a time: it rises at once and falls by a 64th of the difference.
func falls(record, took time.Duration) time.Duration {
	if took > record {
		return took
	}
	return record - (record-took)/64
}

// Patience returns how long an attempt must have had to count as a failure if it is cut off,
// between two bounds.
func (b *Breaker) Patience() (least, most time.Duration) {
	return max(2*b.slowest.least, time.Millisecond), max(2*b.slowest.most, time.Millisecond)
}

// CutOffs returns what an attempt that was cut off may count as.
func (b *Breaker) CutOffs(c CutOff) (may []Outcome) {
	if c.Limit > 0 && c.Had >= c.Limit {
		return []Outcome{Failure}
	}
	failed, nothing := false, false
	is := func(failure bool) { failed, nothing = failed || failure, nothing || !failure }
	if b.slowest.seen {
		least, most := b.Patience()
		is(c.Had >= least)
		is(c.Had >= most)
	}
	if !b.slowest.certain {
		if c.Limit > 0 {
			is(c.Had > c.Limit/10)
		} else {
			is(!c.ByCaller)
		}
	}
	if failed {
		may = append(may, Failure)
	}
	if nothing {
		may = append(may, Nothing)
	}
	return may
}
