package config

import (
	"errors"
	"iter"
	"reflect"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// section is one stage that a file can give to a service. Merging, checking, building, copying and
// printing are loops over the sections (see settings.go).
type section struct {
	key
	keys  []key               // the keys in it, and in the sections in it
	slot  slot                // where a Service holds its Config
	place place               // where the stage is in a call, unless per says otherwise
	per   func(*Service) *Per // where a Service holds the value of the key `per`; nil: the section has no such key

	needs   string // the section without which the stage has nothing to do; "" for none
	without string // why it needs that: "there is no retry loop for it to pay for"

	stageKind *stage.Kind  // set by completed
	config    reflect.Type // of its Config
}

// completed sets the fields that follow from the slot.
func completed(all []section) []section {
	for i := range all {
		zero := all[i].slot.zero()
		all[i].stageKind, _ = stage.OfConfig(zero)
		all[i].config = reflect.TypeOf(zero)
	}
	return all
}

// place is where a stage is in a call. The outermost place is the lowest number.
type place uint8

const (
	aroundCall    place = iota // it sees the whole call
	withLoop                   // it is the retry loop, or belongs to it
	aroundAttempt              // it sees each attempt
	atAttempt                  // it is the innermost, just around each attempt
)

// placeIn returns the place of the stage in the calls of a service.
func (sec *section) placeIn(s *Service) place {
	if sec.per == nil {
		return sec.place
	}
	switch *sec.per(s) {
	case PerCall:
		return aroundCall
	case PerAttempt:
		return aroundAttempt
	}
	return sec.place
}

// perIn returns the value of the key `per` for a service, or its default.
func (sec *section) perIn(s *Service) Per {
	if sec.placeIn(s) == aroundCall {
		return PerCall
	}
	return PerAttempt
}

// slot is where a Service holds the Config of a stage.
type slot interface {
	zero() resilience.Stage                       // a Config of its type
	get(s *Service) (c resilience.Stage, ok bool) // false: the service has no such stage
	set(s *Service, c resilience.Stage)
	adopt(s *Service, c any) // c is a pointer to a Config, which the Service keeps
}

// pointer is a slot for a field that is a pointer to a Config.
type pointer[C resilience.Stage] func(s *Service) **C

func (pointer[C]) zero() resilience.Stage {
	var c C
	return c
}

func (at pointer[C]) get(s *Service) (resilience.Stage, bool) {
	if p := *at(s); p != nil {
		return *p, true
	}
	return nil, false
}

func (at pointer[C]) set(s *Service, c resilience.Stage) {
	if own, ok := c.(C); ok {
		*at(s) = &own
	}
}

func (at pointer[C]) adopt(s *Service, c any) { *at(s), _ = c.(*C) }

// limit is a slot for a field that is the Limit of a deadline.
type limit func(s *Service) *time.Duration

func (limit) zero() resilience.Stage { return deadline.Config{} }

func (at limit) get(s *Service) (resilience.Stage, bool) { return deadline.In(*at(s)), *at(s) != 0 }

func (at limit) set(s *Service, c resilience.Stage) {
	if d, ok := c.(deadline.Config); ok {
		*at(s) = d.Limit
	}
}

func (at limit) adopt(s *Service, c any) {
	if d, ok := c.(*deadline.Config); ok {
		*at(s) = d.Limit
	}
}

// resolve returns the Config with every default filled in, or an error that says what is wrong with
// it.
func (sec *section) resolve(c resilience.Stage) (resilience.Stage, error) {
	return sec.stageKind.Resolve(c)
}

// fresh returns a pointer to a Config in which nothing is set.
func (sec *section) fresh() reflect.Value { return reflect.New(sec.config) }

// asStage returns the Config that config points to.
func asStage(config reflect.Value) resilience.Stage {
	c, _ := config.Elem().Interface().(resilience.Stage)
	return c
}

// whole returns a pointer to a Config that the stage accepts. Every section within the section is
// on, and each field without a default has its least value. Nothing else is set.
func (sec *section) whole() reflect.Value {
	c := sec.fresh()
	for _, k := range sec.keys {
		if k.kind == kindSection {
			k.turnOn(c.Interface())
		}
	}
	for k, rule := range sec.required() {
		least := rule.Min
		if rule.Above { // the least integer or nanosecond above 0, and 1 for a float
			least = reflect.ValueOf(1).Convert(reflect.TypeOf(rule.Min)).Interface()
		}
		k.set(c.Interface(), least)
	}
	return c
}

// required yields the keys for which the stage has no default, with the rules for their values.
func (sec *section) required() iter.Seq2[key, *resilience.Rule] {
	return func(yield func(key, *resilience.Rule) bool) {
		_, err := sec.resolve(asStage(sec.fresh()))
		for _, wrong := range fieldErrors(err) {
			if k, ok := sec.keyOf(wrong.Field); ok && wrong.Rule != nil && !yield(k, wrong.Rule) {
				return
			}
		}
	}
}

// own returns a key of the section with its stage, and with the bounds that the stage sets.
func (sec *section) own(k key) key {
	k.stage = sec.stageKind.Name()
	if k.path == sec.path+".per" {
		k.def = sec.perIn(new(Service)).String()
	}
	rule := sec.ruleOf(k)
	if rule == nil {
		return k
	}
	k.min, k.max = float(rule.Min), float(rule.Max)
	if k.kind == kindCount && k.zero != nil {
		k.min = 0
	}
	return k
}

// ruleOf returns the stage's rule for a number, nil if the key is not a number of a Config. It
// finds the rule by asking the stage to resolve a value that no Config may have (-2).
func (sec *section) ruleOf(k key) *resilience.Rule {
	never := map[kind]any{kindDuration: time.Duration(check.Off - 1), kindCount: check.Off - 1, kindNumber: float64(check.Off - 1)}[k.kind]
	if never == nil || k.field == "" {
		return nil
	}
	c := sec.whole()
	k.set(c.Interface(), never)
	_, err := sec.resolve(asStage(c))
	for _, wrong := range fieldErrors(err) {
		if wrong.Field == k.field {
			return wrong.Rule
		}
	}
	return nil
}

// fieldErrors returns the FieldErrors that err joins.
func fieldErrors(err error) (all []*resilience.FieldError) {
	for _, err := range joinedIn(err) {
		if wrong, ok := errors.AsType[*resilience.FieldError](err); ok {
			all = append(all, wrong)
		}
	}
	return all
}

// joinedIn returns the errors that err joins, or err alone if it joins none.
func joinedIn(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the error itself, not one it wraps
		return joined.Unwrap()
	}
	return []error{err}
}

