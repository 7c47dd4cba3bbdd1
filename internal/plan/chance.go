package plan

import (
	"math"
	"sort"
	"time"

	"github.com/media-gateway/holdfast/resilience/budget"
)

// RunLength returns how many independent trials it takes on average until k = inARow of them in a
// row fail, if each fails with the chance f = failing: (f⁻ᵏ - 1) / (1 - f).
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

// exactUpTo is the largest count for which a distribution is summed up term by term.
const exactUpTo = 10_000

// AtLeast returns the chance that a Poisson process of the given mean yields n or more.
func AtLeast(n int, mean float64) float64 {
	if n <= 0 {
		return 1
	}
	if !(mean > 0) {
		return 0
	}
	if n > exactUpTo { // the normal distribution is close enough, with continuity correction
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

// OpensAfter returns about how long everything must fail until ConsecutiveFailures opens the
// breaker, at rps calls a second. It assumes that attempts and pauses take no time, and that the
// budget's bank is full at first. Forever if ConsecutiveFailures is off, or without traffic.
//
// Failures in a row count over any time, so any traffic opens the breaker in the end.
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

// paidFor returns about how many retries the budget pays for if so many calls all fail: those in
// the bank, and once it is empty, those of the floor and of arrivals. From the floor, a call gets
// what came in since the call before, at most what the floor saves. That is a mean over the random
// gaps of a Poisson process.
func (p Plan) paidFor(calls, rps float64) float64 {
	if !p.Limited() {
		return math.Inf(1)
	}
	perCall := 0.0
	if floor := p.Floor(); floor > 0 {
		perCall = -floor / rps * math.Expm1(-p.saved()*rps/floor)
	}
	if p.Budget.DepositOn == budget.Arrival {
		perCall += p.Ratio()
	}
	bank := p.Bank()
	return bank + max(0, calls-bank/(p.Unpaid()-1))*perCall
}

// fewest returns the fewest calls that yield at least so many outcomes. outcomes must grow with
// calls, and never be less than calls.
func fewest(atLeast int, outcomes func(calls float64) float64) float64 {
	return float64(1 + sort.Search(max(atLeast-1, 0), func(i int) bool { return outcomes(float64(i+1)) >= float64(atLeast) }))
}

// Outcomes returns the chance that a breaker's window holds at least so many failed outcomes at one
// moment of an outage, and their mean number. rps calls a second arrive as a Poisson process, and
// each attempt takes the time takes. Both results are upper bounds: the budget's bank is assumed to
// be full when the window begins.
//
// It is for FailureRatio: a breaker counts an outcome at the time at which its attempt began. So an
// attempt counts only for the rest of the window after it ends, and not at all if it takes as long
// as the window.
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
	if p.FailsSlowly(takes) {
		paid = p.PaidSlow(rps, b.Window)
	}
	outcomes := func(calls float64) float64 { return calls + min(calls*retries, paid) }
	return AtLeast(int(fewest(atLeast, outcomes)), calls), outcomes(calls)
}

// Blind reports whether the breaker's FailureRatio never counts an attempt that takes so long: when
// its outcome is known, the window no longer includes the time at which it began.
func (b Breaker) Blind(takes time.Duration) bool {
	return takes >= b.Window
}
