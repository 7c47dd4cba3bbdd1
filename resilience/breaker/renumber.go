package breaker

import (
	"math/bits"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// mine returns n as the machine goes by them: one that is lenient has nothing that opens it.
func (m *machine) mine(n *numbers) *numbers {
	if !m.lenient {
		return n
	}
	lenient := *n
	lenient.failureRatio, lenient.consecutiveFailures, lenient.slowCallDuration = 0, 0, 0
	return &lenient
}

// renumber makes the machine go by other numbers, and keeps its state:
//
//   - A closed breaker keeps its outcomes. The next of them decides by the new numbers.
//   - An open one stays open, for the reason for which it opened, and from now on at most for as
//     long as the new numbers say; in a series that counts from the latest probe. It probes in
//     rounds or in a series, as it did, until it closes.
//   - A half-open one keeps its round, and the probes under way. If what came of them decides by
//     the new numbers, the round is over.
//   - An isolated one stays isolated.
//
// Calls in flight count as they would have.
func (m *machine) renumber(to *numbers, name string) {
	to = m.mine(to)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := mono.Now()
	s, was := m.settle(now), m.numbers.Load()
	m.name = name
	if *to == *was {
		return
	}
	m.numbers.Store(to)
	switch {
	case s.window != nil && s.window.turns.same(&to.turns):
		s.window.reconsider()
	case s.window != nil:
		m.set(&status{state: StateClosed, window: s.window.reshape(&m.numbers, now, m.narrow)})
	case s.series != nil:
		is := *s
		s.series.renumber(to, now)
		is.until = s.series.until
		m.set(m.refusing(&is))
	case s.round != nil:
		m.renumberRound(s, was, to, now)
	case s.state == StateOpen:
		is := *s
		if to.halfOpenProbes != was.halfOpenProbes {
			is.gate = newGate(name, to.halfOpenProbes)
		}
		if !to.samePauses(was) {
			is.until = min(s.until, now+mono.Time(openFor(to.openFor, to.maxOpenFor, s.failedRounds)))
		}
		m.set(m.refusing(&is))
	}
}

// renumberRound is renumber for a round of probes. The caller holds mu.
func (m *machine) renumberRound(s *status, was, to *numbers, now mono.Time) {
	r := s.round
	if to.halfOpenProbes != was.halfOpenProbes {
		r.resized = true // its gate is for as many as there were
	}
	switch by, lost, won := r.decide(to); {
	case lost:
		r.fail(s.gate)
		m.set(m.opened(s, by, now))
		return
	case won:
		m.set(m.closed())
		return
	}
	r.expire(to.probeTimeout)
	if m.settle(now); m.status.Load().round != r { // by the new ProbeTimeout
		return
	}
	r.stop()
	r.timer = nil
	m.arm(r, now)
}

// samePauses reports whether the numbers let a breaker stay open for as long as others do.
func (n *numbers) samePauses(other *numbers) bool {
	return n.openFor == other.openFor && n.maxOpenFor == other.maxOpenFor && n.minOpenFor == other.minOpenFor
}

// renumber makes the series go by other numbers. If they have no MinOpenFor, it keeps the one that
// it has, as far as it can: so no probe under way is lost.
func (s *series) renumber(to *numbers, now mono.Time) {
	s.expire(now) // by the old ProbeTimeout: a longer one brings no probe back
	was := s.numbers
	if to.minOpenFor == 0 {
		own := *to
		own.minOpenFor = min(was.minOpenFor, to.openFor)
		to = &own
	}
	s.numbers = to
	s.recent = s.recent[max(0, len(s.recent)-to.halfOpenProbes):]
	s.expire(now)
	if !to.samePauses(was) {
		until := s.until
		s.wait(now)
		s.until = min(s.until, until)
	}
}

// same reports whether two windows of such turns count alike.
func (t *turns) same(other *turns) bool {
	return t.window == other.window && t.buckets == other.buckets
}

// begins returns how long after a window's start a turn begins.
func (t *turns) begins(turn uint64) time.Duration {
	high, low := bits.Mul64(turn, t.window)
	if high >= t.buckets {
		return forever
	}
	since, rest := bits.Div64(high, low, t.buckets)
	if rest > 0 {
		since++
	}
	return time.Duration(min(since, forever))
}
