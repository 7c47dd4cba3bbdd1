package retry

import "github.com/media-gateway/holdfast/internal/mono"

// Arrived notes a call whose first attempt is about to be made. It is for this module's pipelines,
// which make that attempt themselves: it does not allocate, and looks at no clock, since that takes
// longer than all the rest of a call on which nothing goes wrong. timed is true if the loop must
// know when that attempt began: see budget.Config.SlowCost.
func (p *Policy) Arrived() (timed bool) {
	if p == nil || p.budget == nil {
		return false
	}
	p.budget.OnArrival()
	return p.budget.PricesSlow()
}

// Succeeded notes a call that succeeded at its first attempt, which began at first. What comes of
// another, Again notes.
func (p *Policy) Succeeded(first mono.Began) {
	if p == nil {
		return
	}
	if p.budget != nil {
		p.budget.Succeeded(first)
	}
	if p.learner != nil {
		p.learner.note(0, true, false)
	}
}
