package holdfastdash

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// order is the change that a page asks for. Absent fields change nothing.
type order struct {
	Pipeline string       `json:"pipeline"`
	Budget   *budgetOrder `json:"budget"`
	Isolate  []string     `json:"isolate"`
	Reset    []string     `json:"reset"`
}

// budgetOrder has the fields of a budget.Config that a page may change, with the same names. In an
// order, 0 means none. In a Config, -1 means none, and 0 the default.
type budgetOrder struct {
	Ratio  *float64 `json:"ratio"`
	Floor  *float64 `json:"floor"`
	Burst  *int     `json:"burst"`
	Shadow *bool    `json:"shadow"`
}

// tuned is the response to an order that was carried out.
type tuned struct {
	Changes []changed `json:"changes"`
	Who     string    `json:"who"`
}

// changed is one change, in the page's words.
type changed struct {
	What string `json:"what"`
	From string `json:"from"`
	To   string `json:"to"`
}

// refused is the response to an order that was not carried out.
type refused struct {
	Errors []problem `json:"errors"`
}

// problem is one thing that is wrong with an order.
type problem struct {
	Field   string `json:"field,omitempty"` // the key of the order whose value is wrong: "budget.ratio"
	Message string `json:"message"`
}

func (p problem) Error() string { return p.Message }

// carryOut makes the changes. It returns the changes made, or the problems of the order.
func (o *order) carryOut(ctx context.Context, p *holdfast.Pipeline, who string) ([]changed, []problem) {
	t := holdfast.Tuning{By: who, Isolate: o.Isolate, Reset: o.Reset}
	if o.Budget != nil {
		t.Budget = o.Budget.apply
	}
	changes, err := p.Tune(ctx, t)
	if err != nil {
		return nil, o.problems(err)
	}
	all := make([]changed, len(changes))
	for i, c := range changes {
		all[i] = inPageWords(c)
	}
	return all, nil
}

// apply sets the order's fields in a Config.
func (b *budgetOrder) apply(c *budget.Config) {
	config := reflect.ValueOf(c).Elem()
	for field, value := range b.set() {
		switch v := value.(type) {
		case int:
			value = inConfig(v)
		case float64:
			value = inConfig(v)
		}
		config.FieldByName(field.Name).Set(reflect.ValueOf(value))
	}
}

// set yields the fields that are set, and their values.
func (b *budgetOrder) set() func(yield func(reflect.StructField, any) bool) {
	return func(yield func(reflect.StructField, any) bool) {
		for field, value := range reflect.ValueOf(b).Elem().Fields() {
			if !value.IsNil() && !yield(field, value.Elem().Interface()) {
				return
			}
		}
	}
}

// inConfig converts a number of an order into that of a Config: 0 becomes -1, which Config refuses
// for a burst. A negative number becomes one that every Config refuses.
func inConfig[T int | float64](v T) T {
	switch {
	case v < 0:
		return check.Off - 1
	case v == 0:
		return check.Off
	}
	return v
}

// inPageWords returns a change for the page: with 0 instead of a Config's -1.
func inPageWords(c resilience.Change) changed {
	for _, v := range []*any{&c.From, &c.To} {
		if isOff(*v) {
			*v = 0
		}
	}
	return changed{c.What(), c.FromText(), c.ToText()}
}

func isOff(v any) bool { return v == any(check.Off) || v == any(float64(check.Off)) }

// problems converts an error of Tune. A problem with a field names the order's key and value, not
// those of the Config.
func (o *order) problems(err error) []problem {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the error itself, not one it wraps
		var all []problem
		for _, err := range joined.Unwrap() {
			all = append(all, o.problems(err)...)
		}
		return all
	}
	wrong, ok := errors.AsType[*resilience.FieldError](err)
	if !ok || o.Budget == nil || wrong.Rule == nil {
		return []problem{{Message: err.Error()}}
	}
	for field, value := range o.Budget.set() {
		if field.Name == wrong.Field {
			key := "budget." + field.Tag.Get("json")
			return []problem{{key, fmt.Sprintf("%s: %s is %v; %s", o.Pipeline, key, value, inOrder(*wrong.Rule))}}
		}
	}
	return []problem{{Message: err.Error()}}
}

// inOrder returns a Config's rule as it applies to an order: without a default, and with 0 for off.
func inOrder(r resilience.Rule) resilience.Rule {
	special := r.Special
	r.Default, r.Special = nil, nil
	for _, s := range special {
		if isOff(s.Value) {
			r.Special = []resilience.Special{{Value: 0, Means: "for none"}}
		}
	}
	return r
}
