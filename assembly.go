package holdfast

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// assembly is what a pipeline was made of at one time. It does not change once it is in use. What every call
// looks at comes first, so that it shares a cache line or two.
type assembly struct {
	steps      []resilience.Policy // those of the row through which a call walks: all but a budget
	observer   resilience.Observer // those of named and the watchers; nil if there are none
	shortest   time.Duration       // the limit of the shortest deadline; noDeadline without one
	readsClock bool                // some stage wants to know when the call began
	bounded    bool                // the first step is a deadline
	mayWait    bool                // a guard may make a call wait before its first attempt
	lastLook   atomic.Int64        // at the clock: a mono.Time
	classify   resilience.Classifier
	recorder   recorder
	name       string
	row        []entry               // the stages, in the order given
	named      []resilience.Observer // by Observe, each bound to the pipeline
	version    int                   // how often the stages were replaced: Watch leaves it as it is
	follows    *assembly             // for a Keyed's keys: the front's that it was made from; else nil
}

// entry is a stage as it was given, and what was made of it, in its place.
type entry struct {
	given  resilience.Stage
	policy resilience.Policy
}

// retunedBudget is a budget of this pipeline whose Config an update changes.
type retunedBudget struct {
	budget *budget.Budget
	config budget.Config
}

func (a *assembly) String() string {
	words := make([]string, len(a.row))
	for i, e := range a.row {
		if s, ok := e.policy.(fmt.Stringer); ok {
			words[i] = s.String()
		} else {
			words[i] = stageName(e.policy)
		}
	}
	return strings.Join(words, " → ")
}

// assembler builds an assembly and collects all that is wrong with it.
type assembler struct {
	*assembly
	previous   *assembly // that an update replaces, or nil
	retuned    []retunedBudget
	incomplete bool // a stage could not be built: what it would have been is not known
	errs       []error
}

// assemble checks and builds the stages, and touches nothing that is in use: what it returns may
// be dropped. To take it, place it, which calls the observers' code, and then commit it, which
// cannot fail. With previous, all three want p.updating.
func (p *Pipeline) assemble(stages []resilience.Stage, previous *assembly) (*assembler, error) {
	b := &assembler{assembly: &assembly{name: p.name, shortest: noDeadline}, previous: previous}
	if previous != nil {
		b.version = previous.version + 1
	}
	if p.name == "" {
		b.errs = append(b.errs, errors.New(`holdfast: the pipeline's name is ""; want a name, as metrics and errors show it`))
	}
	stages = b.takeObservers(stages)
	if len(stages) == 0 {
		b.fail("no stages; want at least one, or the presets: holdfast.Standard()...")
	}
	for i, s := range stages {
		policy, ok := b.build(i, s)
		b.row = append(b.row, entry{given: s, policy: policy}) // also if it failed, for its place
		b.incomplete = b.incomplete || !ok
	}
	b.checkOrder()
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	return b, nil
}

// place binds the observers to p, and puts every stage in its place.
func (p *Pipeline) place(b *assembler) {
	for i, o := range b.named {
		b.named[i] = p.bind(o)
	}
	p.connect(b)
}

// commit makes b what calls go through from now on.
func (p *Pipeline) commit(b *assembler) {
	for _, r := range b.retuned {
		_ = r.budget.Update(r.config) // cannot fail: policyOf resolved the same Config
	}
	p.current.Store(b.assembly)
}

// connect tells the observers' side of the assembly who watches, and puts every stage in its place.
func (p *Pipeline) connect(b *assembler) {
	b.observer = resilience.Observers(slices.Concat(b.named, p.watching())...)
	b.recorder = recorder{of: p, next: b.observer}
	b.link()
}

func (b *assembler) fail(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(b.name+": "+format, args...))
}

// takeObservers takes Observe off the front of the row.
func (b *assembler) takeObservers(stages []resilience.Stage) []resilience.Stage {
	for len(stages) > 0 {
		o, ok := stages[0].(observe)
		if !ok {
			break
		}
		if _, err := o.Build(); err != nil {
			b.fail("%w", err)
		}
		b.named = append(b.named, o...)
		stages = stages[1:]
	}
	return stages
}

