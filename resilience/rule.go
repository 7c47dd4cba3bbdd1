package resilience

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rule says what a field of a Config may be, as data. Code that shows a Rule makes its own sentence
// of it: String in Go's words, a file in its keys, a page beside its input. A field that is not set
// does not apply. A Rule must not be changed.
type Rule struct {
	// Min and Max bound the value. They are of the field's type: int, float64 or time.Duration.
	Min, Max any
	Above    bool // the value has to be more than Min

	Default any       // what 0 stands for
	Special []Special // values with a meaning of their own, besides those within the bounds

	Choices []string // every value there is, as Go names it: "budget.Success"

	AtLeast *Bound   // the least that another field allows
	AtMost  *Bound   // the most that another field allows
	Needs   string   // another field that has to be set as well
	AnyOn   []string // at least one of these fields has to be on; this field is one of them

	// Why is the reason, if it is not obvious: "it says what is slow". It names no field and no
	// number, so that every surface may show it as it is.
	Why string
}

// Special is a value with a meaning of its own, such as -1 for no limit.
type Special struct {
	Value any
	Name  string // Go's name for it, such as "NoRetries"; "" if it is written as a number
	Means string // what it does, after "or -1": "for no limit", "to turn it off"
}

// Bound is another field of the same Config that bounds a field.
type Bound struct {
	Field string // its Go name: "BaseDelay"
	Value any    // its value, with the default filled in
	Each  any    // the bound is this times Value; nil: it is Value itself
}

// String returns what would be right, in Go's words: "want 1 to 10000, or 0 for the default (10)".
// It is "" for the zero Rule.
func (r Rule) String() string {
	want := r.bounds()
	switch {
	case r.AtLeast != nil:
		want = "at least " + r.AtLeast.String()
	case r.AtMost != nil:
		want = "at most " + r.AtMost.String()
	case r.Needs != "":
		want = r.Needs + " as well"
	case len(r.AnyOn) > 0:
		want = "at least one of " + list(r.AnyOn, "and") + " on"
	case len(r.Choices) > 0:
		want = list(r.Choices, "or")
	}
	if want == "" {
		return ""
	}
	want = "want " + listed(append([]string{want}, r.specials()...))
	if r.Why != "" {
		want += "; " + r.Why
	}
	return want
}

// Renamed returns the rule with what name returns in place of each field's Go name.
func (r Rule) Renamed(name func(field string) string) Rule {
	bound := func(b *Bound) *Bound {
		if b == nil {
			return nil
		}
		return &Bound{Field: name(b.Field), Value: b.Value, Each: b.Each}
	}
	r.AtLeast, r.AtMost = bound(r.AtLeast), bound(r.AtMost)
	if r.Needs != "" {
		r.Needs = name(r.Needs)
	}
	fields := r.AnyOn
	r.AnyOn = nil
	for _, f := range fields {
		r.AnyOn = append(r.AnyOn, name(f))
	}
	return r
}

// bounds returns Min and Max in words.
func (r Rule) bounds() string {
	_, isDuration := first(r.Min, r.Max).(time.Duration)
	_, isFloat := first(r.Min, r.Max).(float64)
	var words string
	switch {
	case isDuration && r.Above:
		words = "a positive duration"
	case isFloat && r.Above:
		words = fmt.Sprintf("a number above %v", r.Min)
	case r.Min != nil && r.Max != nil:
		return fmt.Sprintf("%v to %v", r.Min, r.Max)
	case r.Min != nil && isDuration:
		return fmt.Sprintf("at least %v", r.Min)
	case r.Min != nil:
		return fmt.Sprintf("%v or more", r.Min)
	case r.Max != nil:
		return fmt.Sprintf("at most %v", r.Max)
	default:
		return ""
	}
	if r.Max != nil {
		words += fmt.Sprintf(" and up to %v", r.Max)
	}
	if isDuration && r.Default == nil { // else the default is an example
		words += ", such as 500ms"
	}
	return words
}

// specials returns what else the field may be, each in words: "0 for the default (10)", "0 or -1 to
// turn it off".
func (r Rule) specials() (words []string) {
	if r.Default != nil {
		words = append(words, fmt.Sprintf("0 for the default (%v)", r.Default))
	}
	for i := 0; i < len(r.Special); i++ {
		values, means := r.Special[i].inGo(), r.Special[i].Means
		for ; means != "" && i+1 < len(r.Special) && r.Special[i+1].Means == means; i++ {
			values += " or " + r.Special[i+1].inGo()
		}
		words = append(words, strings.TrimSpace(values+" "+means))
	}
	return words
}

// inGo returns the value as a programmer writes it: "-1", which a time.Duration would print as
// "-1ns".
func (s Special) inGo() string {
	if s.Name != "" {
		return s.Name
	}
	if d, ok := s.Value.(time.Duration); ok {
		return strconv.FormatInt(int64(d), 10)
	}
	return fmt.Sprint(s.Value)
}

// String returns the bound in words: "BaseDelay (100ms)", "1ns for each of the Buckets (10)".
func (b Bound) String() string {
	if b.Each != nil {
		return fmt.Sprintf("%v for each of the %s (%v)", b.Each, b.Field, b.Value)
	}
	return fmt.Sprintf("%s (%v)", b.Field, b.Value)
}

func first(values ...any) any {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

// list returns "a", "a or b", "a, b or c".
func list(names []string, conjunction string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " " + conjunction + " " + names[last]
}

// listed returns "a", "a, or b", "a, b, or c".
func listed(parts []string) string {
	last := len(parts) - 1
	if last < 1 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:last], ", ") + ", or " + parts[last]
}
