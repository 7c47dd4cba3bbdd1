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

// knob is how an order for a fleet sets the ratio. The settings that it makes are marked as
// ordered: so a new configuration with the very same numbers replaces them as well.
type knob struct{ budget *Budget }

// Ratio returns the ratio in force.
func (k knob) Ratio() float64 { return k.budget.Config().Ratio }

// Set sets the ratio.
func (k knob) Set(ratio float64) (by any, err error) {
	b := k.budget
	b.updating.Lock()
	defer b.updating.Unlock()
	if err := b.setRatio(ratio); err != nil {
		return nil, err
	}
	s := *b.inForce()
	s.ordered = true
	b.settings.Store(&s)
	return &s, nil
}

// Ours reports whether the settings in force are those that Set made.
func (k knob) Ours(by any) bool { return by == any(k.budget.inForce()) }

// Restore sets the ratio if the settings in force are those that Set made.
func (k knob) Restore(by any, ratio float64) bool {
	b := k.budget
	b.updating.Lock()
	defer b.updating.Unlock()
	return k.Ours(by) && b.setRatio(ratio) == nil
}

// setRatio changes the ratio alone. The caller holds updating.
func (b *Budget) setRatio(ratio float64) error {
	c := b.Config()
	c.Ratio, c.Initial = ratio, 0
	return b.update(c)
}
