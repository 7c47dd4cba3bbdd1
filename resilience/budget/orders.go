package budget

import (
	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/resilience"
)

func init() {
	advice.KnobOf = func(p resilience.Policy) (advice.Knob, bool) {
		b, ok := p.(*Budget)
		if !ok || b.unmade() != nil {
			return nil, false
		}
		return knob{b}, true
	}
}

// knob is how an order for a fleet sets the ratio. The settings that it makes have the order's
// mark: so a new configuration with the very same numbers replaces them as well. They keep it while
// a fleet divides the floor anew.
type knob struct{ budget *Budget }

// order is the mark of one order.
type order struct {
	base *settings // whose ratio Restore brings back: from before the first of the orders in a row
}

// Ratio returns the ratio in force.
func (k knob) Ratio() float64 { return k.budget.Config().Ratio }

// Set sets the ratio.
func (k knob) Set(ratio float64) (by any, err error) {
	of, err := Config{Ratio: ratio}.resolve()
	if err != nil {
		return nil, err
	}
	mark := &order{}
	k.budget.swap(func(now *settings) *settings {
		mark.base = now
		if now.order != nil {
			mark.base = now.order.base
		}
		return now.ordered(of, mark)
	})
	return mark, nil
}

// Ours reports whether the settings in force are those that Set made.
func (k knob) Ours(by any) bool {
	mark, ok := by.(*order)
	return ok && mark != nil && k.budget.inForce().order == mark
}

// Restore brings the ratio from before the order back, if the settings in force are those that Set
// made.
func (k knob) Restore(by any) (ratio float64, ok bool) {
	k.budget.swap(func(now *settings) *settings {
		if !k.Ours(by) {
			return now
		}
		base := now.order.base
		ratio, ok = base.config.Ratio, true
		return now.ordered(base, nil)
	})
	return ratio, ok
}

// ordered returns s with the ratio of others, and the mark of an order.
func (s *settings) ordered(of *settings, mark *order) *settings {
	is := *s
	is.config.Ratio, is.ratio, is.order = of.config.Ratio, of.ratio, mark
	return &is
}
