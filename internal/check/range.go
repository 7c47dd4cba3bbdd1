package check

import (
	"math"

	"github.com/media-gateway/holdfast/resilience"
)

// Off is the value that turns a limit off.
const Off = -1

// number is a type of a number in a Config. A time.Duration is one of them.
type number interface{ ~int | ~int64 | ~float64 }

// Range says which values a number of a Config may have. The zero Range accepts every number above
// 0.
type Range[T number] struct {
	Min T // 0: anything above 0
	Max T // 0: no bound

	Default T                    // the value for 0; 0: there is no default
	Zero    string               // what 0 means if there is no default: "for no wait"; "": 0 is refused
	Off     string               // what -1 means: "for no limit", "to turn it off"; "": -1 is refused
	Special []resilience.Special // other accepted values
}

// Number returns v, or the default if v is 0. If the Range does not accept v, Number notes that and
// returns the default. A special value, such as -1 for off, is returned unchanged.
func Number[T number](c *Check, field string, v T, r Range[T]) T {
	return NumberIn(c, field, v, &r)
}

// NumberIn is Number for a Range that the caller keeps, so that it is not copied in each call.
func NumberIn[T number](c *Check, field string, v T, r *Range[T]) T {
	switch {
	case v > 0 && v >= r.Min && (v <= r.Max || r.Max == 0 && float64(v) <= math.MaxFloat64):
		return v
	case v == 0 && (r.Default != 0 || r.Zero != ""):
		return r.Default
	case v == Off && r.Off != "" || r.isSpecial(v):
		return v
	}
	c.Refuse(field, v, r.Rule())
	return r.Default
}

func (r *Range[T]) isSpecial(v T) bool {
	for _, s := range r.Special {
		if s.Value == any(v) {
			return true
		}
	}
	return false
}

// Rule returns the Range as a resilience.Rule.
func (r *Range[T]) Rule() resilience.Rule {
	least := r.Min
	_, isInt := any(least).(int)
	if isInt {
		least = max(least, 1)
	}
	rule := resilience.Rule{Min: least, Above: least == 0}
	if r.Max != 0 {
		rule.Max = r.Max
	}
	if r.Default != 0 {
		rule.Default = r.Default
	}
	if r.Zero != "" {
		rule.Special = append(rule.Special, resilience.Special{Value: T(0), Means: r.Zero})
	}
	if r.Off != "" {
		off := float64(Off)
		rule.Special = append(rule.Special, resilience.Special{Value: T(off), Means: r.Off})
	}
	rule.Special = append(rule.Special, r.Special...)
	return rule
}
