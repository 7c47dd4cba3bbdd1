package config

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/resilience"
)

// Changed is a key whose value is another since a Tune.
type Changed struct {
	Key  string `json:"key"`  // "retry.max_retries"
	From string `json:"from"` // as a file would write it, and as Tune takes it
	To   string `json:"to"`
}

// Tune changes values of a running pipeline: keys as in Knobs, each with a value as a file would
// write it. It makes all changes, or none; then the error names every key that is wrong, its value,
// and what would be right, as a file's would. by says who makes the change, for observers. Every
// stage keeps its state: see [holdfast.Pipeline.Tune].
//
// Values that nobody has given follow from the new ones as in a file: a longer breaker.open_for
// raises a breaker.max_open_for that was never set. So Tune may return more keys than it was given,
// and fewer if a value was in force already. A Tune with the values From undoes it. If an adaptive
// section was turned off, From has its numbers as well.
//
// What is tuned stays until the pipeline is updated: a file that changes for this service replaces
// it. [Patch] writes what to put into that file. Tune is safe for concurrent use.
func Tune(ctx context.Context, p *holdfast.Pipeline, by string, values map[string]string) ([]Changed, error) {
	return TuneFrom(ctx, p, by, nil, values)
}

// turn is one key that is to have a value.
type turn struct {
	key   key
	text  string
	value any
	node  *yaml.Node
}

// turns are in the order of Config.YAML, each section before its keys.
type turns []turn

// readTurns reads values as a file's, and returns an error that names every wrong one.
func readTurns(values map[string]string) (turns, error) {
	s := newSource("values", nil)
	var all turns
	for path := range maps.Keys(values) {
		if _, ok := keyOf(path); !ok {
			s.failAt(0, 0, 0, path, "unknown key "+quoted(path)+s.suggest(path, turnable), nil)
		}
	}
	for _, k := range keys() {
		value, asked := values[k.path]
		if !asked {
			continue
		}
		if why := k.unturnable(); why != "" {
			s.failAt(0, 0, 0, k.path, k.path+" cannot be turned: "+why, nil)
			continue
		}
		if t, ok := k.turn(s, value); ok {
			all = append(all, t)
		}
	}
	for _, t := range all {
		if on := all.of(t.key.section()); on.value == switchedOff {
			s.failAt(0, 0, 0, t.key.path, t.key.path+" is in "+on.key.path+", which is to be off; want "+on.key.path+": on, or leave it out", nil)
		}
	}
	if err := s.err(); err != nil {
		return nil, plainErrors(err)
	}
	return all, nil
}

// of returns the turn of a key; the zero turn if there is none.
func (all turns) of(path string) turn {
	for _, t := range all {
		if t.key.path == path {
			return t
		}
	}
	return turn{}
}

// turn reads a value as a file's.
func (k key) turn(s *source, value string) (turn, bool) {
	t := turn{key: k, text: value, node: variableNode(k, value)}
	if t.node == nil {
		s.failAt(0, 0, 0, k.path, k.path+" is "+quoted(value)+"; "+k.knobWant(), nil)
		return t, false
	}
	if k.kind == kindSection {
		v, ok := k.word(value)
		if !ok {
			s.fail(t.node, k.path, " is %s; %s", describe(t.node), k.knobWant())
			return t, false
		}
		t.value = v
		return t, true
	}
	if k.isDeadline() {
		k.words = nil
		if value == "off" {
			s.fail(t.node, k.path, " is off; %s: a tuning takes no stage away", k.want())
			return t, false
		}
	}
	var ok bool
	t.value, ok = k.read(s, t.node, k.path)
	return t, ok
}

