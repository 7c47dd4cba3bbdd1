package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// kind is the kind of a key's value.
type kind uint8

const (
	kindSection  kind = iota // a mapping of keys, or one of the words
	kindDuration             // in Go's syntax: 500ms, 1m30s
	kindCount                // a whole number
	kindNumber               // a number
	kindFlag                 // true or false
	kindChoice               // one of the words
	kindText                 // any text but the empty one
	kindName                 // of a template
	kindJitter               // one of the words, or {additive: 0.3} or {proportional: 0.2}
	kindCalls                // a list of services: names, or {service: fraud, per_call: 2}
	kindSilences             // a list of {code: HF012, reason: "…"}
	kindService              // the name of a service of the file
)

// key is one key that a file can set for a service.
type key struct {
	path      string // as in a file, below the service: "retry.max_retries"
	kind      kind
	words     []word  // that the value may be
	min, max  float64 // bounds of a number, durations in nanoseconds; a max of 0 is none
	zero      any     // what a literal 0 becomes in Go; nil: 0 is refused
	zeroMeans string  // what a literal 0 does
	stage     string  // the name of the stage whose Config it sets: "retry"
	field     string  // the field of that Config: "Adaptive.Window"; "" if it sets none
	def       string  // the default in words, where the stage's Resolve does not know it
	fact      bool    // it describes one service and no stage: not for defaults and templates
	doc       string
}

// word is a word that stands for a value.
type word struct {
	text  string
	value any // what the Config's field is set to, or a toggle
}

// toggle is the value that turns a section or a deadline on or off. It is not a value of a Config.
type toggle bool

const (
	switchedOn  toggle = true
	switchedOff toggle = false
)

// allKeys are the keys of a service: first those directly in it, then those in its sections.
var allKeys = func() []key {
	all := slices.Clone(templateKeys)
	for i := range sections {
		all = append(all, sections[i].own(sections[i].key))
	}
	all = append(all, factKeys...)
	for i := range sections {
		for _, k := range sections[i].keys {
			all = append(all, sections[i].own(k))
		}
	}
	return append(all, lintKeys...)
}()

// keys returns every key of a service in the order of a printed file, each section before its keys.
func keys() []key {
	var sorted []key
	for _, k := range keysIn[""] {
		sorted = append(sorted, k)
		sorted = append(sorted, within(k.path)...)
	}
	return sorted
}

// within returns the keys below a path, each section before its keys.
func within(path string) []key {
	var below []key
	for _, k := range keysIn[path] {
		below = append(below, k)
		below = append(below, within(k.path)...)
	}
	return below
}

// keysIn holds the keys directly in each section; "" is the service itself.
var keysIn = func() map[string][]key {
	in := map[string][]key{}
	for _, k := range allKeys {
		in[k.section()] = append(in[k.section()], k)
	}
	return in
}()

var keyByPath = func() map[string]key {
	m := make(map[string]key, len(allKeys))
	for _, k := range allKeys {
		m[k.path] = k
	}
	return m
}()

// keyOf returns the key of a path such as "retry.max_retries".
func keyOf(path string) (key, bool) {
	k, ok := keyByPath[path]
	return k, ok
}

// section returns the path of the section that the key is in: "retry"; "" for a key directly in a
// service.
func (k key) section() string {
	around, _ := cutLast(k.path)
	return around
}

// name returns the last part of the path: "max_retries".
func (k key) name() string {
	_, name := cutLast(k.path)
	return name
}

// cutLast returns the path of what is around a key, "" at the top, and the last part of the path.
func cutLast(path string) (around, name string) {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)], path[i+1:]
}

// word returns the value of a word.
func (k key) word(text string) (any, bool) {
	for _, w := range k.words {
		if w.text == text {
			return w.value, true
		}
	}
	return nil, false
}

// in returns the key's field of a Config. The result is invalid if the key sets no field, or is in
// a section that is off.
func (k key) in(config reflect.Value) reflect.Value {
	if k.field == "" {
		return reflect.Value{}
	}
	for name := range strings.SplitSeq(k.field, ".") {
		if config.Kind() == reflect.Pointer {
			config = config.Elem() // the zero Value, if it is nil
		}
		if !config.IsValid() {
			return config
		}
		config = config.FieldByName(name)
	}
	return config
}

// get returns the key's value in a Config. It returns false for a section, for a key that sets no
// field, and for one in a section that is off.
func (k key) get(config any) (any, bool) {
	field := k.in(reflect.ValueOf(config))
	if !field.IsValid() || k.kind == kindSection {
		return nil, false
	}
	return field.Interface(), true
}

// set sets the key's field. config is a pointer to a Config.
func (k key) set(config, value any) { k.in(reflect.ValueOf(config)).Set(reflect.ValueOf(value)) }

// turnOn sets the field of a section within a section, such as Adaptive, to a new zero value.
// config is a pointer to a Config.
func (k key) turnOn(config any) {
	field := k.in(reflect.ValueOf(config))
	field.Set(reflect.New(field.Type().Elem()))
}

// isOn reports whether the field of a section within a section, such as Adaptive, is not nil.
func (k key) isOn(config any) bool {
	field := k.in(reflect.ValueOf(config))
	return field.IsValid() && !field.IsNil()
}

// defaultText returns the default as a file would write it. It asks the stage, unless the key has a
// text of its own.
func (k key) defaultText() string {
	sec := sectionOf(k)
	if k.def != "" || sec == nil || k.fact {
		return k.def
	}
	c, err := sec.resolve(asStage(sec.whole()))
	if err != nil { // a deadline has no default
		return ""
	}
	if v, ok := k.get(c); ok {
		return k.text(v)
	}
	return ""
}

// text returns a Go value as a file writes it: "unlimited", "0s", "{additive: 0.3}".
func (k key) text(v any) string {
	for _, w := range k.words {
		if w.value == v && !(k.kind == kindJitter && w.text == "additive") {
			return w.text
		}
	}
	if k.zero != nil && k.zero == v {
		if k.kind == kindDuration {
			return "0s"
		}
		return "0"
	}
	switch v := v.(type) {
	case time.Duration:
		return brief.Duration(v)
	case float64:
		return formatNumber(v)
	case retry.AdditiveJitter:
		return "{additive: " + formatNumber(float64(v)) + "}"
	case retry.ProportionalJitter:
		return "{proportional: " + formatNumber(float64(v)) + "}"
	}
	return fmt.Sprint(v)
}

func formatNumber(v float64) string {
	if v >= 1e21 || v > 0 && v < 1e-6 {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
