// Package check collects what is wrong with a Config, so that all of it is reported at once.
package check

import (
	"errors"
	"fmt"

	"github.com/media-gateway/holdfast/resilience"
)

// Check collects the problems of one stage's Config.
type Check struct {
	stage string
	errs  []error
}

// Stage returns an empty Check for the stage so named.
func Stage(name string) *Check { return &Check{stage: name} }

// Refuse notes that field is value, which breaks the rule. It is not inlined: retry.Do resolves a
// Config in each call, and would need a far larger stack for what hardly ever happens.
//
//go:noinline
func (c *Check) Refuse(field string, value any, rule resilience.Rule) {
	c.errs = append(c.errs, &resilience.FieldError{
		Stage: c.stage, Field: field, Value: value, Rule: &rule, Want: rule.String(),
	})
}

// Fail notes that field is value where it should be what want says: for what is no rule of numbers
// or choices, and for what only code can get wrong.
func (c *Check) Fail(field string, value any, want string, args ...any) {
	c.errs = append(c.errs, &resilience.FieldError{
		Stage: c.stage, Field: field, Value: value, Want: fmt.Sprintf(want, args...),
	})
}

// Add notes a problem that a Config's value reports itself, and that only code can have.
func (c *Check) Add(err error) { c.errs = append(c.errs, err) }

// Err returns all that was noted, or nil.
func (c *Check) Err() error { return errors.Join(c.errs...) }
