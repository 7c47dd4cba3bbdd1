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

// assembly is one version of a pipeline: its stages and observers. Once it is in use, only lastLook
// changes. The fields that every call reads come first, so that they share a cache line or two.
type assembly struct {
	straight   straight              // what a call passes through, if that has the usual form
	later      int32                 // stage.Row.Later
	readsClock bool                  // a stage or observer needs to know when the call began
	mayWait    bool                  // a guard may make a call wait before its first attempt
	shortest   time.Duration         // the limit of the shortest deadline; noDeadline without one
	lastLook   atomic.Int64          // at the clock, by readClock: a mono.Time
	classify   resilience.Classifier // the loop's, else classifier
	recorder   recorder
	declared
}

// observer returns all observers of the assembly, those of Watch included; nil if there are none.
func (a *assembly) observer() resilience.Observer { return a.recorder.next }

// declared is what an assembly is made from. An assembly with other observers, or for a key of a
// Keyed, starts from a copy of it.
type declared struct {
	name       string
	row        []entry               // the stages, in the order given; run passes a call through them
	observers  []resilience.Observer // of the stage Observe, each bound to the pipeline
	classifier resilience.Classifier // of the stage Classify; nil without one
	silent     bool                  // no warnings about unclassified errors
	version    uint32                // how often Update replaced the stages; Watch does not count
	follows    *assembly             // in a Keyed: the total's that it was made from; else nil
	stems      *[]*stage.Member      // of a key with stages that were tuned: the total's stages of which its own were made; else nil
}

// stemsOr returns the stages of the total's from which the assembly's were made: those of row,
// unless some were tuned.
func (a *assembly) stemsOr(row []entry) []*stage.Member {
	if a.stems != nil {
		return *a.stems
	}
	stems := make([]*stage.Member, len(row))
	for i, e := range row {
		stems[i] = e.Member
	}
	return stems
}

// entry is a stage and its policy. The keys of a Keyed have policies of their own, and share the
// Members.
type entry struct {
	*stage.Member
	policy resilience.Policy
}

// report returns the current state of the stage.
func (e entry) report() stage.Report { return e.Kind.Report(e.policy) }

// each returns the policies of a row that are of type P.
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
			words[i] = e.Name
		}
	}
	return strings.Join(words, " → ")
}

// assembler builds an assembly and collects the errors.
type assembler struct {
	*assembly
	previous   *assembly // the assembly that an update replaces, or nil
	lenient    bool      // for a Keyed's overflow: see stage.Spec.Lenient
	commits    []func()  // to call when the assembly is put into force
	incomplete bool      // a stage could not be built: the row is not checked for missing ones
	errs       []error
	hears      bool               // an observer wants to know of updates
	news       *resilience.Update // what is different since the previous assembly; for reportUpdate
}

func newAssembler(d declared, previous *assembly) *assembler {
	return &assembler{assembly: &assembly{declared: d, shortest: noDeadline}, previous: previous}
}

// assemble checks and builds the stages. It changes nothing that is in use, so its result may be
// dropped. To put the result into force, call place, which calls the observers' code, and then
// commit, which cannot fail. If there is a previous assembly, the caller holds p.updating during
// all three.
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
		b.row = append(b.row, e) // even if it failed, so that the positions are right
		b.incomplete = b.incomplete || !ok
	}
	b.checkOrder()
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	return b, nil
}

// place binds the observers to p, and links every stage to its place.
func (p *Pipeline) place(b *assembler) {
	for i, o := range b.observers {
		b.observers[i] = p.bind(o)
	}
	p.connect(b)
}

// commit puts b into force, for calls that begin from now on.
func (p *Pipeline) commit(b *assembler) {
	for _, commit := range b.commits {
		commit()
	}
	p.current.Store(b.assembly)
}

// renew is commit for an update, of which observers hear what is different since.
func (p *Pipeline) renew(b *assembler) {
	if b.previous == nil || !b.hears {
		p.commit(b)
		return
	}
	was := b.previous.picture()
	p.commit(b)
	if changes := b.picture().since(was); len(changes) > 0 {
		b.news = &resilience.Update{Changes: changes}
	}
}

// connect sets the observers that the assembly reports to, and links every stage to its place.
func (p *Pipeline) connect(b *assembler) {
	b.recorder = recorder{of: p, next: resilience.Observers(slices.Concat(b.observers, p.watching())...)}
	b.hears = resilience.Hears(b.observer(), resilience.EventUpdate) // here, since it is their code
	b.link()
}

func (b *assembler) fail(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(b.name+": "+format, args...))
}

// takeFront applies the front stages, and returns the other stages.
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

// frontStage is a stage that no call passes through: a setting for all stages after it, such as
// Observe.
type frontStage interface {
	resilience.Stage

	frontName() string // the func that returns it
	join(b *assembler) // adds it to the assembly
}

// build turns one stage into a policy that a pipeline can run. It keeps the state that an update
// keeps, and reports whether it succeeded.
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

// link binds every policy to its place, the innermost first: a stage that looks inward must find
// the bound policies, which calls pass through, and must not keep the unbound ones alive.
func (b *assembler) link() {
	b.row = slices.Clone(b.row) // it may be shared with an assembly in use
	b.classify = b.classifier
	at := stage.Place{Pipeline: b.name, Observer: &b.recorder, Classify: b.classifier, Calls: &b.recorder, Row: b.reading(), Policies: make([]resilience.Policy, len(b.row))}
	for i, e := range b.row {
		at.Policies[i] = e.policy
	}
	for i := len(b.row) - 1; i >= 0; i-- {
		e := &b.row[i]
		if e.Traits.DrawnOn { // the retry loop draws on it; no call passes through it
			continue
		}
		at.At = i
		e.policy = e.Kind.Link(e.policy, at)
		at.Policies[i] = e.policy
		b.addTraits(e.Traits)
	}
	b.later = int32(at.Row.Later()) //nolint:gosec // few stages
	b.readsClock = b.readsClock || b.observer() != nil
	b.straight = straighten(b.row, int(b.later))
}

// addTraits updates what the assembly knows of its stages by the traits of one more.
func (b *assembler) addTraits(t stage.Traits) {
	if t.Limit > 0 {
		b.shortest = min(b.shortest, t.Limit)
	}
	b.readsClock = b.readsClock || t.ReadsClock
	b.mayWait = b.mayWait || t.MayWait()
	if t.Repeats && t.Classify != nil {
		b.classify = t.Classify
	}
}

// reading returns the row as the checks and the stages read it.
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

// flatten returns the errors that err joins, or err itself.
func flatten(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the error itself, not one it wraps
		return j.Unwrap()
	}
	return []error{err}
}
