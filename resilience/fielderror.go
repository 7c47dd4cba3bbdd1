package resilience

import "fmt"

// FieldError says what is wrong with one field of a stage's Config. Where several fields are
// wrong, the errors are joined (see [errors.Join]).
type FieldError struct {
	Stage string // the stage's package: "retry"
	Field string // the field's Go name: "MaxDelay"
	Value any    // what it was
	Want  string // what would be right
}

// Error returns the whole on one line: "retry: MaxDelay is 50ms; want at least BaseDelay (100ms)".
func (e *FieldError) Error() string {
	return fmt.Sprintf("%s: %s is %v; %s", e.Stage, e.Field, e.Value, e.Want)
}
