package model

import (
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// place is one of the HalfOpenProbes places of a round.
type place struct {
	taken    time.Time // for the first time
	underway bool
	decided  bool // it has its outcome
}

// roundDefaults fills in the defaults of what a round of probes goes by.
func roundDefaults(c breaker.Config) breaker.Config {
	if c.MinSuccesses == 0 {
		c.MinSuccesses = -1
	}
	if c.HalfOpenProbes == 0 {
		c.HalfOpenProbes = max(3, c.MinSuccesses)
	}
	if c.ProbeTimeout == 0 {
		c.ProbeTimeout = 10 * time.Second
	}
	return c
}

// take gives a call a place: one that a probe without an outcome left, with what is left of its
// time, or a new one. It returns nil if there is none.
func (b *Breaker) take(now time.Time) *place {
	taken := 0
	for _, p := range b.places {
		if p.underway || p.decided {
			taken++
		}
	}
	if taken >= b.Config.HalfOpenProbes {
		return nil
	}
	for _, p := range b.places {
		if !p.underway && !p.decided {
			p.underway = true
			return p
		}
	}
	p := &place{taken: now, underway: true}
	b.places = append(b.places, p)
	return p
}

// roundEnds returns when the time of a place is over that has no outcome yet.
func (b *Breaker) roundEnds() (end time.Time, ends bool) {
	if b.state != resilience.StateHalfOpen || b.Config.ProbeTimeout < 0 {
		return time.Time{}, false
	}
	for _, p := range b.places {
		if at := p.taken.Add(b.Config.ProbeTimeout); !p.decided && (!ends || at.Before(end)) {
			end, ends = at, true
		}
	}
	return end, ends
}

// probed takes note of what came of a probe, and decides the round where that is certain.
func (b *Breaker) probed(p *place, is Outcome, now time.Time) {
	p.underway = false
	if is == Nothing {
		return
	}
	p.decided = true
	b.decide(now)
}

// decide ends the round where that is certain. What came back decides before a ProbeTimeout does
// that is new, and all of it does if it is more than the HalfOpenProbes by now.
func (b *Breaker) decide(now time.Time) {
	c := b.counts(now)
	probes := max(uint64(b.Config.HalfOpenProbes), c.Requests)
	failed := b.fails(c, probes) || b.slows(c, probes)
	if n := b.Config.ConsecutiveFailures; n > 0 && b.row() >= n {
		failed = true
	}
	if (b.Config.FailureRatio < 0 || b.Config.ConsecutiveFailures == 1) && c.Failures > 0 {
		failed = true
	}
	closes := c.Requests >= probes
	if least := b.Config.MinSuccesses; least > 0 {
		good := 0
		for _, o := range b.outcomes {
			if o.is == Success && !o.slow {
				good++
			}
		}
		closes = good >= least
		left := int(probes - c.Requests)
		failed = good+left < least
	}
	switch {
	case failed:
		b.failed++
		b.open(now)
	case closes:
		b.failed = 0
		b.change(resilience.StateClosed, now)
	}
}
