// Package plan turns the stages of a pipeline into resolved numbers, and does the arithmetic on
// them: how long pauses are, when attempts start and which never can, how many attempts a call
// becomes in an outage, how soon a breaker opens by chance. The linter and the timeline are made of it.
//
// Nothing here runs a pipeline, waits, or draws a random number.
package plan

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

const (
	// Unlimited is a number of attempts that has no limit.
	Unlimited = -1
	// Forever is a time that has no limit.
	Forever = time.Duration(math.MaxInt64)
)

// Plan is what a pipeline's stages say, every default filled in. It is data, and not to be changed once made.
type Plan struct {
	// Deadline ends the whole call, AttemptDeadline each attempt; 0: none. Without a retry loop the
	// first deadline is the call's, and what stands inside it the attempt's.
	Deadline, AttemptDeadline time.Duration

	Retry     *retry.Config  // nil: no loop
	Budget    *budget.Config // nil: none. A stage, or retry.Config.Budget
	Breakers  []Breaker      // the outermost first
	Bulkheads []Bulkhead     // the outermost first

	// Unknown names the stages of which only code knows what they do: guards, by their type.
	Unknown []string

	onlyPaid bool   // see OnlyPaid
	means    *means // of decorrelated pauses, once they were asked for
}

// Breaker is a breaker and its place.
type Breaker struct {
	breaker.Config
	PerCall bool // outside the retry loop: it counts calls. Else, and without a loop, attempts
}

// Bulkhead is a bulkhead and its place.
type Bulkhead struct {
	bulkhead.Config
	PerCall        bool // outside the retry loop: it holds calls, pauses included. Else, and without a loop, attempts
	InsideDeadline bool // the wait for a place is part of the call's time
}

// Of returns the plan of stages, the outermost first: Configs, or what was built of them. Its error names
// every field that is wrong, nil stages, and a second retry loop or budget. It does not check the order of
// stages beyond that: holdfast.New does.
func Of(stages []resilience.Stage) (Plan, error) {
	var r reader
	for i, s := range stages {
		if err := r.read(s); err != nil {
			r.errs = append(r.errs, fmt.Errorf("stage %d: %w", i+1, err))
		}
	}
	r.placeDeadlines()
	if r.Retry != nil && r.Retry.Budget != nil && r.Budget == nil {
		c := r.Retry.Budget.Config()
		r.Budget = &c
	}
	r.means = &means{}
	return r.Plan, errors.Join(r.errs...)
}

// reader reads stages one after the other.
type reader struct {
	Plan
	outer, inner []time.Duration // deadlines outside and inside of the loop
	errs         []error
}

func (r *reader) read(s resilience.Stage) error {
	switch s := s.(type) {
	case nil:
		return errors.New("is nil; leave it out, or give a Config")
	case deadline.Config:
		if _, err := s.Build(); err != nil {
			return err
		}
		r.addDeadline(s.Limit)
		return nil
	case budget.Config:
		return add(s.Resolve, r.addBudget)
	case retry.Config:
		return add(s.Resolve, r.addRetry)
	case breaker.Config:
		return add(s.Resolve, r.addBreaker)
	case bulkhead.Config:
		return add(s.Resolve, r.addBulkhead)
	}
	policy, err := s.Build()
	if err != nil {
		return err
	}
	return r.readPolicy(policy)
}

// add hands what resolve returns to take, if it is in order.
func add[C any](resolve func() (C, error), take func(C) error) error {
	c, err := resolve()
	if err != nil {
		return err
	}
	return take(c)
}

// readPolicy reads a stage that was built already.
func (r *reader) readPolicy(policy resilience.Policy) error {
	switch p := policy.(type) {
	case nil:
		return errors.New("its Build returned nil; want a Policy or an error")
	case *deadline.Policy:
		r.addDeadline(p.Limit())
	case *budget.Budget:
		return r.addBudget(p.Config())
	case *retry.Policy:
		return r.addRetry(p.Config())
	case *breaker.Breaker:
		return r.addBreaker(p.Config())
	case *bulkhead.Bulkhead:
		return r.addBulkhead(p.Config())
	case resilience.Guard:
		r.Unknown = append(r.Unknown, strings.TrimPrefix(fmt.Sprintf("%T", p), "*"))
	}
	return nil // else what holdfast.Observe makes: it only looks on
}

func (r *reader) addDeadline(limit time.Duration) {
	if r.Retry == nil {
		r.outer = append(r.outer, limit)
	} else {
		r.inner = append(r.inner, limit)
	}
}

func (r *reader) addBudget(c budget.Config) error {
	if r.Budget != nil {
		return errors.New("a second budget; a retry loop draws on one, so want one")
	}
	r.Budget = &c
	return nil
}

// addRetry takes the loop. What was read before it stands outside of it.
func (r *reader) addRetry(c retry.Config) error {
	if r.Retry != nil {
		return errors.New("a second retry loop; two multiply their attempts, so want one")
	}
	r.Retry = &c
	for i := range r.Breakers {
		r.Breakers[i].PerCall = true
	}
	for i := range r.Bulkheads {
		r.Bulkheads[i].PerCall = true
	}
	return nil
}

func (r *reader) addBreaker(c breaker.Config) error {
	r.Breakers = append(r.Breakers, Breaker{Config: c})
	return nil
}

func (r *reader) addBulkhead(c bulkhead.Config) error {
	r.Bulkheads = append(r.Bulkheads, Bulkhead{Config: c, InsideDeadline: len(r.outer) > 0})
	return nil
}

// placeDeadlines says which deadline is the call's and which the attempt's: the shortest of each place.
func (r *reader) placeDeadlines() {
	if r.Retry == nil && len(r.outer) > 1 {
		r.outer, r.inner = r.outer[:1], r.outer[1:]
	}
	r.Deadline, r.AttemptDeadline = shortest(r.outer), shortest(r.inner)
}

func shortest(limits []time.Duration) (least time.Duration) {
	for _, d := range limits {
		if least == 0 || d < least {
			least = d
		}
	}
	return least
}

// Attempts returns how many attempts a call may make: 1, and the retries; Unlimited if only time and budget
// limit them.
func (p Plan) Attempts() int {
	switch {
	case p.Retry == nil || p.Retry.MaxRetries == retry.NoRetries:
		return 1
	case p.Retry.MaxRetries < 0 || p.Retry.MaxRetries == math.MaxInt:
		return Unlimited
	}
	return 1 + p.Retry.MaxRetries
}

// Retries reports whether a call may make a second attempt.
func (p Plan) Retries() bool { return p.Attempts() != 1 }

// AttemptLimit returns the most that one attempt may take: the attempt deadline, or else the call's; Forever without
// any.
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