// build turns one stage into a policy that a pipeline can run, reusing what an update keeps.
func (b *assembler) build(i int, s resilience.Stage) (resilience.Policy, bool) {
	if isNil(s) {
		b.fail("stage %d is nil; leave it out, or give a Config", i+1)
		return nil, false
	}
	if _, ok := s.(observe); ok {
		b.fail("stage %d: Observe is not the outermost; put it first, since it reports what is inside it", i+1)
		return nil, false
	}
	policy, err := b.policyOf(s)
	if err != nil {
		for _, e := range flatten(err) {
			b.fail("stage %d: %w", i+1, e)
		}
		return nil, false
	}
	if isNil(policy) {
		b.fail("stage %d (%s): Build returned nil; want a Policy or an error", i+1, stageName(s))
		return nil, false
	}
	switch policy.(type) {
	case *deadline.Policy, *budget.Budget, *retry.Policy, *breaker.Breaker, resilience.Guard:
		return policy, true
	}
	b.fail("stage %d (%s) is neither one of the built-in stages nor a resilience.Guard; put it around the pipeline: resilience.Chain(policy, pipeline)",
		i+1, stageName(policy))
	return nil, false
}

// policyOf builds s, or finds what the previous assembly made of its counterpart.
func (b *assembler) policyOf(s resilience.Stage) (resilience.Policy, error) {
	switch c := s.(type) {
	case breaker.Config:
		if c.Name == "" {
			c.Name = b.name
		}
		if was, ok := counterpart[breaker.Config, *breaker.Breaker](b); ok {
			fresh, _, err := was.With(c)
			return fresh, err
		}
		return c.Build()
	case retry.Config:
		if was, ok := counterpart[retry.Config, *retry.Policy](b); ok {
			fresh, err := was.With(c)
			return fresh, err
		}
	case budget.Config:
		if was, ok := counterpart[budget.Config, *budget.Budget](b); ok {
			r, err := c.Resolve()
			if err == nil && r != was.Config() {
				b.retuned = append(b.retuned, retunedBudget{was, c})
			}
			return was, err
		}
	case bulkhead.Config:
		if was, ok := counterpart[bulkhead.Config, *bulkhead.Bulkhead](b); ok {
			if r, err := c.Resolve(); err == nil && r == was.Config() {
				return was, nil
			}
		}
	}
	return s.Build()
}

// counterpart returns what the previous assembly made of its n-th Config of type C, where n is
// how many of them came before in this one.
func counterpart[C resilience.Stage, P resilience.Policy](b *assembler) (P, bool) {
	var none P
	if b.previous == nil {
		return none, false
	}
	n := count[C](b.row)
	for _, e := range b.previous.row {
		if _, ok := e.given.(C); !ok {
			continue
		}
		if n == 0 {
			p, ok := e.policy.(P)
			return p, ok
		}
		n--
	}
	return none, false
}

func count[C any](row []entry) (n int) {
	for _, e := range row {
		if _, ok := e.given.(C); ok {
			n++
		}
	}
	return n
}

// link puts every policy in its place, the innermost first: so that whoever looks inward finds those
// that calls go through, and nothing keeps the others.
func (b *assembler) link() {
	b.row = slices.Clone(b.row) // that of an assembly in use stays as it is
	policies := make([]resilience.Policy, len(b.row))
	for i, e := range b.row {
		policies[i] = e.policy
	}
	steps := 0
	for i := len(policies) - 1; i >= 0; i-- {
		p := policies[i]
		if l, ok := p.(resilience.Linker); ok {
			p = l.Link(resilience.Links{
				Pipeline: b.name, Observer: &b.recorder, Outer: policies[:i:i], Inner: policies[i+1:],
			})
		}
		bounded := false
		switch p := p.(type) {
		case *deadline.Policy:
			b.readsClock, bounded = true, true
			b.shortest = min(b.shortest, p.Limit())
		case *retry.Policy:
			b.readsClock, b.classify = true, p.Config().Classify
		case *breaker.Breaker:
		case *bulkhead.Bulkhead:
			b.mayWait = b.mayWait || p.Config().MaxWait != 0
		case resilience.Guard:
			b.mayWait = true
		default:
			continue // a budget, which is nothing but what the retry loop draws on
		}
		policies[i], b.row[i].policy = p, p
		b.bounded = bounded // and so of the last: the outermost
		steps++
	}
	b.steps = make([]resilience.Policy, 0, steps)
	for _, p := range policies {
		if _, ok := p.(*budget.Budget); !ok {
			b.steps = append(b.steps, p)
		}
	}
	b.readsClock = b.readsClock || b.observer != nil
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan, reflect.Interface:
		return r.IsNil()
	}
	return false
}

// stageName returns the package of a built-in stage, as errors and events name it, else the type.
func stageName(v any) string {
	switch v.(type) {
	case *deadline.Policy:
		return "deadline"
	case *budget.Budget:
		return "budget"
	case *retry.Policy:
		return "retry"
	case *breaker.Breaker:
		return "breaker"
	case *bulkhead.Bulkhead:
		return "bulkhead"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", v), "*")
}

// flatten returns the errors that err joins, or err itself.
func flatten(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the error itself, not one it wraps
		return j.Unwrap()
	}
	return []error{err}
}
