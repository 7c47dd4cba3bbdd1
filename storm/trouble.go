package storm

import (
	"slices"
	"time"
)

// span is a stretch of time in which something is wrong.
type span struct {
	from, to time.Duration
	ends     bool // else it is part of the world, until the load ends
}

// troubles are what is wrong in the scenario, and when: the triggers of its server and of those
// behind it, and the load's spikes.
func (s *Scenario) troubles() []span {
	triggers := s.Triggers
	for d := s.Server.Downstream; d != nil; d = d.Server.Downstream {
		triggers = slices.Concat(triggers, d.Triggers)
	}
	var all []span
	for _, t := range triggers {
		for from, to := range t.spans(s.For) {
			all = append(all, span{from: from, to: to, ends: t.ends()})
		}
	}
	for _, p := range s.Load.spikes {
		if p.from < s.For && p.rate > s.Load.base(p.from) { // a lull is no trouble
			all = append(all, span{from: p.from, to: p.to, ends: true})
		}
	}
	return all
}

// lastEnd is when the last trouble ends of those that do end, or 0.
func (s *Scenario) lastEnd() (end time.Duration) {
	for _, t := range s.troubles() {
		if t.ends {
			end = max(end, t.to)
		}
	}
	return end
}

// firstTrouble is when the first trouble begins, or For if there is none.
func (s *Scenario) firstTrouble() time.Duration {
	first := s.For
	for _, t := range s.troubles() {
		first = min(first, t.from)
	}
	return first
}

// quietAfter is how long nothing new goes wrong after end: until another trouble begins, or the
// load ends.
func (s *Scenario) quietAfter(end time.Duration) time.Duration {
	quiet := s.For
	for _, t := range s.troubles() {
		if t.from > end {
			quiet = min(quiet, t.from)
		}
	}
	return quiet
}
