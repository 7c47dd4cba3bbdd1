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
	Package string // the constructor's, with which the errors begin

	found []error
}

// Fail notes that an argument is value where it should be what want says, in the form of
// fmt.Sprintf. The error is a resilience.FieldError.
func (c *Check) Fail(argument string, value any, want string, args ...any) {
	c.found = append(c.found, &resilience.FieldError{
		Stage: c.Package, Field: argument, Value: value, Want: fmt.Sprintf(want, args...),
	})
}

// NotNil notes that an argument is nil, or a nil pointer, func, map or slice in an interface. It
// reports whether the argument is neither.
func (c *Check) NotNil(argument string, value any, want string, args ...any) bool {
	if !isNil(value) {
		return true
	}
	c.Fail(argument, "nil", want, args...)
	return false
}

// Pipeline notes that p is nil, zero or [holdfast.None]. It reports whether p is none of these.
func (c *Check) Pipeline(p *holdfast.Pipeline) bool {
	if why := unmade(p); why != "" {
		c.Fail("pipeline", why, "want one made by holdfast.New")
		return false
	}
	return true
}

// Err returns all that was noted, joined, or nil.
func (c *Check) Err() error { return errors.Join(c.found...) }

// Apply calls each option with to. It notes nil options, and leaves them out.
func Apply[T any, O ~func(T)](c *Check, to T, options []O) {
	for _, option := range options {
		if option == nil {
			c.Fail("an option", "nil", "leave it out")
			continue
		}
		option(to)
	}
}

// unmade says why p is no pipeline to run calls through, "" if it is one.
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
