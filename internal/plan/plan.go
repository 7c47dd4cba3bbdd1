// Package plan turns the stages of a pipeline into resolved numbers, and does the arithmetic on
// them: how long pauses are, when attempts start and which never can, how many attempts a call
// makes in an outage, how soon a breaker opens by chance. The linter and the timeline use it.
//
// Nothing here runs a pipeline, waits, or draws a random number.
package plan

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

const (
	// Unlimited is a number of attempts without a limit.
	Unlimited = -1
	// Forever is a time without a limit.
	Forever = time.Duration(math.MaxInt64)
)

// Plan has the numbers of a pipeline's stages, with every default filled in. It is data, and must
// not be changed once made. It is safe for concurrent use.
type Plan struct {
	// Deadline ends the whole call, AttemptDeadline each attempt; 0: none. See stage.Row.
	Deadline, AttemptDeadline time.Duration

	// EitherDeadline says that Deadline is the attempt's just as well: there is no loop, and no
	// stage inside of it.
	EitherDeadline bool

	// Around is the shortest deadline outside the innermost one, which has to be shorter than it;
	// 0: none.
	Around time.Duration

	// Pods is how many pods pool the budget if its Config has Fleet set; 0: not known, as after Of.
	Pods int

	Retry    *retry.Config  // nil: no loop
	Budget   *budget.Config // nil: none
	Breakers []Breaker      // the outermost first

	Waits    []Wait   // where a call may have to wait, the outermost first
	Refusing []string // what may refuse a call or an attempt, besides the budget: "an open breaker"

	// Unknown names the stages about which nothing is known: guards, by their type.
	Unknown []string

	others        []placed // see Each
	onlyPaid      bool     // see OnlyPaid
	refusedInside bool     // something inside the loop may refuse an attempt
	means         *means   // the means of decorrelated pauses, computed on demand
}

// Breaker is a breaker and its place.
type Breaker struct {
	breaker.Config
	PerCall bool // outside the retry loop: it counts calls. Otherwise it counts attempts
}

// Placed is a stage that has no effect on a call's schedule, and its place.
type Placed[C resilience.Stage] struct {
	Config         C
	PerCall        bool // outside the retry loop: it sees whole calls. Otherwise it sees attempts
	InsideDeadline bool // the time in it counts against the call's deadline
}

type placed = Placed[resilience.Stage]

// Each returns the stages of a Config that has no field in a Plan, the outermost first.
func Each[C resilience.Stage](p Plan) (all []Placed[C]) {
	for _, o := range p.others {
		if c, ok := o.Config.(C); ok {
			all = append(all, Placed[C]{c, o.PerCall, o.InsideDeadline})
		}
	}
	return all
}

// Wait is a stage in which a call may have to wait.
type Wait struct {
	Stage          string        // its package
	For            string        // in words: "a place in the bulkhead"
	Most           time.Duration // Forever without a limit
	InsideDeadline bool          // the wait counts against the call's deadline
	PerAttempt     bool          // each attempt may have to wait
}

// Of returns the plan of stages, the outermost first: Configs, or policies built from them. Its
// error names every wrong field, nil stages, and a second retry loop or budget. It does not check
// the order of stages beyond that: holdfast.New does.
func Of(stages []resilience.Stage) (Plan, error) {
	row, errs := stage.Read(stages)
	p := Plan{means: &means{}}
	p.Deadline, p.AttemptDeadline = row.Deadlines()
	p.Around, p.EitherDeadline = row.AroundInnermost(), row.EitherDeadline()
	for i, m := range row {
		switch c := m.Config.(type) {
		case retry.Config:
			p.Retry = &c
		case budget.Config:
			p.Budget = &c
		case breaker.Config:
			p.Breakers = append(p.Breakers, Breaker{Config: c, PerCall: row.PerCall(i)})
		case resilience.Stage:
			p.others = append(p.others, placed{c, row.PerCall(i), row.InsideDeadline(i)})
		}
		t := m.Traits
		switch {
		case m.Unknown():
			p.Unknown = append(p.Unknown, m.Name)
		case t.Waits():
			p.Waits = append(p.Waits, Wait{Stage: m.Name, For: t.WaitsFor, Most: t.Wait, InsideDeadline: row.InsideDeadline(i), PerAttempt: !row.PerCall(i)})
		}
		if (t.Refuses != "" || m.Unknown()) && !row.PerCall(i) {
			p.refusedInside = true
		}
		if t.Refuses != "" && !slices.Contains(p.Refusing, t.Refuses) {
			p.Refusing = append(p.Refusing, t.Refuses)
		}
	}
	return p, errors.Join(errs...)
}

// Attempts returns how many attempts a call may make: 1 plus the retries. Unlimited: only time and
// budget limit them.
func (p Plan) Attempts() int {
	switch {
	case p.Retry == nil || p.Retry.MaxRetries == retry.None:
		return 1
	case p.Retry.MaxRetries == retry.Unlimited:
		return Unlimited
	}
	return 1 + p.Retry.MaxRetries
}

// Retries reports whether a call may make a second attempt.
func (p Plan) Retries() bool { return p.Attempts() != 1 }

// AttemptLimit returns the most that one attempt may take: the attempt deadline, or else the
// call's; Forever without any.
func (p Plan) AttemptLimit() time.Duration {
	limit := Forever
	for _, d := range []time.Duration{p.Deadline, p.AttemptDeadline} {
		if d > 0 {
			limit = min(limit, d)
		}
	}
	return limit
}

// plus is a + b, at most Forever.
func plus(a, b time.Duration) time.Duration {
	if a > Forever-b {
		return Forever
	}
	return a + b
}
