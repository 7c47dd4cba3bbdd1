package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// kind is what a value may look like.
type kind uint8

const (
	kindSection  kind = iota // a mapping of keys, or one of the words
	kindDuration             // as Go writes them: 500ms, 1m30s
	kindCount                // a whole number
	kindNumber               // a number
	kindFlag                 // true or false
	kindChoice               // one of the words
	kindText                 // any text but the empty one
	kindName                 // of a template
	kindJitter               // one of the words, or {additive: 0.3} or {proportional: 0.2}
	kindCalls                // a list of services: names, or {service: fraud, per_call: 2}
	kindSilences             // a list of {code: HF012, reason: "…"}
)

// key is one thing that a file can say of a service.
type key struct {
	path      string // as in a file, below the service: "retry.max_retries"
	kind      kind
	words     []word  // that the value may be
	min, max  float64 // bounds of a number, durations in nanoseconds; a max of 0 is none
	zero      any     // what a literal 0 is in Go; nil: 0 is refused where min does not allow it
	zeroMeans string  // what a literal 0 does
	stage     string  // whose Config it sets: "retry"; of a key in a section, the section's
	field     string  // of that Config: "Adaptive.Window"; "" for what is not a field
	def       string  // the default in words, where the stage's Resolve does not know it
	fact      bool    // of one service: not for defaults and templates, and not part of any stage
	doc       string
}

// word is a word that stands for a value.
type word struct {
	text  string
	value any // in Go: what the Config's field gets, or a toggle
}

// toggle is the value of a section or deadline that is not a Config's.
type toggle bool

const (
	switchedOn  toggle = true
	switchedOff toggle = false
)

var allKeys = func() []key {
	all := slices.Concat(serviceKeys, bulkheadKeys, budgetKeys, retryKeys, adaptiveKeys, breakerKeys, lintKeys)
	for i, k := range all {
		if section, _, ok := strings.Cut(k.path, "."); ok && section != "lint" {
			all[i].stage = section
		}
	}
	return all
}()

// keys returns every key of a service, sections before what is in them, in the order in which a file gives them.
func keys() []key {
	var sorted []key
	for _, k := range serviceKeys {
		k, _ = keyOf(k.path)
		sorted = append(sorted, k)
		sorted = append(sorted, within(k.path)...)
	}
	return sorted
}

// within returns the keys below a path, sections before what is in them.
func within(path string) []key {
	var below []key
	for _, k := range allKeys {
		if k.section() == path {
			below = append(below, k)
			below = append(below, within(k.path)...)
		}
	}
	return below
}

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

// section returns the path of what the key stands in: "retry"; "" for what stands directly in a service.
func (k key) section() string {
	if i := strings.LastIndexByte(k.path, '.'); i >= 0 {
		return k.path[:i]
	}
	return ""
}

// name returns the last part of the path: "max_retries".
func (k key) name() string { return k.path[strings.LastIndexByte(k.path, '.')+1:] }

// word returns the value of a word.
func (k key) word(text string) (any, bool) {
	for _, w := range k.words {
		if w.text == text {
			return w.value, true
		}
	}
	return nil, false
}

// get returns the key's value in a stage's Config, and false for one that is no field of a Config, or whose section is off.
func (k key) get(config any) (any, bool) {
	v := reflect.ValueOf(config)
	if k.field == "" || k.kind == kindSection {
		return nil, false
	}
	for name := range strings.SplitSeq(k.field, ".") {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return nil, false
			}
			v = v.Elem()
		}
		v = v.FieldByName(name)
	}
	return v.Interface(), true
}

// set puts a value into a stage's Config, of which it gets a pointer.
func (k key) set(config, value any) {
	v := reflect.ValueOf(config).Elem()
	for name := range strings.SplitSeq(k.field, ".") {
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		v = v.FieldByName(name)
	}
	v.Set(reflect.ValueOf(value))
}

// defaultText returns the default as a file would say it. Where the stage has one, it is asked of the stage.
func (k key) defaultText() string {
	if k.def != "" {
		return k.def
	}
	var c any
	switch k.stage {
	case "bulkhead":
		c, _ = bulkhead.Config{}.Resolve()
	case "budget":
		c, _ = budget.Config{}.Resolve()
	case "retry":
		c, _ = retry.Config{Adaptive: &retry.Adaptive{}}.Resolve()
	case "breaker":
		c, _ = breaker.Config{}.Resolve()
	default:
		return ""
	}
	v, ok := k.get(c)
	if !ok {
		return ""
	}
	return k.text(v)
}

// text returns a value, in Go's terms, as a file says it: "unlimited", "0s", "{additive: 0.3}".
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
