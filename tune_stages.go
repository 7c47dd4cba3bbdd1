package holdfast

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

func init() {
	stage.RowOf = func(pipeline any) stage.Row {
		p, ok := pipeline.(*Pipeline)
		if !ok || p.now() == nil {
			return nil
		}
		return (&assembler{assembly: p.now()}).reading()
	}
}

// staged is what a Tuning's Stages asks for: the Configs that it got, and what it made of them.
type staged struct {
	of        *assembly // whose stages they are
	from, to  []resilience.Stage
	assembler *assembler // makes the changes; nil if there are none
	touched   []touched  // the stages that it changes
}

// touched is a stage that changes.
type touched struct {
	at       int
	from, to resilience.Stage // its Config just before and just after, once it has changed
}

// mostStagings bounds how often Stages is called anew since somebody else was faster. The pauses
// between grow up to 10ms, and are a quarter of a second together.
const mostStagings = 100

// ask calls t.Stages, under no lock, and returns what it wants.
func (p *Pipeline) ask(t Tuning) *staged {
	if t.Stages == nil {
		return nil
	}
	s := &staged{of: p.current.Load()}
	s.from = inForce(s.of.row)
	s.to = make([]resilience.Stage, len(s.from))
	for i, c := range s.from {
		s.to[i] = c
		if kind, ok := stage.OfConfig(c); ok {
			s.to[i] = kind.Copy(c)
		}
	}
	t.Stages(s.to)
	return s
}

// overtaken reports whether the pipeline has other stages by now than those that Stages got.
func (s *staged) overtaken(now *assembly) bool {
	return s != nil && !slices.EqualFunc(s.of.row, now.row, func(a, b entry) bool { return a.Member == b.Member })
}

// prepare checks what s asks for, and makes an assembly of it that is not in force yet. It changes
// nothing. The caller holds updating.
func (p *Pipeline) prepare(s *staged) error {
	if s == nil {
		return nil
	}
	now := p.current.Load()
	b := newAssembler(now.declared, now)
	b.row = slices.Clone(now.row)
	for i := range b.row {
		p.retune(b, s, i)
	}
	if len(b.errs) == 0 {
		b.checkOrder()
	}
	if len(b.errs) > 0 {
		return errors.Join(b.errs...)
	}
	if len(s.touched) == 0 {
		return nil
	}
	if p.group == nil || p.isTotal() {
		b.version++ // so keys follow
	} else {
		stems := slices.Clone(now.stemsOr(now.row))
		b.stems = &stems
	}
	s.assembler = b
	return nil
}

// retune makes b's stage at i what s asks for.
func (p *Pipeline) retune(b *assembler, s *staged, i int) {
	e := b.row[i]
	fail := func(err error) {
		for _, one := range flatten(err) {
			b.fail("stage %d: %w", i+1, one)
		}
	}
	from, to := s.from[i], s.to[i]
	if why := misplaced(from, to); why != "" {
		b.fail("Tuning: Stages: stage %d (%s) %s", i+1, e.Name, why)
		return
	}
	if e.Config == nil { // a Guard
		return
	}
	now := e.Kind.InForce(e.policy) // read once: others may change a stage that is shared
	c, fields, err := merged(e, now, from, to)
	if err != nil {
		fail(err)
		return
	}
	if len(fields) == 0 {
		return
	}
	if !e.Own && !e.Kind.Shares() {
		b.fail("Tuning: Stages: stage %d (%s) was given already built, so it may belong to others as well; "+
			"want a Config in its place, whose numbers are this pipeline's own", i+1, e.Name)
		return
	}
	suffix := ""
	if p.group != nil && !p.isTotal() {
		suffix = p.suffix()
	}
	named := e.Kind.Named(c, b.name, suffix)
	resolved, err := e.Kind.Resolve(named)
	if err != nil {
		c = unsaid(e.Kind, c, fields)
		named = e.Kind.Named(c, b.name, suffix)
		if resolved, _ = e.Kind.Resolve(named); resolved == nil {
			fail(err)
			return
		}
	}
	if len(differences(now, resolved)) == 0 {
		return
	}
	tuning, err := e.Kind.Tune(e.policy, now, named)
	if err != nil {
		fail(err)
		return
	}
	n := len(s.touched)
	s.touched = append(s.touched, touched{at: i})
	b.commits = append(b.commits, func() { s.touched[n].from, s.touched[n].to = tuning.Commit() })
	if !e.Own {
		return
	}
	m := stage.Built(c, tuning.Policy)
	m.Config, m.Traits = resolved, e.Kind.Traits(resolved)
	b.row[i] = entry{m, tuning.Policy}
}

