package breaker

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
)

// machine is the state that the pipelines of one breaker share. gobreaker decides when to
// open, how many probes pass and when to close; the machine decides how long to stay open,
// remembers that in a status which is read without a lock, and replaces gobreaker's instance
// where that has no way out: for a hung probe, by hand, on Reset.
//
// Lock order: gobreaker's lock, then mu. Nothing calls gobreaker while it holds mu.
type machine struct {
	config     *Config
	name       string // the breaker's
	generation atomic.Pointer[generation]
	status     atomic.Pointer[status]
	watched    atomic.Bool // somebody wants to hear of changes
	changes    changes
	mu         sync.Mutex // held to change generation and status
}

// generation is one instance of gobreaker. Results that come back to one that was replaced
// are of no consequence.
type generation struct {
	*gobreaker.CircuitBreaker[struct{}]
	streak   streak
	tripping bool    // set only before the generation is in use
	tripped  tripped // by what it opened; under gobreaker's lock
}

// status does not change but for lastProbe; a change of state stores another.
type status struct {
	state        State
	until        mono.Time  // when open: the time to probe
	failedRounds int        // of probes, since it was last closed
	refusal      *OpenError // what a call is told; nil if calls may pass
	busy         *OpenError // when half-open: what it is told while all probes are under way
	why          *opening   // it opened last; nil if it is closed or isolated

	lastProbe atomic.Int64 // when half-open: a mono.Time, when the last probe began
}

// closed is the status of all closed breakers.
var closed = &status{state: StateClosed}

// due reports whether s is open and it is time to probe.
func (s *status) due() bool { return s.state == StateOpen && mono.Now() >= s.until }

// probed returns the half-open status that follows s.
func (m *machine) probed(s *status) *status {
	h := &status{
		state: StateHalfOpen, failedRounds: s.failedRounds, why: s.why,
		busy: &OpenError{Name: m.name, State: StateHalfOpen},
	}
	h.lastProbe.Store(int64(mono.Now()))
	return h
}

func (s *status) retryAfter() time.Duration {
	if s.refusal == nil {
		return 0
	}
	return s.refusal.RetryAfter()
}

func newMachine(c *Config, name string) *machine {
	m := &machine{config: c, name: name}
	m.status.Store(closed)
	m.generation.Store(m.newGeneration())
	return m
}

func (m *machine) newGeneration() *generation {
	g := &generation{}
	g.CircuitBreaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         m.name,
		MaxRequests:  uint32(m.config.HalfOpenProbes),
		Interval:     m.config.Window,
		BucketPeriod: m.config.Window / time.Duration(m.config.Buckets),
		Timeout:      1, // the machine itself keeps calls out until it is time to probe
		ReadyToTrip:  func(c gobreaker.Counts) bool { return g.tripping || m.shouldOpen(g, c) },
		IsSuccessful: func(err error) bool { return err == nil },
		IsExcluded:   func(err error) bool { return err == errExcluded }, //nolint:errorlint // identity: the machine's own signal
		OnStateChange: func(_ string, _, to gobreaker.State) {
			m.changed(g, to)
		},
	})
	return g
}

// shouldOpen decides, and notes by what. It runs under gobreaker's lock.
func (m *machine) shouldOpen(g *generation, c gobreaker.Counts) bool {
	by, opens := m.config.trips(c, g.streak.length())
	if opens {
		g.tripped = by
	}
	return opens
}

// refusal returns what a call is told now, or nil if it may try.
func (m *machine) refusal() *OpenError {
	s := m.status.Load()
	if s.refusal == nil || s.due() {
		return nil
	}
	return s.refusal
}

// changed follows gobreaker, under gobreaker's lock.
func (m *machine) changed(g *generation, to gobreaker.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.generation.Load() != g {
		return
	}
	g.streak.restart()
	was := m.status.Load()
	switch to {
	case gobreaker.StateOpen:
		m.set(m.opened(was, opening{tripped: g.tripped}))
	case gobreaker.StateHalfOpen:
		if was.due() { // else a call got here that had passed the gate just before it shut: see admit
			m.set(m.probed(was))
		}
	case gobreaker.StateClosed:
		m.set(closed)
	}
}

