package plan

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/resilience/budget"
)

// MostAttempts returns the most attempts that a call can make: those of Best. Unlimited if nothing
// limits them.
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

// Ratio returns the budget's ratio; 0 if it is off, or without a budget.
func (p Plan) Ratio() float64 {
	if p.Budget == nil {
		return 0
	}
	return max(0, p.Budget.Ratio)
}

// Floor returns the retries a second that the budget pays for when its bank is empty; 0 if it is
// off, or without a budget. A pooled budget's is one pod's share: its Floor is divided among the
// Pods.
func (p Plan) Floor() float64 {
	switch {
	case p.Budget == nil:
		return 0
	case p.Budget.Fleet && p.Pods > 1:
		return max(0, p.Budget.Floor) / float64(p.Pods)
	}
	return max(0, p.Budget.Floor)
}

// SlowCost returns how many tokens the budget takes for a retry after a slow failure; 1 without a
// budget.
func (p Plan) SlowCost() float64 {
	if p.Budget == nil {
		return 1
	}
	return p.Budget.SlowCost
}

// saved returns the most tokens that the floor saves; 0 without a floor.
func (p Plan) saved() float64 {
	if p.Floor() == 0 {
		return 0
	}
	return max(1, math.Ceil(p.Floor()), p.SlowCost())
}

// FailsSlowly reports whether an attempt that takes so long and fails is a slow failure: see
// budget.Config.SlowCost.
func (p Plan) FailsSlowly(takes time.Duration) bool {
	limit := p.AttemptDeadline
	if limit == 0 {
		limit = p.Deadline
	}
	return limit > 0 && takes > limit/2
}

// Bank returns the most retries that the bank pays for before it is empty: its burst or, if nothing
// is ever deposited, its initial content, once. 0 without a budget.
func (p Plan) Bank() float64 {
	switch {
	case p.Budget == nil:
		return 0
	case p.Ratio() > 0:
		return float64(p.Budget.Burst)
	}
	return float64(max(0, p.Budget.Initial))
}

// RunsDry reports whether the budget ends up paying for nothing: it has neither a ratio nor a
// floor, so a bank that is spent stays empty for the life of the process.
func (p Plan) RunsDry() bool { return p.Limited() && p.Retries() && p.Ratio() == 0 && p.Floor() == 0 }

// NeverPaid reports whether the budget pays for no retry at all: it runs dry, and its bank is empty
// from the beginning.
func (p Plan) NeverPaid() bool { return p.RunsDry() && p.Bank() == 0 }

// Paid returns the most retries that the budget pays for within t, while rps calls a second all
// fail: bank + floor · t, plus what the floor has saved, plus ratio · calls if arrivals deposit.
// +Inf without a budget that limits. Failures are quick, so each retry costs one token: see
// PaidSlow.
func (p Plan) Paid(rps float64, t time.Duration) float64 {
	if !p.Limited() {
		return math.Inf(1)
	}
	paid := p.Bank() + p.saved() + p.Floor()*t.Seconds()
	if p.Budget.DepositOn == budget.Arrival {
		paid += p.Ratio() * rps * t.Seconds()
	}
	return paid
}

// PaidSlow is Paid where all calls fail slowly.
func (p Plan) PaidSlow(rps float64, t time.Duration) float64 { return p.Paid(rps, t) / p.SlowCost() }

// Unpaid returns the attempts per call while everything fails, as if there were no budget; +Inf if
// nothing limits them.
func (p Plan) Unpaid() float64 {
	if n := p.MostAttempts(); n != Unlimited {
		return float64(n)
	}
	return math.Inf(1)
}

// Sustained returns the attempts per call in a long outage at rps calls a second, once the bank is
// spent: 1 + floor/rps, plus the ratio if arrivals deposit, but no more than Unpaid. If calls are
// rarer than the floor's retries, the true number may be less, since the floor saves no more than
// one second's worth. It is Unpaid without a budget that limits, and NaN without traffic. Failures
// are quick: see SustainedSlow.
func (p Plan) Sustained(rps float64) float64 { return p.sustained(rps, 1) }

// SustainedSlow is Sustained where all calls fail slowly: what is above 1 is divided by SlowCost.
func (p Plan) SustainedSlow(rps float64) float64 { return p.sustained(rps, p.SlowCost()) }

func (p Plan) sustained(rps, price float64) float64 {
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
	return min(1+retries/price, p.Unpaid())
}

// BurstLasts returns how long a full bank pays for every retry in an outage at rps calls a second;
// Forever if it never runs out.
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
