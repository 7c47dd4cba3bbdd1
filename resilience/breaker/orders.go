package breaker

import (
	"github.com/media-gateway/holdfast/internal/mono"
)

// byHand says who isolated a breaker by Isolate.
const byHand = "by hand"

// byWhom says who isolated a breaker: why is what an order for a fleet says of itself, nil if it
// was Isolate.
func byWhom(why error) string {
	if why == nil {
		return byHand
	}
	return why.Error()
}

// Isolate keeps every call out by an order for a fleet, or by hand, if why is nil.
func (m *machine) Isolate(why error) (from State, by any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.settle(mono.Now())
	if s.state == StateIsolated && s.why == nil {
		return s.state, nil
	}
	is := &status{state: StateIsolated, refusal: &OpenError{Name: m.name, State: StateIsolated, Why: why}}
	if why != nil {
		is.why = &opening{tripped: tripped{by: byFleet, example: why}}
	}
	m.set(is)
	return s.seen(), is
}

// Isolated reports whether the breaker is isolated by what Isolate returned.
func (m *machine) Isolated(by any) bool { return by == any(m.status.Load()) }

// Release closes the breaker if it is isolated by what Isolate returned.
func (m *machine) Release(by any) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.Isolated(by) {
		return false
	}
	m.set(m.closed())
	return true
}

// Reset closes the breaker, by an order for a fleet or by hand.
func (m *machine) Reset() (from State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from = m.settle(mono.Now()).seen()
	m.set(m.closed())
	return from
}

// seen returns the state as State tells it.
func (s *status) seen() State {
	if s.due() {
		return StateHalfOpen
	}
	return s.state
}