// admit is asked again about a call that gobreaker has let in. Between refusal and here the
// breaker may have opened, and gobreaker, which thinks that a nanosecond is long enough, taken
// the call for a probe. It returns what the call is told, or nil if it may run.
func (m *machine) admit(g *generation) *OpenError {
	s := m.status.Load()
	if s.refusal == nil {
		if s.state == StateHalfOpen {
			s.lastProbe.Store(int64(mono.Now()))
		}
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s = m.status.Load()
	if m.generation.Load() == g && s.due() { // gobreaker got there too early, and now it is time
		s = m.probed(s)
		m.set(s)
	}
	return s.refusal
}

// opened returns the open status that follows was: the longer, the more rounds of probes failed.
func (m *machine) opened(was *status, why opening) *status {
	rounds := 0
	why.config = m.config
	if was.state != StateClosed {
		rounds = was.failedRounds + 1
		why.first = was.why.origin()
	}
	pause := openFor(m.config.OpenFor, m.config.MaxOpenFor, rounds)
	until := mono.Now() + mono.Time(pause)
	return &status{
		state: StateOpen, until: until, failedRounds: rounds, why: &why,
		refusal: &OpenError{Name: m.name, State: StateOpen, Why: &why, until: until},
	}
}

// openFor returns base doubled for every failed round of probes, up to limit, and, after the
// first round, shortened by up to a quarter at random.
func openFor(base, limit time.Duration, rounds int) time.Duration {
	pause := base
	for range rounds {
		if pause >= limit/2 {
			pause = limit
			break
		}
		pause *= 2
	}
	if rounds > 0 {
		pause -= time.Duration(chance.Uint64N(uint64(pause/4) + 1))
	}
	return pause
}

// set stores s and notes the change. The caller holds mu.
func (m *machine) set(s *status) {
	was := m.status.Swap(s)
	if was.state != s.state && m.watched.Load() {
		c := change{from: was.state, to: s.state}
		if s.refusal != nil {
			c.why = s.refusal.Why
		}
		m.changes.add(c)
	}
}

// probing returns what to tell a call that gobreaker refused while half-open, and opens the
// breaker again if its probes have taken too long.
func (m *machine) probing(refused error) *OpenError {
	s := m.status.Load()
	hung := s.state == StateHalfOpen && m.config.ProbeTimeout > 0 &&
		mono.Since(mono.Time(s.lastProbe.Load())) >= m.config.ProbeTimeout
	if hung {
		s = m.reopen(s)
	}
	if s.refusal != nil {
		return s.refusal
	}
	if errors.Is(refused, gobreaker.ErrOpenState) { // it opened and was due again in the same instant
		return &OpenError{Name: m.name, State: StateOpen}
	}
	if s.busy != nil {
		return s.busy
	}
	return &OpenError{Name: m.name, State: StateHalfOpen} // it closed in the same instant
}

// reopen goes from half-open to open, leaving the hung probes with the old generation. It
// returns the status in force.
func (m *machine) reopen(was *status) *status {
	g := m.newGeneration()
	g.tripping = true
	_, _ = g.Execute(func() (struct{}, error) { return struct{}{}, errFailure })
	g.tripping = false

	m.mu.Lock()
	defer m.mu.Unlock()
	if m.status.Load() == was { // else another call was faster
		m.set(m.opened(was, opening{hung: true}))
		m.generation.Store(g)
	}
	return m.status.Load()
}

// force sets s with a new generation, so that calls in flight no longer count.
func (m *machine) force(s *status) {
	g := m.newGeneration()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(s) // first: whoever sees the new generation sees the new status too
	m.generation.Store(g)
}

func (m *machine) counts() gobreaker.Counts {
	g := m.generation.Load()
	if m.status.Load().state == StateClosed {
		// Asking for the state moves the window on, without which the counts of a breaker
		// that sees no traffic would stand still.
		g.State()
	}
	c := g.Counts()
	c.ConsecutiveFailures = g.streak.length()
	return c
}
