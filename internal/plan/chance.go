package plan

import (
	"math"
	"sort"
	"time"

	"github.com/media-gateway/holdfast/resilience/budget"
)

// RunLength returns how many trials it takes on average until so many in a row fail, where each
// fails with the given chance, whatever the others do: (f⁻ᵏ - 1) / (1 - f).
//
// Source: W. Feller, An Introduction to Probability Theory and Its Applications, vol. 1, XIII.7.
func RunLength(inARow int, failing float64) float64 {
	switch {
	case inARow <= 0:
		return 0
	case failing <= 0:
		return math.Inf(1)
	case failing >= 1:
		return float64(inARow)
	}
	return (math.Pow(failing, -float64(inARow)) - 1) / (1 - failing)
}

const exactUpTo = 10_000

// AtLeast returns the chance that a Poisson process of the given mean yields n or more.
func AtLeast(n int, mean float64) float64 {
	if n <= 0 {
		return 1
	}
	if !(mean > 0) {
		return 0
	}
	if n > exactUpTo { // the normal distribution is near enough, with half a step's correction
		return math.Erfc((float64(n)-0.5-mean)/math.Sqrt(2*mean)) / 2
	}
	below := 0.0
	for i := range n {
		logTerm, _ := math.Lgamma(float64(i) + 1)
		below += math.Exp(float64(i)*math.Log(mean) - mean - logTerm)
		if float64(i) > mean && below > 1-1e-12 {
			break
		}
	}
	return max(0, 1-below)
}

// OpensAfter returns about how long everything fails until ConsecutiveFailures in a row open the
// breaker, if each outcome is known at once: what an attempt takes, and pauses, come on top. The
// budget's bank is taken for full. Forever if they are off, or where there is no traffic.
//
// Failures in a row count over any time, so it always ends.
func (p Plan) OpensAfter(b Breaker, rps float64) time.Duration {
	if b.ConsecutiveFailures <= 0 || !(rps > 0) {
		return Forever
	}
	calls := float64(b.ConsecutiveFailures)
	if !b.PerCall && p.Retries() {
		calls = fewest(b.ConsecutiveFailures, func(calls float64) float64 { return calls + min(calls*(p.Unpaid()-1), p.paidFor(calls, rps)) })
	}
	return seconds(calls / rps)
}

// paidFor returns about how many retries are paid for of so many calls that all fail: by the bank,
// and once it is empty by the floor. A call finds of that what has come in since the one before, on
// the mean of random gaps, and no more than is saved.
func (p Plan) paidFor(calls, rps float64) float64 {
	if !p.Limited() {
		return math.Inf(1)
	}
	perCall := 0.0
	if floor := p.Floor(); floor > 0 {
		perCall = -floor / rps * math.Expm1(-max(1, math.Ceil(floor))*rps/floor)
	}
	if p.Budget.DepositOn == budget.Arrival {
		perCall += p.Ratio()
	}
	bank := p.Bank()
	return bank + max(0, calls-bank/(p.Unpaid()-1))*perCall
}

// fewest returns the fewest calls that yield so many outcomes, which grow with calls and are no
// fewer.
func fewest(atLeast int, outcomes func(calls float64) float64) float64 {
	return float64(1 + sort.Search(max(atLeast-1, 0), func(i int) bool { return outcomes(float64(i+1)) >= float64(atLeast) }))
}

// Outcomes returns the chance that a breaker's window holds at least so many failed outcomes at one
// moment of an outage, at so many calls a second that arrive at random (a Poisson process) and
// whose attempts take that long each. It is an upper bound: the budget's bank is taken for full at
// the beginning of the window.
//
// It is for FailureRatio: a breaker counts an outcome in the part of the window in which its
// attempt began. So what takes a while counts for that much less, and what takes as long as the
// window does not count at all.
func (p Plan) Outcomes(b Breaker, rps float64, takes time.Duration, atLeast int) (chance, mean float64) {
	if b.Blind(takes) || !(rps > 0) {
		return 0, 0
	}
	open := b.Window - takes
	calls := rps * open.Seconds()
	if b.PerCall || !p.Retries() {
		return AtLeast(atLeast, calls), calls
	}
	paid, retries := p.Paid(rps, b.Window), p.Unpaid()-1
	outcomes := func(calls float64) float64 { return calls + min(calls*retries, paid) }
	return AtLeast(int(fewest(atLeast, outcomes)), calls), outcomes(calls)
}

// Blind reports whether the breaker's FailureRatio never counts what takes so long: by the time its
// outcome is known, the part of the window in which it began is forgotten.
func (b Breaker) Blind(takes time.Duration) bool {
	return takes >= b.Window
}
