package holdfast

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

// assembly is what a pipeline was made of at one time. It does not change once it is in use. What
// every call looks at comes first, so that it shares a cache line or two.
type assembly struct {
	steps      []resilience.Policy   // those of the row through which a call walks: all but a budget
	straight   straight              // the same, if the row is as most are
	later      int32                 // the step whose deadline no ctx has to know of: see stage.Row; -1 for none
	readsClock bool                  // some stage wants to know when the call began
	mayWait    bool                  // a guard may make a call wait before its first attempt
	shortest   time.Duration         // the limit of the shortest deadline; noDeadline without one
	lastLook   atomic.Int64          // at the clock: a mono.Time
	classify   resilience.Classifier // for events: the loop's, else said
	recorder   recorder
	declared
}

// observer returns those of named and the watchers; nil if there are none.
func (a *assembly) observer() resilience.Observer { return a.recorder.next }

// declared is what an assembly is made from. One of the same stages, for other observers or for a
// key of a Keyed, takes it over whole, but for what is to differ.
type declared struct {
	name    string
	row     []entry               // the stages, in the order given
	named   []resilience.Observer // by Observe, each bound to the pipeline
	said    resilience.Classifier // by the stage Classify; nil without one
	silent  bool                  // no warnings about unclassified errors
	version uint32                // how often the stages were replaced: Watch leaves it as it is
	follows *assembly             // in a Keyed: the total's that it was made from; else nil
}

// entry is a stage in its place. What is said of it, all keys of a Keyed share.
type entry struct {
	*stage.Member
	policy resilience.Policy
}

// report says how the stage stands.
func (e entry) report() stage.Report { return e.Kind.Report(e.policy) }

// each returns the stages of a row whose policy is a P.
func each[P resilience.Policy](row []entry) iter.Seq[P] {
	return func(yield func(P) bool) {
		for _, e := range row {
			if p, ok := e.policy.(P); ok && !yield(p) {
				return
			}
		}
	}
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
	lenient    bool      // it is for keys that have nothing to do with each other: a Keyed's overflow
	commits    []func()  // what is left to do once the assembly is taken
	incomplete bool      // a stage could not be built: what it would have been is not known
	errs       []error
}

func newAssembler(d declared, previous *assembly) *assembler {
	return &assembler{assembly: &assembly{declared: d, shortest: noDeadline}, previous: previous}
}

// assemble checks and builds the stages, and touches nothing that is in use: what it returns may
// be dropped. To take it, place it, which calls the observers' code, and then commit it, which
// cannot fail. With previous, all three want p.updating.
func (p *Pipeline) assemble(stages []resilience.Stage, previous *assembly) (*assembler, error) {
	b := newAssembler(declared{name: p.name}, previous)
	if previous != nil {
		b.version = previous.version + 1
	}
	if p.name == "" {
		b.errs = append(b.errs, errors.New(`holdfast: the pipeline's name is ""; want a name, as metrics and errors show it`))
	}
	stages = b.takeFront(stages)
	if len(stages) == 0 {
		b.fail("no stages; want at least one, or the presets: holdfast.Standard()...")
	}
	for i, s := range stages {
		e, ok := b.build(i, s)
		b.row = append(b.row, e) // also if it failed, for its place
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
	for _, commit := range b.commits {
		commit()
	}
	p.current.Store(b.assembly)
}

// connect tells the observers' side of the assembly who watches, and puts every stage in its place.
func (p *Pipeline) connect(b *assembler) {
	b.recorder = recorder{of: p, next: resilience.Observers(slices.Concat(b.named, p.watching())...)}
	b.link()
}

func (b *assembler) fail(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(b.name+": "+format, args...))
}

// takeFront takes the stages that stand around no call off the front of the row.
func (b *assembler) takeFront(stages []resilience.Stage) []resilience.Stage {
	for len(stages) > 0 {
		s, ok := stages[0].(frontStage)
		if !ok {
			break
		}
		if _, err := s.Build(); err != nil {
			b.fail("%w", err)
		}
		s.join(b)
		stages = stages[1:]
	}
	return stages
}

