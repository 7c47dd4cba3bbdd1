package resilience

import "fmt"

// FieldError says what is wrong with one field of a stage's Config. Where several fields are
// wrong, the errors are joined (see [errors.Join]).
type FieldError struct {
	Stage string // the stage's package: "retry"
	Field string // the field's Go name: "MaxDelay"
	Value any    // what it was

	// Rule says what the field may be, for code that says it in its own words. It is nil if the
	// fault is not against a rule of numbers or choices: if a func is missing, for example.
	Rule *Rule

	// Want says what would be right, in Go's words. If there is a Rule, it is the Rule's String.
	Want string
}

// Error returns the whole on one line: "retry: MaxDelay is 50ms; want at least BaseDelay (100ms)".
func (e *FieldError) Error() string {
	if e == nil {
		return "a nil *resilience.FieldError"
	}
	return fmt.Sprintf("%s: %s is %v; %s", e.Stage, e.Field, e.Value, e.Want)
}