// float returns a bound of a rule; 0 for none.
func float(bound any) float64 {
	switch b := bound.(type) {
	case int:
		return float64(b)
	case time.Duration:
		return float64(b)
	case float64:
		return b
	}
	return 0
}

// sectionPath returns the path of the top-level section of a key: "retry" of
// "retry.adaptive.window".
func sectionPath(k key) string {
	first, _, _ := strings.Cut(k.path, ".")
	return first
}

// sectionOf returns the section that a key belongs to, or nil.
func sectionOf(k key) *section {
	path := sectionPath(k)
	for i := range sections {
		if sections[i].path == path {
			return &sections[i]
		}
	}
	return nil
}

// sectionFor returns the section for a stage of this kind, or nil if a file has none. perAttempt
// matters only for a deadline, which has two sections: one for the call, one for each attempt.
func sectionFor(kind *stage.Kind, perAttempt bool) *section {
	for i := range sections {
		sec := &sections[i]
		fixed := sec.per == nil && sec.place != withLoop
		if sec.stageKind == kind && (!fixed || perAttempt == (sec.place > withLoop)) {
			return sec
		}
	}
	return nil
}

// keyOf returns the section's key for a field of its Config.
func (sec *section) keyOf(field string) (key, bool) {
	if sec.field == field {
		return sec.key, true
	}
	for _, k := range sec.keys {
		if k.field == field {
			return k, true
		}
	}
	return key{}, false
}
