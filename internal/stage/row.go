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
	Own    bool             // Given is a Config: what is built of it is this row's alone
	Kind   *Kind
	Name   string           // the kind's; a Guard's is its type
	Config resilience.Stage // what it goes by, as of when it was read; nil for a Guard
	Traits Traits
}

// Row is a row of stages, the outermost first. It is the one reading of a row: which deadline is
// the call's and which the attempt's, where the loop is, what sees whole calls, what bounds what.
// The checks of a pipeline, internal/plan, the linter and configuration files all go by it.
//
// What stands outside of the loop belongs to the call, and what stands inside to each attempt.
// Without a loop a call is one attempt: then only a deadline that is the outermost is the call's,
// but for what lets calls begin.
type Row []*Member

// Unmade returns what is wrong with a built-in stage that no New made: a nil or zero one. Its own
// Build says it, which a resilience.Prebuilt around it does not ask. nil: all is well.
func Unmade(p resilience.Policy) error {
	s, ok := p.(resilience.Stage)
	if !ok || Of(p) == guard {
		return nil
	}
	_, err := s.Build()
	return err
}

// Built returns the member that policy is, which was made of what was given.
func Built(given resilience.Stage, policy resilience.Policy) *Member {
	m := &Member{Given: given, Kind: Of(policy), Name: NameOf(policy)}
	_, m.Own = OfConfig(given)
	m.Config = m.Kind.InForce(policy)
	m.Traits = m.Kind.Traits(m.Config)
	return m
}

// Missing returns the member of a stage of which nothing could be made. It has no traits.
func Missing(given resilience.Stage) *Member {
	kind, own := OfConfig(given)
	return &Member{Given: given, Own: own, Kind: kind}
}

// Read reads stages: Configs, or what is built of them. Its errors name every field that is wrong,
// stages that are nil, and a second loop or budget. An onlooker, such as holdfast.Observe, is a
// member without traits.
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

// Unknown reports whether only code knows what the stage does: it is a Guard.
func (m *Member) Unknown() bool { return m.Kind == guard && m.Traits.Waits() }

// onPath reports whether calls go through the stage.
func (m *Member) onPath() bool { return !m.Traits.DrawnOn && (m.Kind != guard || m.Traits.Waits()) }

// Loop returns where the retry loop stands; -1: there is none.
func (r Row) Loop() int { return r.first(func(t Traits) bool { return t.Repeats }) }

// Budget returns where the budget stands; -1: there is none.
func (r Row) Budget() int { return r.first(func(t Traits) bool { return t.DrawnOn }) }

func (r Row) first(is func(Traits) bool) int {
	for i, m := range r {
		if is(m.Traits) {
			return i
		}
	}
	return -1
}

// PerCall reports whether the stage at i sees whole calls. Else it sees attempts.
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

// Deadlines returns the most that a call may take, and an attempt: the shortest deadline of each; 0
// without any.
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

// AroundInnermost returns the shortest deadline around the innermost one; 0: there is none.
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

// EitherDeadline reports whether the innermost stage that calls go through is the call's deadline,
// though each call is one attempt: it could be called the attempt's as well.
func (r Row) EitherDeadline() bool {
	for i := len(r) - 1; i >= 0 && r.Loop() < 0; i-- {
		if r[i].onPath() {
			return r[i].Traits.Limit > 0 && r.PerCall(i)
		}
	}
	return false
}

// Later returns the place of the deadline that needs no ctx as long as nothing goes wrong: the
// outer one of two, if it is the call's and nobody ever waits between them. The inner one ends the
// first attempt sooner. -1: there is none.
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
		if m.Traits.MayWait() {
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

// Bounds returns the limit that holds for what passes the stage at i: that of the deadline next
// inside, unless a call may wait, or be repeated, on the way to it. 0: none is known.
func (r Row) Bounds(i int) time.Duration {
	for _, inner := range r[i+1:] {
		switch t := inner.Traits; {
		case t.Limit > 0:
			return t.Limit
		case t.MayWait() || t.Repeats:
			return 0
		}
	}
	return 0
}

// CheckOnce returns what is wrong with a row that has two loops, or two budgets.
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
