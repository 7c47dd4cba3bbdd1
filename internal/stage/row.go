package stage

import (
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// Member is a stage in a row.
type Member struct {
	Given  resilience.Stage // as it was declared
	Own    bool             // Given is a Config: the policy built from it is this row's alone
	Kind   *Kind
	Name   string           // the kind's; a Guard's is its type
	Config resilience.Stage // in force when it was read; nil for a Guard
	Traits Traits

	Tickets bool // the policy is a TicketGuard
}

// Row is a row of stages, the outermost first. The checks of a pipeline, internal/plan, the linter
// and configuration files all ask it which deadline is the call's and which the attempt's, where
// the loop is, and what sees whole calls, so that they agree.
//
// A stage outside of the loop sees whole calls, a stage inside sees attempts. Without a loop, a
// call is one attempt. Then a deadline is the call's only if calls pass through no stage outside
// it, except stages that only decide when a call begins (Traits.Admits).
type Row []*Member

// Unmade returns an error if p is a built-in stage that no New made: a nil or zero one. It asks p's
// own Build, which a resilience.Prebuilt around p does not.
func Unmade(p resilience.Policy) error {
	s, ok := p.(resilience.Stage)
	if !ok || Of(p) == guard {
		return nil
	}
	_, err := s.Build()
	return err
}

// Built returns the member of a policy that was built from given.
func Built(given resilience.Stage, policy resilience.Policy) *Member {
	m := &Member{Given: given, Kind: Of(policy), Name: NameOf(policy)}
	_, m.Own = OfConfig(given)
	_, m.Tickets = policy.(resilience.TicketGuard)
	m.Config = m.Kind.InForce(policy)
	m.Traits = m.Kind.Traits(m.Config)
	return m
}

// Missing returns the member of a stage that could not be built. It has no traits.
func Missing(given resilience.Stage) *Member {
	kind, own := OfConfig(given)
	return &Member{Given: given, Own: own, Kind: kind}
}

// Read returns the row of stages, which are Configs or built policies. Its errors name every wrong
// field, nil stages, and a second loop or budget. A stage that no call passes through, such as
// holdfast.Observe, is a member without traits.
func Read(stages []resilience.Stage) (row Row, errs []error) {
	row = make(Row, len(stages))
	for i, s := range stages {
		m, err := read(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("stage %d: %w", i+1, err))
			m = Missing(s)
		}
		row[i] = m
	}
	return row, append(errs, row.CheckOnce()...)
}

func read(s resilience.Stage) (*Member, error) {
	if s == nil {
		return nil, errors.New("is nil; leave it out, or give a Config")
	}
	if k, ok := OfConfig(s); ok {
		c, err := k.Resolve(s)
		if err != nil {
			return nil, err
		}
		return &Member{Given: s, Own: true, Kind: k, Name: k.Name(), Config: c, Traits: k.Traits(c)}, nil
	}
	policy, err := s.Build()
	if err != nil {
		return nil, err
	}
	if policy == nil {
		return nil, errors.New("its Build returned nil; want a Policy or an error")
	}
	if err := Unmade(policy); err != nil {
		return nil, err
	}
	m := Built(s, policy)
	if _, ok := policy.(resilience.Guard); !ok && m.Kind == guard {
		m.Traits = Traits{}
	}
	return m, nil
}

// Unknown reports whether nothing is known of what the stage does: it is a user's Guard.
func (m *Member) Unknown() bool { return m.Kind == guard && m.Traits.Waits() }

// onPath reports whether calls pass through the stage.
func (m *Member) onPath() bool { return !m.Traits.DrawnOn && (m.Kind != guard || m.Traits.Waits()) }

// Loop returns the index of the retry loop; -1 without one.
func (r Row) Loop() int { return r.first(func(t Traits) bool { return t.Repeats }) }

// Budget returns the index of the budget; -1 without one.
func (r Row) Budget() int { return r.first(func(t Traits) bool { return t.DrawnOn }) }

func (r Row) first(is func(Traits) bool) int {
	for i, m := range r {
		if is(m.Traits) {
			return i
		}
	}
	return -1
}

