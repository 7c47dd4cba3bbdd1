// Package foreign asks errors that others made. A func that returns a nil pointer as its error has
// a bug, and the methods of such an error may panic: that must not be the end of the process. An
// error whose method panics has no word, and nothing is found in it.
package foreign

import (
	"errors"
	"fmt"
	"reflect"
)

// Is is errors.Is.
func Is(err, target error) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return errors.Is(err, target)
}

// As is errors.AsType, which costs no allocation where errors.As with an interface target costs
// one per call.
func As[E error](err error) (found E, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return errors.AsType[E](err)
}

// Ask returns what method, one of E's, answers for the first error in err's tree that is an E. ok
// is false if there is none.
func Ask[E error, A any](err error, method func(E) A) (answer A, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	e, found := errors.AsType[E](err)
	if !found {
		return answer, false
	}
	return method(e), true
}

// Text is err.Error().
func Text(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("a %T whose Error method panics", err)
		}
	}()
	return err.Error()
}

// Members returns the errors of which err itself is a list, such as those of all tries of
// avast/retry-go (v4, whose Unwrap returns the last one) and of hashicorp/go-multierror. It returns
// nil if err is none, or an empty one. It allocates only for a list.
func Members(err error) (all []error) {
	v := reflect.ValueOf(err)
	if !v.IsValid() || v.Kind() != reflect.Slice || !v.Type().Elem().Implements(reflect.TypeFor[error]()) {
		return nil
	}
	for i := range v.Len() {
		one, _ := v.Index(i).Interface().(error)
		all = append(all, one)
	}
	return all
}

// Unwrap is errors.Unwrap.
func Unwrap(err error) (inner error) {
	defer func() {
		if recover() != nil {
			inner = nil
		}
	}()
	return errors.Unwrap(err)
}

// Same reports whether wrapped is err itself, where it is that or something around it. Errors of
// some types cannot be compared: a slice of errors is one of them.
func Same(wrapped, err error) (same bool) {
	defer func() {
		if recover() != nil { // both are of such a type, and so nothing is around it
			same = true
		}
	}()
	return wrapped == err //nolint:errorlint // identity
}

// timeoutError is what a net.Error is, among others.
type timeoutError interface {
	error
	Timeout() bool
}

// Timeout reports whether the first error in err's tree that can tell says that it is a timeout.
func Timeout(err error) bool {
	timeout, _ := Ask(err, timeoutError.Timeout)
	return timeout
}
