package stage

import (
	"reflect"
	"slices"

	"github.com/media-gateway/holdfast/resilience"
)

// dataTypes are the types of every Spec's Data.
var dataTypes = map[reflect.Type]bool{}

// IsData reports whether a pointer of type t points to settings, and not to state.
func IsData(t reflect.Type) bool { return dataTypes[t] }

// findData records the fields of the kind's Config that are of these types.
func (k *Kind) findData(types []reflect.Type) {
	for _, t := range types {
		dataTypes[t] = true
	}
	for i := range k.config.NumField() {
		if slices.Contains(types, k.config.Field(i).Type) {
			k.data = append(k.data, i)
		}
	}
}

// Copy returns a Config like c that shares no settings with it.
func (k *Kind) Copy(c resilience.Stage) resilience.Stage {
	given, has := reflect.ValueOf(c), false
	for _, i := range k.data {
		has = has || !given.Field(i).IsNil()
	}
	if !has {
		return c
	}
	fresh := reflect.New(k.config).Elem()
	fresh.Set(given)
	for _, i := range k.data {
		if f := fresh.Field(i); !f.IsNil() {
			settings := reflect.New(f.Type().Elem())
			settings.Elem().Set(f.Elem())
			f.Set(settings)
		}
	}
	return fresh.Interface().(resilience.Stage) //nolint:forcetypeassert // it is of the type that c is
}
