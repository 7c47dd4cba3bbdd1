package resilience

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"unicode"
)

// Change is one value that is another in a running pipeline than it was: by hand, or by an update.
type Change struct {
	By    string // who; "" if nobody said
	Stage string // the kind of stage: "budget", "breaker"; "pipeline" for the order of the stages

	// Name says which one, where a pipeline may have several: a breaker's name. Of several other
	// stages of a kind, those that see whole calls are "call", and those that see attempts
	// "attempt"; "" if there is one.
	Name string

	// Field is the field of the stage's Config: "Ratio", "Adaptive.CutTo"; "State" of a breaker
	// that was isolated or reset; "Order" of a pipeline; "" of a stage that an update added or
	// removed.
	Field string

	// From and To are the field's values before and after, in the field's own type. If the field is
	// off, the value is -1, and nil for a field that is a pointer. Of a stage that was added or
	// removed they are the stage in words, and "" where there was none.
	From, To any
}

// Update lists what an update changed in a pipeline, in an Event.
type Update struct {
	Changes []Change // those of a stage together, the outermost stage first; By is ""
}

// String returns all changes in words: "retry max retries 3 → 5; breaker payments: open for 5s →
// 10s". Of a nil Update it is "".
func (u *Update) String() string {
	if u == nil {
		return ""
	}
	words := make([]string, len(u.Changes))
	for i, c := range u.Changes {
		words[i] = c.String()
	}
	return strings.Join(words, "; ")
}

// What returns what was changed in words, the stage first: "budget ratio", "breaker payments" if
// that is its state, "breaker payments: open for".
func (c Change) What() string {
	switch {
	case c.Field == "":
		return strings.TrimSuffix(c.Stage+" "+c.Name, " ")
	case c.Name == "":
		return c.Stage + " " + spaced(c.Field)
	case c.Field == "State":
		return c.Stage + " " + c.Name
	}
	return c.Stage + " " + c.Name + ": " + spaced(c.Field)
}

// FromText returns From in words: "0.1", "closed", "off" for -1, "none" for a stage that was not
// there.
func (c Change) FromText() string { return settingText(c.From) }

// ToText returns To in words.
func (c Change) ToText() string { return settingText(c.To) }

// String returns "budget ratio 0.1 → 0.2", "bulkhead 64 added", "deadline 2s removed".
func (c Change) String() string {
	switch {
	case c.Field == "" && c.From == "":
		return c.ToText() + " added"
	case c.Field == "" && c.To == "":
		return c.FromText() + " removed"
	}
	return c.What() + " " + c.FromText() + " → " + c.ToText()
}

func settingText(v any) string {
	switch r := reflect.ValueOf(v); {
	case !r.IsValid(), v == "", v == math.MinInt:
		return "none"
	case v == math.MaxInt:
		return "unlimited"
	case r.Kind() == reflect.Pointer && r.IsNil(), r.CanInt() && r.Int() == -1, r.CanFloat() && r.Float() == -1:
		return "off"
	case r.Kind() == reflect.Pointer:
		return "on"
	}
	return fmt.Sprint(v)
}

// spaced returns the name of a field in lower case: "deposit on" for DepositOn, "adaptive cut to"
// for Adaptive.CutTo.
func spaced(field string) string {
	var b strings.Builder
	for i, r := range strings.ReplaceAll(field, ".", "") {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
