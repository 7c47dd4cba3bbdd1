package resilience

import "reflect"

// Classifier decides what an error means. For an error that it does not know, it returns
// Unclassified; then [Classify] is asked. It is called under no lock, and must be safe for
// concurrent use.
type Classifier func(err error) Verdict

// Errors returns a Classifier that returns v for the targets, and Unclassified for any other error:
//
//	resilience.Errors(resilience.Permanent, ErrDeclined, resilience.Type[*pay.Refusal]())
//
// A target is a sentinel, which is found as by errors.Is, or a [Type]. A nil pointer also stands
// for its type. A nil target is left out. The Classifier does not allocate, and is safe for
// concurrent use.
func Errors(v Verdict, targets ...error) Classifier {
	sentinels := make([]error, 0, len(targets))
	var matches []func(error) bool
	for _, target := range targets {
		switch t := target.(type) { //nolint:errorlint // what was given, not what it wraps
		case nil:
		case typeTarget:
			matches = append(matches, t.matches)
		default:
			if r := reflect.ValueOf(target); r.Kind() == reflect.Pointer && r.IsNil() {
				matches = append(matches, ofType(r.Type()))
				continue
			}
			sentinels = append(sentinels, target)
		}
	}
	return func(err error) Verdict {
		for _, sentinel := range sentinels {
			if isIn(err, sentinel) {
				return v
			}
		}
		for _, matches := range matches {
			if matches(err) {
				return v
			}
		}
		return Unclassified
	}
}

// Type returns a target for [Errors] that stands for all errors of type E, found as by errors.As.
// It is not for calls to return.
func Type[E error]() error { return typeOf[E]{} }

type typeTarget interface {
	error
	matches(err error) bool
}

type typeOf[E error] struct{}

func (typeOf[E]) Error() string { return "any " + reflect.TypeFor[E]().String() }

func (typeOf[E]) matches(err error) bool {
	_, ok := asType[E](err)
	return ok
}

// ofType matches an error whose tree has one of type t.
func ofType(t reflect.Type) func(error) bool {
	return func(err error) bool {
		return anyOf(err, func(err error) bool { return reflect.TypeOf(err) == t })
	}
}

// Classifiers returns a Classifier that asks the given ones in order, and returns the first verdict
// that is not Unclassified; Unclassified if there is none. Nil ones are left out.
func Classifiers(classifiers ...Classifier) Classifier {
	return func(err error) Verdict {
		for _, classify := range classifiers {
			if classify == nil {
				continue
			}
			if v := classify(err); v != Unclassified {
				return v
			}
		}
		return Unclassified
	}
}

// anyOf reports whether err or any error in its tree satisfies is. It walks in the order of
// errors.Is: an error before those that it wraps. If a method of a foreign error panics, as on a
// nil pointer, it stops and returns false.
func anyOf(err error, is func(error) bool) (found bool) {
	defer func() { _ = recover() }()
	return walkTree(err, is)
}

func walkTree(err error, is func(error) bool) bool {
	for err != nil {
		if is(err) {
			return true
		}
		switch e := err.(type) { //nolint:errorlint // one step of the walk
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				if walkTree(inner, is) {
					return true
				}
			}
			return false
		default:
			return false
		}
	}
	return false
}
