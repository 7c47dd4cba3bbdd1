package breaker

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
)

// machine is the state that the pipelines of one breaker share: a status that is read without a
// lock, and everything that follows from it. While closed, the status' window counts. What lets
// probes pass once it has opened is dropped when it closes: a series if MinOpenFor is set, else
// rounds, of which a gobreaker decides how many probes pass.
//
// Lock order: mu, then gobreaker's or a window's lock. No code of a user runs under them.
type machine struct {
	numbers rules
	name    string // the breaker's; guarded by mu
	status  atomic.Pointer[status]
	slowest atomic.Int64            // see pace.go
	watched atomic.Bool             // somebody wants to hear of changes
	narrow  bool                    // there may be many of its kind: it stays small
	lenient bool                    // it never opens by itself
	mu      sync.Mutex              // held to change status, and all of a round or series
	changes atomic.Pointer[changes] // nil before the first
}

// status does not change; a change of state stores another. What changes in it are the counts of
// its window, round or series.
type status struct {
	state        State
	failedRounds int32      // of probes, since it was last closed
	window       *window    // when closed
	round        *round     // when half-open
	gate         *gate      // when open or half-open, without a MinOpenFor
	series       *series    // when open, with a MinOpenFor
	until        mono.Time  // when open: the time to probe
	held         *held      // when open or half-open: a time in which it does not; nil if there is none
	refusal      *OpenError // what a call is told; nil if calls may pass
	busy         *OpenError // what it is told while all probes are under way, or are held
	why          *opening   // it opened last; nil if it is closed, or isolated by Isolate
}

func newMachine(n *numbers, name string, narrow, lenient bool) *machine {
	m := &machine{name: name, narrow: narrow, lenient: lenient}
	m.numbers.Store(m.mine(n))
	m.status.Store(m.closed())
	return m
}

// closed returns a new closed status, which has counted nothing.
func (m *machine) closed() *status {
	return &status{state: StateClosed, window: newWindow(&m.numbers, mono.Now(), m.narrow)}
}

// due reports whether s is open and it is time to probe.
func (s *status) due() bool { return s.state == StateOpen && s.dueAt(mono.Now()) }

// dueAt is due for an open status.
func (s *status) dueAt(now mono.Time) bool { return now >= s.until && !s.held.at(now) }

// refusalAt returns what a call is told at a moment at which it may not pass.
func (s *status) refusalAt(now mono.Time) *OpenError {
	if s.busy != nil && s.held.at(now) {
		return s.busy
	}
	return s.refusal
}

func (s *status) retryAfter() time.Duration {
	if s.refusal == nil {
		return 0
	}
	return s.refusalAt(mono.Now()).RetryAfter()
}

// inForce returns the status of now. A round of probes may be over by the clock alone.
func (m *machine) inForce() *status {
	s := m.status.Load()
	if s.round == nil || !s.round.expired(mono.Now()) {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settle(mono.Now())
}

// settle ends a round whose time was over by now, at the moment at which it was. It returns the
// status in force. The caller holds mu.
func (m *machine) settle(now mono.Time) *status {
	s := m.status.Load()
	if s.round != nil && s.round.expired(now) {
		at := mono.Time(s.round.expires.Load())
		s.round.fail(s.gate)
		s = m.opened(s, tripped{by: byTimeout, count: s.round.requests() + s.round.excluded}, at)
		m.set(s)
	}
	return s
}

// refusal returns what a call is told now, or nil if it may try.
func (m *machine) refusal() *OpenError {
	s := m.inForce()
	if s.refusal == nil || s.due() {
		return nil
	}
	return s.refusalAt(mono.Now())
}

// trip opens the breaker whose window w is, unless that is over.
func (m *machine) trip(w *window, by tripped, now mono.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status.Load()
	if s.window == nil || s.window != w.latest() {
		return
	}
	if by.numbers != m.numbers.Load() { // they have changed since
		var opens bool
		if by, opens = s.window.decideNow(now); !opens {
			return
		}
	}
	m.set(m.tripped(s, by, now))
}

// tripped returns the open status that follows a closed one.
func (m *machine) tripped(s *status, by tripped, now mono.Time) *status {
	if n := m.numbers.Load(); n.minOpenFor > 0 {
		by.numbers = n
		return m.pausing(newSeries(n, s.window.costs(), now), &opening{tripped: by}, nil)
	}
	return m.opened(s, by, now)
}

// pausing returns the open status in which a series waits for its next probe.
func (m *machine) pausing(s *series, why *opening, h *held) *status {
	return m.refusing(&status{state: StateOpen, series: s, until: s.until, held: h, why: why})
}

// refusing completes an open status with what it tells calls.
func (m *machine) refusing(s *status) *status {
	refusal := OpenError{Name: m.name, State: StateOpen, Why: s.why, until: s.until}
	if s.held != nil {
		if s.held.at(s.until) {
			refusal.until = s.held.to
		} else if s.until < s.held.from {
			busy := refusal
			busy.until = s.held.to
			s.busy = &busy
		}
	}
	s.refusal = &refusal
	return s
}

// opened returns the open status that follows was, from a moment on: the longer, the more rounds of
// probes failed.
func (m *machine) opened(was *status, by tripped, at mono.Time) *status {
	n := m.numbers.Load()
	by.numbers = n
	why := &opening{tripped: by}
	rounds, g := int32(0), was.gate
	if was.state == StateClosed || was.round != nil && was.round.resized {
		g = newGate(m.name, n.halfOpenProbes)
	}
	if was.state != StateClosed {
		rounds = min(was.failedRounds, math.MaxInt32-1) + 1
		why.first = was.why.origin()
	}
	until := at + mono.Time(openFor(n.openFor, n.maxOpenFor, rounds))
	return m.refusing(&status{state: StateOpen, gate: g, until: until, failedRounds: rounds, held: was.held, why: why})
}

// openFor returns base doubled for every failed round of probes, up to limit, and up to a quarter
// on top at random: what many breakers saw at one moment, they shall not ask about at one moment.
func openFor(base, limit time.Duration, rounds int32) time.Duration {
	pause := base
	for range rounds {
		if pause >= limit/2 {
			pause = limit
			break
		}
		pause *= 2
	}
	spread := time.Duration(chance.Uint64N(uint64(pause/4) + 1))
	if pause > forever-spread {
		return forever
	}
	return pause + spread
}

// forever is a pause of 73 years, which still leaves room on the clock.
const forever = 1<<61 - 1

// set stores s and notes the change. The caller holds mu.
func (m *machine) set(s *status) {
	was := m.status.Swap(s)
	if was.round != nil && was.round != s.round {
		was.round.stop()
	}
	if was.state != s.state && m.watched.Load() {
		c := change{from: was.state, to: s.state}
		if s.refusal != nil {
			c.why = s.refusal.Why
		}
		if m.changes.Load() == nil {
			m.changes.Store(new(changes))
		}
		m.changes.Load().add(c)
	}
}

func (m *machine) counts() Counts {
	s := m.inForce()
	switch {
	case s.window != nil:
		return s.window.counts(mono.Now())
	case s.round != nil:
		m.mu.Lock()
		defer m.mu.Unlock()
		return s.round.counts(s.round.row)
	case s.series != nil:
		m.mu.Lock()
		defer m.mu.Unlock()
		return s.series.counts(mono.Now())
	}
	return Counts{}
}
