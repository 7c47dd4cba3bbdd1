package breaker

import (
	"time"

	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

func init() {
	advice.Of = func(p resilience.Policy) (advice.Breaker, bool) {
		b, ok := p.(*Breaker)
		if !ok || b == nil || b.machine == nil {
			return nil, false
		}
		return b.machine, true
	}
}

// held is a time in which a fleet keeps an open breaker from probing. It does not change.
type held struct{ from, to mono.Time }

// at reports whether a moment is in that time. A nil h is no time.
func (h *held) at(now mono.Time) bool { return h != nil && h.from <= now && now < h.to }

// Open opens a closed breaker on a fleet's advice.
func (m *machine) Open(why error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status.Load()
	if s.window == nil {
		return false
	}
	m.set(m.tripped(s, tripped{by: byFleet, example: why}, mono.Now()))
	return true
}

// ProbeIn moves the time at which an open breaker probes.
func (m *machine) ProbeIn(pause time.Duration) bool {
	return m.advise(func(s *status, now mono.Time) {
		s.until, s.held = now.Add(upTo(pause)), nil
		if s.series != nil {
			s.series.until = s.until
		}
	})
}

// Hold keeps an open breaker from probing for a while.
func (m *machine) Hold(pause time.Duration) bool {
	return m.advise(func(s *status, now mono.Time) { s.held = &held{now, now.Add(upTo(pause))} })
}

// HoldAfter keeps an open breaker from probing for a while that begins later.
func (m *machine) HoldAfter(later, pause time.Duration) bool {
	return m.advise(func(s *status, now mono.Time) {
		from := now.Add(upTo(later))
		s.held = &held{from, from.Add(upTo(pause))}
	})
}

// upTo returns a pause that can be added to any moment, twice.
func upTo(pause time.Duration) time.Duration { return min(max(pause, 0), forever/4) }

// advise changes when an open breaker probes.
func (m *machine) advise(change func(s *status, now mono.Time)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := mono.Now()
	s := m.settle(now)
	if s.state != StateOpen {
		return false
	}
	is := &status{state: s.state, failedRounds: s.failedRounds, gate: s.gate, series: s.series, until: s.until, held: s.held, why: s.why}
	change(is, now)
	m.set(m.refusing(is))
	return true
}

// Reader returns a reader of the outcomes from now on.
func (m *machine) Reader() advice.Reader {
	r := &reader{machine: m}
	r.Read() // what was counted before is not new
	return r
}

// reader reads what a breaker's windows have counted, bit by bit. It keeps the window that it read
// last: so the outcomes that opened the breaker are read as well.
type reader struct {
	machine *machine
	window  *window
	seen    map[uint64]seen // by turn of window
}

type seen struct{ successes, failures uint64 }

// Read returns what was counted since the last Read.
func (r *reader) Read() advice.Reading {
	now := mono.Now()
	read, s := r.machine.reading(now)
	r.count(&read, now)
	if s.window != r.window {
		r.seen = s.window.carriedFrom(r.window, r.seen, &read)
		r.window = s.window
		r.count(&read, now)
	}
	if s.window != nil {
		read.Row = uint64(s.window.row())
	}
	return read
}

// reading returns how the machine stands, but for what its windows have counted.
func (m *machine) reading(now mono.Time) (read advice.Reading, s *status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s = m.settle(now)
	read = advice.Reading{State: s.state, Lost: uint64(s.failedRounds)}
	if s.state == StateOpen {
		read.ProbeIn = max(0, time.Duration(s.until-now))
	}
	switch {
	case s.series != nil:
		s.series.expire(now)
		read.Good, read.Lost, read.Probing = s.series.good, s.series.lost, len(s.series.underway) > 0
		read.Pause = s.series.numbers.leastPause(s.series.cost.mean)
	case s.round != nil:
		read.Good, read.Probing = s.round.good, true
	}
	return read, s
}

// count adds to read what the window has counted since it was last asked.
func (r *reader) count(read *advice.Reading, now mono.Time) {
	w := r.window
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next() != nil { // what it counted is in that one
		return
	}
	is := make(map[uint64]seen, len(r.seen)+1)
	for turn, counted := range w.since(now) {
		sum := seen{counted.successes, uint64(counted.faults.failures)}
		if sum == (seen{}) {
			continue
		}
		was := r.seen[turn]
		is[turn] = sum
		read.Successes += sum.successes - min(was.successes, sum.successes)
		read.Failures += sum.failures - min(was.failures, sum.failures)
	}
	r.seen = is
}
