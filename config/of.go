package config

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/internal/visible"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// sourcePipeline is the Origin.Source of everything that Of read from a running pipeline.
const sourcePipeline = "pipeline"

// configOf returns the Config that would make these pipelines. Their stages are as Pipeline.Stages
// returns them. What only the linter uses is taken from facts, which may be nil.
func configOf(pipelines iter.Seq2[string, []resilience.Stage], facts *Config) (*Config, error) {
	services := map[string]*Service{}
	var errs []error
	for name, stages := range pipelines {
		s, err := serviceOf(name, stages)
		if err != nil {
			errs = append(errs, fmt.Errorf("config: %w", err))
			continue
		}
		if facts != nil {
			known, _ := facts.Service(name)
			s.RPS, s.Calls, s.Silenced = known.RPS, known.Calls, known.Silenced
		}
		services[name] = &s
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c := newConfig(services)
	if facts != nil {
		c.fleet, c.fleetOrigins = facts.fleet, facts.fleetOrigins
	}
	return c, nil
}

// serviceOf returns the Service that would make a pipeline of the given stages, which are as
// Pipeline.Stages returns them. What a file cannot express (a function, a Guard, an order of stages
// that it does not have) is left out and noted. It returns an error if the stages cannot make a
// pipeline at all.
func serviceOf(name string, stages []resilience.Stage) (Service, error) {
	if !isServiceName(name) {
		return Service{}, noServiceName(name)
	}
	row, errs := stage.Read(stages)
	if len(errs) > 0 {
		for i, err := range errs {
			errs[i] = fmt.Errorf("%s: %w", name, err)
		}
		return Service{}, errors.Join(errs...)
	}
	r := reader{service: Service{Name: name, Template: templateNone}, loop: row.Loop() >= 0}
	for i, m := range row {
		r.take(i, m, !row.PerCall(i))
	}
	r.settle()
	r.service.values = settings{}
	for _, k := range allKeys {
		r.service.values[k.path] = setting{origin: Origin{Source: sourcePipeline}}
	}
	return r.service, nil
}

// reader reads a row of stages into a service.
type reader struct {
	service Service
	loop    bool // there is a retry loop
	row     []standing
}

// standing is a stage of the row and its place in a call.
type standing struct {
	*section
	place
}

// inside reports whether a file would build the stage inside other.
func (s standing) inside(other standing) bool {
	order := func(sec *section) int {
		return slices.IndexFunc(sections, func(o section) bool { return o.path == sec.path })
	}
	return s.place > other.place || s.place == other.place && order(s.section) > order(other.section)
}

// note notes something that the file cannot express.
func (r *reader) note(format string, args ...any) {
	r.service.notes = append(r.service.notes, fmt.Sprintf(format, args...))
}

// take reads the stage at index i. perAttempt says whether it sees attempts or whole calls.
func (r *reader) take(i int, m *stage.Member, perAttempt bool) {
	sec := sectionFor(m.Kind, perAttempt)
	if sec == nil {
		r.note("stage %d, a %s: code puts it in (Registry.Amend)", i+1, m.Name)
		return
	}
	config := sec.fresh()
	config.Elem().Set(reflect.ValueOf(m.Config))
	r.leaveOut(sec, config)
	switch first, twice := sec.slot.get(&r.service); {
	case twice && m.Traits.Limit > 0:
		r.note("%s around %s: the file has one at its place", sec.inWords(first), sec.inWords(m.Config))
		sec.slot.set(&r.service, asStage(config)) // the inner one: it begins later, and still ends sooner
		return
	case twice:
		r.note("a second %s (stage %d: %s): the file has one", sec.path, i+1, sec.inWords(m.Config))
		return
	}
	sec.slot.set(&r.service, asStage(config))
	if m.Traits.DrawnOn {
		return
	}
	at := standing{sec, sec.place}
	if sec.per != nil && r.loop {
		at.place = aroundCall
		if perAttempt {
			at.place = aroundAttempt
		}
	}
	r.row = append(r.row, at)
}

// inWords describes the policy that a Config builds: "deadline 2s", "breaker 50%/20, \"replica\"".
func (sec *section) inWords(c resilience.Stage) string {
	p, _ := c.Build() // it was read, so it can be built
	words := fmt.Sprint(p)
	for _, k := range sec.keys {
		if name, _ := k.get(c); k.kind == kindText && name != "" {
			words += fmt.Sprintf(", %q", name)
		}
	}
	return words
}

// leaveOut sets to zero, and notes, what a file cannot express of a Config. config is a pointer to
// the Config.
func (r *reader) leaveOut(sec *section, config reflect.Value) {
	for field := range config.Elem().Type().Fields() {
		name, value := sec.stageKind.Name()+"."+field.Name, config.Elem().FieldByIndex(field.Index)
		if _, ok := codeOnly[name]; !ok || value.IsZero() {
			continue
		}
		r.note("%s, a function: code puts it in (Registry.Amend)", name)
		value.SetZero()
	}
	for _, k := range sec.keys {
		field := k.in(config)
		if k.field == "" || k.kind == kindSection || !field.IsValid() {
			continue
		}
		switch v := field.Interface(); {
		case k.kind == kindText && v == r.service.Name:
			field.SetZero() // the default
		case k.kind == kindText && v != "" && !isFileName(field.String()):
			r.note("%s.%s, %q, which is not printable", sec.path, k.field, v)
			field.SetZero()
		case (k.kind == kindChoice || k.kind == kindJitter) && !k.sayable(v):
			r.note("%s.%s, a %s: code puts it in (Registry.Amend)", sec.path, k.field, typeName(v))
			field.SetZero()
		}
	}
}

// sayable reports whether a file can write a value of a choice.
func (k key) sayable(v any) bool {
	switch v.(type) {
	case retry.AdditiveJitter, retry.ProportionalJitter:
		return true
	}
	return slices.ContainsFunc(k.words, func(w word) bool { return reflect.TypeOf(w.value) == reflect.TypeOf(v) && w.value == v })
}

// settle sets every key `per`. With a retry loop, the place of a stage decides it. Without a loop a
// call is one attempt: then a stage gets the default of a file, if the order of the row allows
// that. An order that a file cannot have is noted.
func (r *reader) settle() {
	if !r.loop {
		for i := range r.row { // first as far out as the row allows
			if s := &r.row[i]; s.per != nil {
				s.place = aroundCall
				if i > 0 && !s.inside(r.row[i-1]) {
					s.place = aroundAttempt
				}
			}
		}
		for i := len(r.row) - 1; i >= 0; i-- {
			usual := standing{r.row[i].section, r.row[i].section.place}
			if usual.per != nil && (i == 0 || usual.inside(r.row[i-1])) && (i == len(r.row)-1 || r.row[i+1].inside(usual)) {
				r.row[i] = usual
			}
		}
	}
	names, sorted := make([]string, len(r.row)), true
	for i, s := range r.row {
		if s.per != nil {
			*s.per(&r.service) = PerAttempt
			if s.place == aroundCall {
				*s.per(&r.service) = PerCall
			}
		}
		names[i] = s.path
		sorted = sorted && (i == 0 || s.inside(r.row[i-1]))
	}
	if !sorted {
		r.note("the order of its stages, which is %s", strings.Join(names, " → "))
	}
}

func typeName(v any) string { return strings.TrimPrefix(reflect.TypeOf(v).String(), "*") }

// isServiceName reports whether a file can have a service of that name.
func isServiceName(name string) bool { return isFileName(name) && len(name) <= maxName }

// noServiceName is the error for a name of which isServiceName reports false.
func noServiceName(name string) error {
	return fmt.Errorf("%s is no name that a file can have; want one that is printable, of at most %d bytes, without blanks around it", quoted(name), maxName)
}

// isFileName reports whether a file can have that text for a name.
func isFileName(name string) bool {
	return name != "" && strings.TrimSpace(name) == name && visible.Printable(name)
}