// plainErrors returns the problems of a source without a file.
func plainErrors(err error) error {
	var all *Error
	if !errors.As(err, &all) {
		return err
	}
	var errs []error
	for _, p := range all.Problems {
		errs = append(errs, &KeyError{p.Path, p.Message, p.err})
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// apply sets the values in the Configs of a row of stages, whose sections are at these indices.
func (all turns) apply(stages []resilience.Stage, at map[string]int) error {
	var errs []error
	for _, t := range all {
		i, ok := at[sectionPath(t.key)]
		if !ok {
			errs = append(errs, wrongValue(t.key.path, "%s cannot be turned: the pipeline has no %s", t.key.path, sectionPath(t.key)))
			continue
		}
		c := reflect.New(reflect.TypeOf(stages[i]))
		c.Elem().Set(reflect.ValueOf(stages[i]))
		if err := t.set(c); err != nil {
			errs = append(errs, err)
			continue
		}
		stages[i] = asStage(c)
	}
	errs = append(errs, checkDeadlines(stages, at))
	return errors.Join(errs...)
}

// set sets the value. config is a pointer to a Config.
func (t turn) set(config reflect.Value) error {
	field := t.key.in(config)
	switch {
	case !field.IsValid():
		section := t.key.section()
		return wrongValue(t.key.path, "%s cannot be turned: %s is off; want %s: on as well", t.key.path, section, section)
	case t.value == switchedOff:
		field.SetZero()
	case t.value == switchedOn:
		if field.IsNil() {
			t.key.turnOn(config.Interface())
		}
	case (t.key.kind == kindChoice || t.key.kind == kindJitter) && !t.key.sayable(field.Interface()):
		return wrongValue(t.key.path, "%s cannot be turned: it is a %s, which code has put in (Registry.Amend)", t.key.path, typeName(field.Interface()))
	default:
		t.key.set(config.Interface(), t.value)
	}
	return nil
}

// checkDeadlines says what checkAssembly says of a file.
func checkDeadlines(stages []resilience.Stage, at map[string]int) error {
	limit := func(section string) (time.Duration, bool) {
		i, ok := at[section]
		if !ok {
			return 0, false
		}
		k, _ := keyOf(section)
		v, _ := k.get(stages[i])
		d, _ := v.(time.Duration)
		return d, true
	}
	whole, has := limit("deadline")
	attempt, both := limit("attempt_deadline")
	if !has || !both || attempt < whole {
		return nil
	}
	return wrongValue("attempt_deadline", "attempt_deadline is %s, which never fires inside the deadline of %s; want attempt_deadline below %s, or deadline above %s",
		brief.Duration(attempt), brief.Duration(whole), brief.Duration(whole), brief.Duration(attempt))
}

// inWords puts what the stages refuse into the words of a file.
func (all turns) inWords(p *holdfast.Pipeline, err error) error {
	if err == nil {
		return nil
	}
	m := merged{settings: settings{}, name: p.Name()}
	for _, k := range allKeys {
		m.settings[k.path] = setting{origin: Origin{Source: sourcePipeline}}
	}
	errs := slices.Clone(joinedIn(err))
	for i, one := range errs {
		wrong, ok := errors.AsType[*resilience.FieldError](one)
		if !ok {
			continue
		}
		for j := range sections {
			sec := &sections[j]
			if k, ok := sec.keyOf(wrong.Field); ok && sec.stageKind.Name() == wrong.Stage && sec.field == "" {
				k = keyByPath[k.path]
				want, _ := m.wants(sec, k, wrong)
				errs[i] = &KeyError{k.path, k.path + " is " + k.text(wrong.Value) + "; " + want, wrong}
			}
		}
	}
	return errors.Join(errs...)
}

// changedKeys returns the keys of what was changed.
func changedKeys(changes []resilience.Change, at map[string]int) (all []Changed) {
	for _, c := range changes {
		for i := range sections {
			sec := &sections[i]
			k, ok := sec.keyOf(c.Field)
			if _, there := at[sec.path]; !ok || !there || !keyByPath[k.path].isOf(c.Stage, c.Name) {
				continue
			}
			all = append(all, k.changed(c)...)
		}
	}
	order := map[string]int{}
	for i, k := range keys() {
		order[k.path] = i
	}
	slices.SortStableFunc(all, func(a, b Changed) int { return order[a.Key] - order[b.Key] })
	return all
}

// changed returns a change in the words of a file. Of a section that was turned off, the numbers in
// it that were not the defaults are changes as well.
func (k key) changed(c resilience.Change) []Changed {
	if k.kind != kindSection {
		return []Changed{{k.path, k.text(c.From), k.text(c.To)}}
	}
	if isNone(c.From) {
		return []Changed{{k.path, "off", "on"}}
	}
	all := []Changed{{k.path, "on", "off"}}
	for _, below := range within(k.path) {
		v := reflect.ValueOf(c.From).Elem().FieldByName(strings.TrimPrefix(below.field, k.field+"."))
		if was, def := below.text(v.Interface()), below.defaultText(); was != def {
			all = append(all, Changed{below.path, was, def})
		}
	}
	return all
}