// misplaced says what is wrong with what stands in the place of a stage; "" if it may.
func misplaced(from, to resilience.Stage) string {
	switch {
	case isNil(to):
		return "is nil; want it in its place: Tune takes no stage away, Update does"
	case reflect.TypeOf(from) != reflect.TypeOf(to):
		return fmt.Sprintf("became %s; want each stage in its place: Tune changes their numbers, Update changes the stages", stage.NameOf(to))
	}
	if _, ok := stage.OfConfig(from); !ok && !sameValue(reflect.ValueOf(from), reflect.ValueOf(to)) {
		return "became another; want it as it is: it is code, and has no numbers"
	}
	return ""
}

// merged returns the Config with which the stage e was given, with all that is in force now, and
// with the changes from one Config to another. So what nobody has said goes on to follow from what
// somebody has: MaxOpenFor from OpenFor. It returns the fields that change.
func merged(e entry, now, from, to resilience.Stage) (c resilience.Stage, changed []string, err error) {
	given, said := now, now
	if e.Own {
		given = e.Kind.Copy(e.Given)
		if said, err = e.Kind.Resolve(given); err != nil { // it was accepted before
			return nil, nil, err
		}
	}
	m := reflect.New(reflect.TypeOf(given)).Elem()
	m.Set(reflect.ValueOf(given))
	was, is := reflect.ValueOf(from), reflect.ValueOf(to)
	var errs []error
	for i := range m.NumField() {
		name, field := m.Type().Field(i).Name, m.Field(i)
		same := sameValue(was.Field(i), is.Field(i))
		switch {
		case !isSetting(m.Type().Field(i)):
			if !same {
				errs = append(errs, fmt.Errorf("%s: %s was changed; want it as it is: Tune changes numbers, and Update the rest", e.Name, name))
			}
		case name == initial:
			field.SetZero() // it was used up when the budget was made
		case !same:
			field.Set(is.Field(i))
			changed = append(changed, name)
		case !sameValue(reflect.ValueOf(said).Field(i), reflect.ValueOf(now).Field(i)):
			field.Set(reflect.ValueOf(now).Field(i))
		}
	}
	if len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	c, _ = m.Interface().(resilience.Stage)
	return c, changed, nil
}

// unsaid returns c without those of the fields whose values are their defaults. A stage may refuse
// what somebody says, and not what follows: a SlowCallRatio of 1 wants a SlowCallDuration, and is
// the default without one.
func unsaid(kind *stage.Kind, c resilience.Stage, fields []string) resilience.Stage {
	for _, name := range fields {
		without := reflect.New(reflect.TypeOf(c)).Elem()
		without.Set(reflect.ValueOf(c))
		value := without.FieldByName(name).Interface()
		without.FieldByName(name).SetZero()
		bare := without.Interface().(resilience.Stage) //nolint:forcetypeassert // it is of the type that c is
		if r, err := kind.Resolve(bare); err == nil && sameValue(reflect.ValueOf(r).FieldByName(name), reflect.ValueOf(value)) {
			c = bare
		}
	}
	return c
}

// initial is the field of a budget that only counts when the budget is made.
const initial = "Initial"

// isSetting reports whether a field of a Config is a number, a choice or a switch, and not a name
// or code.
func isSetting(f reflect.StructField) bool {
	return f.Type.Kind() != reflect.Func && f.Type.Kind() != reflect.String
}

// sameValue is like same, but two funcs are the same if their code is.
func sameValue(a, b reflect.Value) bool {
	for a.Kind() == reflect.Interface && b.Kind() == reflect.Interface {
		a, b = a.Elem(), b.Elem()
	}
	if a.IsValid() && b.IsValid() && a.Type() == b.Type() && a.Kind() == reflect.Func {
		return a.Pointer() == b.Pointer()
	}
	return same(a, b)
}
