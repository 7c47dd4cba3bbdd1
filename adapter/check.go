package adapter

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// Check collects what is wrong with the arguments of a constructor, so that one error names all of
// it. It is not safe for concurrent use.
type Check struct {
	Package string // the constructor's package: its errors begin with this name

	found []error
}

// Fail records that an argument has a wrong value. want says what would be right; it is a format
// string for fmt.Sprintf. The error is a *resilience.FieldError.
func (c *Check) Fail(argument string, value any, want string, args ...any) {
	c.found = append(c.found, &resilience.FieldError{
		Stage: c.Package, Field: argument, Value: value, Want: fmt.Sprintf(want, args...),
	})
}

// NotNil records an error if value is nil, or an interface that holds a nil pointer, func, map,
// slice or channel. It reports whether value is not nil.
func (c *Check) NotNil(argument string, value any, want string, args ...any) bool {
	if !isNil(value) {
		return true
	}
	c.Fail(argument, "nil", want, args...)
	return false
}

// Pipeline records an error if p is nil, zero or [holdfast.None]. It reports whether calls can run
// through p.
func (c *Check) Pipeline(p *holdfast.Pipeline) bool {
	if why := unmade(p); why != "" {
		c.Fail("pipeline", why, "want one made by holdfast.New")
		return false
	}
	return true
}

// Err returns all recorded errors, joined, or nil if there are none.
func (c *Check) Err() error { return errors.Join(c.found...) }

// Apply calls each option with to. It records an error for a nil option, and skips it.
func Apply[T any, O ~func(T)](c *Check, to T, options []O) {
	for _, option := range options {
		if option == nil {
			c.Fail("an option", "nil", "leave it out")
			continue
		}
		option(to)
	}
}

// unmade says why calls cannot run through p. It returns "" if they can.
func unmade(p *holdfast.Pipeline) string {
	switch {
	case p == nil:
		return "nil"
	case p == holdfast.None():
		return "holdfast.None"
	case p.Name() == "":
		return "zero"
	}
	return ""
}

func isNil(value any) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Interface, reflect.Chan:
		return v.IsNil()
	default:
		return false
	}
}
