package holdfast

import (
	"reflect"
	"slices"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

// keep returns a copy of the stages, settings behind pointers included, so that the caller cannot
// change it later.
func keep(stages []resilience.Stage) []resilience.Stage {
	stages = slices.Clone(stages)
	for i, s := range stages {
		if kind, ok := stage.OfConfig(s); ok {
			stages[i] = kind.Copy(s)
		}
	}
	return stages
}

// sameStages reports whether two rows of stages are the same: see same.
func sameStages(a, b []resilience.Stage) bool {
	return slices.EqualFunc(a, b, func(a, b resilience.Stage) bool { return same(reflect.ValueOf(a), reflect.ValueOf(b)) })
}

// same is like reflect.DeepEqual, but compares pointers by their addresses: what is behind them, a
// budget or a guard in use, changes meanwhile. Only pointers to settings (stage.IsData) are
// followed. Funcs cannot be compared, so two funcs are different, even if they are one; so are two
// maps.
func same(a, b reflect.Value) bool {
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	if a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Func, reflect.Map:
		return a.IsNil() && b.IsNil()
	case reflect.Interface:
		return same(a.Elem(), b.Elem())
	case reflect.Pointer:
		if stage.IsData(a.Type()) {
			return same(a.Elem(), b.Elem())
		}
	case reflect.Struct:
		for i := range a.NumField() {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		return sameElements(a, b)
	case reflect.Array:
		return sameElements(a, b)
	}
	return a.Equal(b)
}

func sameElements(a, b reflect.Value) bool {
	for i := range a.Len() {
		if !same(a.Index(i), b.Index(i)) {
			return false
		}
	}
	return true
}
