package plan

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/resilience/budget"
)

// MostAttempts returns the most attempts that a call can become: those of Best. Unlimited if
// nothing limits them.
func (p Plan) MostAttempts() int {
	best := p.Best()
	if best.More && best.Runs == len(best.Attempts) {
		if n := p.Attempts(); n != Unlimited {
			return n
		}
		return Unlimited
	}
	return best.Runs
}

// Limited reports whether a budget limits the retries: one that is not in shadow.
func (p Plan) Limited() bool { return p.Budget != nil && !p.Budget.Shadow }

// Ratio and Floor return the budget's, 0 for what is off or where there is no budget.
func (p Plan) Ratio() float64 {
	if p.Budget == nil {
		return 0
	}
	return max(0, p.Budget.Ratio)
}

// Floor returns the retries a second that the budget pays for when its bank is empty.
func (p Plan) Floor() float64 {
	if p.Budget == nil {
		return 0
	}
	return max(0, p.Budget.Floor)
}

// Bank returns how many retries the bank pays for at the most before it is empty: its burst or,
// where nothing is ever deposited, what it begins with, and then once only. 0 without a budget.
func (p Plan) Bank() float64 {
	switch {
	case p.Budget == nil:
		return 0
	case p.Ratio() > 0:
		return float64(p.Budget.Burst)
	}
	return float64(max(0, p.Budget.Initial))
}

// RunsDry reports whether there comes an end to what a budget pays for: it has neither a ratio nor
// a floor, so that a bank that is spent stays empty for as long as the process runs.
func (p Plan) RunsDry() bool { return p.Limited() && p.Retries() && p.Ratio() == 0 && p.Floor() == 0 }

// NeverPaid reports whether a budget pays for no retry at all: it runs dry, and its bank begins
// empty.
func (p Plan) NeverPaid() bool { return p.RunsDry() && p.Bank() == 0 }

// Paid returns how many retries the budget pays for at the most within t, at so many calls a second
// of which none succeeds: bank + floor · t, what the floor has saved up, and ratio · calls where
// arrivals deposit. +Inf without a budget that limits.
func (p Plan) Paid(rps float64, t time.Duration) float64 {
	if !p.Limited() {
		return math.Inf(1)
	}
	paid := p.Bank()
	if p.Floor() > 0 {
		paid += max(1, math.Ceil(p.Floor())) + p.Floor()*t.Seconds()
	}
	if p.Budget.DepositOn == budget.Arrival {
		paid += p.Ratio() * rps * t.Seconds()
	}
	return paid
}

// Unpaid returns the attempts per call while everything fails, without a budget; +Inf if nothing
// limits them.
func (p Plan) Unpaid() float64 {
	if n := p.MostAttempts(); n != Unlimited {
		return float64(n)
	}
	return math.Inf(1)
}

// Sustained returns the attempts per call of a long outage at so many calls a second, once the bank
// is spent: 1 + floor/rps (and the ratio, where arrivals deposit), but no more than Unpaid. Where
// calls are rarer than the floor's retries it may be less, since the floor saves no more than a
// second's worth. It is Unpaid without a budget that limits.
func (p Plan) Sustained(rps float64) float64 {
	if !p.Limited() || !p.Retries() {
		return p.Unpaid()
	}
	if !(rps > 0) {
		return math.NaN()
	}
	retries := p.Floor() / rps
	if p.Budget.DepositOn == budget.Arrival {
		retries += p.Ratio()
	}
	return min(1+retries, p.Unpaid())
}

// BurstLasts returns how long the bank, full at first, pays for every retry of an outage at so many
// calls a second; Forever if it does so without end.
func (p Plan) BurstLasts(rps float64) time.Duration {
	if !p.Limited() {
		return Forever
	}
	spends := rps*(p.Unpaid()-1) - p.Floor()
	if p.Budget.DepositOn == budget.Arrival {
		spends -= rps * p.Ratio()
	}
	if !(spends > 0) {
		return Forever
	}
	return seconds(p.Bank() / spends)
}

// seconds is a duration of s seconds, at most Forever.
func seconds(s float64) time.Duration {
	if !(s*float64(time.Second) < float64(Forever)) {
		return Forever
	}
	return time.Duration(s * float64(time.Second))
}
