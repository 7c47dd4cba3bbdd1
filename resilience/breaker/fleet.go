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

// Open opens a closed breaker on a fleet's advice.
func (m *machine) Open(why error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status.Load()
	if s.window == nil {
		return false
	}
	m.set(m.opened(s, tripped{by: byFleet, example: why}, mono.Now()))
	return true
}

// ProbeIn moves the time at which an open breaker probes.
func (m *machine) ProbeIn(pause time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := mono.Now()
	s := m.settle(now)
	if s.state != StateOpen {
		return false
	}
	moved, refusal := *s, *s.refusal
	moved.until = now + mono.Time(min(max(pause, 0), forever))
	refusal.until, moved.refusal = moved.until, &refusal
	m.set(&moved)
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
	s := r.machine.inForce()
	now := mono.Now()
	read := advice.Reading{State: s.state, FailedRounds: s.failedRounds}
	if s.state == StateOpen {
		read.ProbeIn = max(0, time.Duration(s.until-now))
	}
	r.count(&read, now)
	if s.window != r.window {
		r.window, r.seen = s.window, nil
		r.count(&read, now)
	}
	if s.window != nil {
		read.Row = uint64(s.window.row())
	}
	return read
}

// count adds to read what the window has counted since it was last asked.
func (r *reader) count(read *advice.Reading, now mono.Time) {
	w := r.window
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
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
