// Package check collects what is wrong with a Config, so that all of it is reported at once.
package check

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// Check collects the problems of one stage's Config.
type Check struct {
	stage string
	errs  []error
}

// Stage returns an empty Check for the stage so named.
func Stage(name string) *Check { return &Check{stage: name} }

// Fail notes that field is value where it should be what want says.
func (c *Check) Fail(field string, value any, want string, args ...any) {
	c.errs = append(c.errs, &resilience.FieldError{
		Stage: c.stage, Field: field, Value: value, Want: fmt.Sprintf(want, args...),
	})
}

// Err returns all that was noted, or nil.
func (c *Check) Err() error { return errors.Join(c.errs...) }

// Off is the value that turns a limit off.
const Off = -1

// Duration returns v, or def where v is zero. A negative v fails.
func (c *Check) Duration(field string, v, def time.Duration) time.Duration {
	if v < 0 {
		c.Fail(field, v, "want a positive duration, or 0 for the default (%v)", def)
		return def
	}
	return cmp.Or(v, def)
}

// DurationOrOff is Duration, where -1 stands for no limit and yields off.
func (c *Check) DurationOrOff(field string, v, def, off time.Duration) time.Duration {
	if v == Off {
		return off
	}
	if v < 0 {
		c.Fail(field, v, "want a positive duration, 0 for the default (%v), or -1 for no limit", def)
		return def
	}
	return cmp.Or(v, def)
}

// Int returns v, or def where v is zero. A v below zero or above top fails.
func (c *Check) Int(field string, v, def, top int) int {
	if v < 0 || v > top {
		c.Fail(field, v, "want 1 to %d, or 0 for the default (%d)", top, def)
		return def
	}
	return cmp.Or(v, def)
}

// IntOrOff is Int, where -1 turns it off and yields off.
func (c *Check) IntOrOff(field string, v, def, off, top int) int {
	if v == Off {
		return off
	}
	if v < 0 || v > top {
		c.Fail(field, v, "want 1 to %d, 0 for the default (%d), or -1 to turn it off", top, def)
		return def
	}
	return cmp.Or(v, def)
}

// FloatOrOff returns v, def where v is zero, or 0 where v is -1. A v that is not a number,
// infinite, negative or above top fails.
func (c *Check) FloatOrOff(field string, v, def, top float64) float64 {
	if v == Off {
		return 0
	}
	if math.IsNaN(v) || v < 0 || v > top {
		c.Fail(field, v, "want a number above 0 and up to %v, 0 for the default (%v), or -1 to turn it off", top, def)
		return def
	}
	return cmp.Or(v, def)
}