// frontStage is a stage that stands around no call. It holds for all stages behind it.
type frontStage interface {
	resilience.Stage

	frontName() string // the func that makes it
	join(b *assembler) // makes it a part of the assembly
}

// build turns one stage into a policy that a pipeline can run, reusing what an update keeps.
func (b *assembler) build(i int, s resilience.Stage) (entry, bool) {
	if isNil(s) {
		b.fail("stage %d is nil; leave it out, or give a Config", i+1)
		return entry{Member: stage.Missing(s)}, false
	}
	if s, ok := s.(frontStage); ok {
		b.fail("stage %d: %s is not the outermost; put it first, since it holds for all that is inside it", i+1, s.frontName())
		return entry{Member: stage.Missing(s)}, false
	}
	policy, err := b.policyOf(s)
	if err != nil {
		for _, e := range flatten(err) {
			b.fail("stage %d: %w", i+1, e)
		}
		return entry{Member: stage.Missing(s)}, false
	}
	if isNil(policy) {
		b.fail("stage %d (%s): Build returned nil; want a Policy or an error", i+1, stage.NameOf(s))
		return entry{Member: stage.Missing(s)}, false
	}
	if err := stage.Unmade(policy); err != nil {
		b.fail("stage %d: %w", i+1, err)
		return entry{Member: stage.Missing(s)}, false
	}
	if _, ok := policy.(resilience.Guard); !ok && stage.Of(policy).Name() == "" {
		b.fail("stage %d (%s) is neither one of the built-in stages nor a resilience.Guard; put it around the pipeline: resilience.Chain(policy, pipeline)",
			i+1, stage.NameOf(policy))
		return entry{Member: stage.Missing(s)}, false
	}
	return entry{stage.Built(s, policy), policy}, true
}

// link puts every policy in its place, the innermost first: so that whoever looks inward finds
// those that calls go through, and nothing keeps the others.
func (b *assembler) link() {
	b.row = slices.Clone(b.row) // that of an assembly in use stays as it is
	b.classify = b.said
	at := stage.Place{Pipeline: b.name, Observer: &b.recorder, Classify: b.said, Row: b.reading(), Policies: make([]resilience.Policy, len(b.row))}
	for i, e := range b.row {
		at.Policies[i] = e.policy
	}
	for i := len(b.row) - 1; i >= 0; i-- {
		e := &b.row[i]
		if e.Traits.DrawnOn { // it is nothing but what the retry loop draws on
			continue
		}
		at.At = i
		e.policy = e.Kind.Link(e.policy, at)
		at.Policies[i] = e.policy
		b.join(e.Traits)
	}
	b.steps, b.later = make([]resilience.Policy, 0, len(b.row)), -1
	for i, e := range b.row {
		if i == at.Row.Later() {
			b.later = int32(len(b.steps)) //nolint:gosec // few stages
		}
		if !e.Traits.DrawnOn {
			b.steps = append(b.steps, stepOf(e.policy))
		}
	}
	b.readsClock = b.readsClock || b.observer() != nil
	b.straight = straighten(b.steps, int(b.later))
}

// join takes note of a stage that stands around those before.
func (b *assembler) join(t stage.Traits) {
	if t.Limit > 0 {
		b.shortest = min(b.shortest, t.Limit)
	}
	b.readsClock = b.readsClock || t.ReadsClock
	b.mayWait = b.mayWait || t.MayWait()
	if t.Repeats && t.Classify != nil {
		b.classify = t.Classify
	}
}

// reading returns the row as everybody reads it.
func (b *assembler) reading() stage.Row {
	row := make(stage.Row, len(b.row))
	for i, e := range b.row {
		row[i] = e.Member
	}
	return row
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
func stageName(p resilience.Policy) string {
	if g, ok := p.(*ticketed); ok {
		p = g.TicketGuard
	}
	return stage.NameOf(p)
}

// flatten returns the errors that err joins, or err itself.
func flatten(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the error itself, not one it wraps
		return j.Unwrap()
	}
	return []error{err}
}
