// Package check collects what is wrong with a Config, so that all of it is reported at once.
package check

import (
	"errors"
	"fmt"

	"github.com/media-gateway/holdfast/resilience"
)

// Check collects the problems of one stage's Config. It is not safe for concurrent use.
type Check struct {
	stage string
	errs  []error
}

// Stage returns an empty Check for the stage with this name.
func Stage(name string) *Check { return &Check{stage: name} }

// Refuse notes that the value of a field breaks a rule. It is not inlined: retry.Do resolves a
// Config in each call, and would need a much larger stack frame for this rare case.
//
//go:noinline
func (c *Check) Refuse(field string, value any, rule resilience.Rule) {
	c.errs = append(c.errs, &resilience.FieldError{
		Stage: c.stage, Field: field, Value: value, Rule: &rule, Want: rule.String(),
	})
}

// Fail notes that the value of a field is wrong, and what is wanted. It is for problems that no
// Rule describes, and for those that only code can cause, not a file.
func (c *Check) Fail(field string, value any, want string, args ...any) {
	c.errs = append(c.errs, &resilience.FieldError{
		Stage: c.stage, Field: field, Value: value, Want: fmt.Sprintf(want, args...),
	})
}

// Add notes an error that a value of a Config reports itself. Only code can cause it, not a file.
func (c *Check) Add(err error) { c.errs = append(c.errs, err) }

// Err returns all problems, joined, or nil if there are none.
func (c *Check) Err() error { return errors.Join(c.errs...) }