// PerCall reports whether the stage at i sees whole calls. Otherwise it sees attempts.
func (r Row) PerCall(i int) bool {
	if loop := r.Loop(); loop >= 0 {
		return i < loop
	}
	if r[i].Traits.Limit == 0 {
		return false
	}
	for _, outer := range r[:i] {
		if outer.onPath() && !outer.Traits.Admits {
			return false
		}
	}
	return true
}

// Deadlines returns the shortest deadline of the call, and that of an attempt; 0 without one.
func (r Row) Deadlines() (call, attempt time.Duration) {
	for i, m := range r {
		if m.Traits.Limit == 0 {
			continue
		}
		whose := &attempt
		if r.PerCall(i) {
			whose = &call
		}
		if *whose == 0 || m.Traits.Limit < *whose {
			*whose = m.Traits.Limit
		}
	}
	return call, attempt
}

// AroundInnermost returns the shortest of the deadlines outside the innermost one; 0 without any.
func (r Row) AroundInnermost() (around time.Duration) {
	innermost := time.Duration(0)
	for _, m := range r {
		if m.Traits.Limit == 0 {
			continue
		}
		if innermost > 0 && (around == 0 || innermost < around) {
			around = innermost
		}
		innermost = m.Traits.Limit
	}
	return around
}

// EitherDeadline reports whether the call's deadline is the attempt's just as well: there is no
// loop, and calls pass through no stage inside that deadline.
func (r Row) EitherDeadline() bool {
	for i := len(r) - 1; i >= 0 && r.Loop() < 0; i-- {
		if r[i].onPath() {
			return r[i].Traits.Limit > 0 && r.PerCall(i)
		}
	}
	return false
}

// Later returns the index of the deadline that needs no ctx during the first attempt: the outer of
// two, if it is not inside the loop and no call waits between the two (but for Traits.WaitsInTime).
// Then the inner one ends the first attempt sooner. -1: there is no such deadline.
func (r Row) Later() int {
	var deadlines []int
	for i, m := range r {
		if m.Traits.Limit > 0 {
			deadlines = append(deadlines, i)
		}
	}
	if len(deadlines) != 2 {
		return -1
	}
	outer, inner := deadlines[0], deadlines[1]
	if loop := r.Loop(); loop >= 0 && loop < outer {
		return -1 // it ends each attempt, and the loop goes on
	}
	for _, m := range r[outer+1 : inner] {
		if m.Traits.MayWait() && !m.Traits.WaitsInTime {
			return -1
		}
	}
	return outer
}

// InsideDeadline reports whether the call's deadline runs while a call is in the stage at i.
func (r Row) InsideDeadline(i int) bool {
	for j, outer := range r[:i] {
		if outer.Traits.Limit > 0 && r.PerCall(j) {
			return true
		}
	}
	return false
}

// Bounds returns a limit on the time that a call spends inside the stage at i: that of the next
// deadline inside it. 0: there is none, or a call may wait, or be repeated, before that deadline.
// The waits of a stage that hardly ever waits (Traits.WaitsInTime) are not in it.
func (r Row) Bounds(i int) time.Duration {
	for _, inner := range r[i+1:] {
		switch t := inner.Traits; {
		case t.Limit > 0:
			return t.Limit
		case t.MayWait() && !t.WaitsInTime || t.Repeats:
			return 0
		}
	}
	return 0
}

// CheckOnce returns an error for each loop and each budget after the first.
func (r Row) CheckOnce() (errs []error) {
	loop, budget := r.Loop(), r.Budget()
	for i, m := range r {
		switch {
		case m.Traits.Repeats && i != loop:
			errs = append(errs, fmt.Errorf("stage %d: a second retry loop (the first is stage %d); two multiply their attempts, so want one", i+1, loop+1))
		case m.Traits.DrawnOn && i != budget:
			errs = append(errs, fmt.Errorf("stage %d: a second budget (the first is stage %d); a retry loop draws on one, so want one", i+1, budget+1))
		}
	}
	return errs
}
