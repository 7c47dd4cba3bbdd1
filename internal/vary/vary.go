// Package vary changes Configs at random, for tests that try many. It knows no field by name: it
// asks the stage what a number may be, which refuses a wrong one with the rule that it breaks. So a
// test that varies Configs covers a field as soon as it is there.
package vary

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

// Number returns c with one number changed, or switched on or off. It returns c as it is where the
// stage then refuses more than it did, or as much.
func Number[C resilience.Stage](rng *rand.Rand, c C) C {
	kind, ok := stage.OfConfig(c)
	if !ok {
		return c
	}
	changed := reflect.New(reflect.TypeOf(c)).Elem()
	changed.Set(reflect.ValueOf(c))
	var fields []int
	for i := range changed.NumField() {
		if k := changed.Field(i).Kind(); isNumber(k) || k == reflect.Bool {
			fields = append(fields, i)
		}
	}
	i := fields[rng.IntN(len(fields))]
	field := changed.Field(i)
	if field.Kind() == reflect.Bool {
		field.SetBool(!field.Bool())
	} else {
		values := valuesOf(rng, field.Type(), Rule(kind, changed.Type().Field(i).Name))
		field.Set(reflect.ValueOf(values[rng.IntN(len(values))]).Convert(field.Type()))
	}
	varied := changed.Interface().(C) //nolint:forcetypeassert // it was made as one
	if now := problems(kind, varied); now > 0 && now >= problems(kind, c) {
		return c
	}
	return varied
}

// problems returns how much the stage refuses of a Config.
func problems(kind *stage.Kind, c resilience.Stage) int {
	_, err := kind.Resolve(c)
	if err == nil {
		return 0
	}
	return len(all(err))
}

func isNumber(k reflect.Kind) bool {
	return k == reflect.Int || k == reflect.Int64 || k == reflect.Float64
}

// Rule returns the rule that a number of a kind's Config is checked by: that with which it refuses
// -2, which no number may be. It is the zero Rule for what takes any number.
func Rule(kind *stage.Kind, field string) resilience.Rule {
	wrong := reflect.New(reflect.TypeOf(kind.Config())).Elem()
	wrong.FieldByName(field).Set(reflect.ValueOf(-2).Convert(wrong.FieldByName(field).Type()))
	_, err := kind.Resolve(wrong.Interface().(resilience.Stage)) //nolint:forcetypeassert // the kind's Config is one
	for _, err := range all(err) {
		var f *resilience.FieldError
		if errors.As(err, &f) && f.Field == field && f.Rule != nil {
			return *f.Rule
		}
	}
	return resilience.Rule{}
}

// all returns the errors that are joined in err.
func all(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // errors.Join's own
		return joined.Unwrap()
	}
	return []error{err}
}

// valuesOf returns some of the values that a number may be by its rule: 0, the named ones, the
// least and others.
func valuesOf(rng *rand.Rand, t reflect.Type, rule resilience.Rule) []any {
	values := []any{0}
	for _, s := range rule.Special {
		values = append(values, s.Value)
	}
	least, most := toFloat(rule.Min), toFloat(rule.Max)
	if !rule.Above {
		values = append(values, least)
	}
	for range 3 {
		v := 1 + 20*rng.Float64() // small numbers decide the most
		switch {
		case t == reflect.TypeFor[time.Duration]():
			v *= float64([]time.Duration{time.Microsecond, time.Millisecond, 100 * time.Millisecond, time.Second}[rng.IntN(4)])
		case t.Kind() == reflect.Float64 && most > 0 && (most <= 20 || rng.IntN(2) == 0):
			v = least + (most-least)*(1-rng.Float64())
		}
		if v = max(v, least); most > 0 {
			v = min(v, most)
		}
		values = append(values, v)
	}
	return values
}

// toFloat returns a bound of a rule; 0 if there is none.
func toFloat(bound any) float64 {
	if v := reflect.ValueOf(bound); v.IsValid() {
		return v.Convert(reflect.TypeFor[float64]()).Float()
	}
	return 0
}
