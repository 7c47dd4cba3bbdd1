package resilience

import (
	"fmt"
	"strings"
	"unicode"
)

// Change is one value that was changed by hand in a running pipeline.
type Change struct {
	By    string // who; "" if nobody said
	Stage string // the kind of stage: "budget", "breaker"
	Name  string // which one, where a pipeline may have several: a breaker's name
	Field string // the field of its Config: "Ratio"; "State" of a breaker that was isolated or reset

	// From and To are the field's values before and after, in the field's own type. If the field is
	// off, the value is -1.
	From, To any
}

// What returns what was changed in words, the stage first: "budget ratio", "breaker payments".
func (c Change) What() string {
	if c.Name != "" {
		return c.Stage + " " + c.Name
	}
	return c.Stage + " " + spaced(c.Field)
}

// FromText returns From in words: "0.1", "closed", "off" for -1.
func (c Change) FromText() string { return settingText(c.From) }

// ToText returns To in words.
func (c Change) ToText() string { return settingText(c.To) }

// String returns "budget ratio 0.1 → 0.2".
func (c Change) String() string { return c.What() + " " + c.FromText() + " → " + c.ToText() }

func settingText(v any) string {
	if v == -1.0 || v == -1 {
		return "off"
	}
	return fmt.Sprint(v)
}

// spaced returns the name of a field in lower case: "deposit on" for DepositOn.
func spaced(field string) string {
	var b strings.Builder
	for i, r := range field {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
