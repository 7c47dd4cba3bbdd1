package lint

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

const (
	ordinary  = 0.1   // share of attempts that fail on an ordinary day, if it is not a good one
	half      = 0.5   // share of attempts that fail where half of a dependency is to be had
	fewTrials = 10000 // attempts between two trips by chance, where the traffic is not known
)

// checkByChance checks whether failures in a row come about where the dependency is not down at
// all.
func (w watch) checkByChance() {
	inARow := w.b.ConsecutiveFailures
	if !w.row() {
		return
	}
	if w.b.FailureRatio < 0 || w.b.FailureRatio > ordinary {
		if often := w.often(inARow, ordinary, time.Hour); often {
			f := w.begin(tripsOnNoise, "breaker.consecutive_failures")
			w.tellTrips(f, ordinary)
			f.say("%s: an ordinary bad day opens the breaker", f.Message)
			f.fix(setting("breaker.consecutive_failures", w.rare(ordinary, time.Hour)))
			f.end()
			return
		}
	}
	if w.b.FailureRatio > half && w.often(inARow, half, time.Minute) {
		f := w.begin(tripsAtHalf, "breaker.consecutive_failures")
		w.tellTrips(f, half)
		f.say("%s and open the breaker, though failure_ratio bears %s", f.Message, f.percent("failure_ratio", w.b.FailureRatio))
		f.fix(setting("breaker.consecutive_failures", w.rare(half, time.Minute)))
		f.end()
	}
}

// failing returns the chance that what the breaker sees fails, where attempts do by the given
// chance, independently.
func (w watch) failing(attempts float64) float64 {
	if w.b.PerCall {
		return math.Pow(attempts, w.Unpaid())
	}
	return attempts
}

// often reports whether so many in a row come about more often than each given time, or, where the
// traffic is not known, within fewer than fewTrials.
func (w watch) often(inARow int, failing float64, each time.Duration) bool {
	trials := plan.RunLength(inARow, w.failing(failing))
	if w.RPS > 0 {
		return trials/w.RPS < each.Seconds()
	}
	return trials < fewTrials
}

// rare returns the fewest failures in a row that do not come about that often.
func (w watch) rare(failing float64, each time.Duration) int {
	n := w.b.ConsecutiveFailures
	for w.often(n, failing, each) {
		n++
	}
	return n
}

func (w watch) tellTrips(f *draft, failing float64) {
	k := w.b.ConsecutiveFailures
	trials := plan.RunLength(k, w.failing(failing))
	each := ""
	if w.RPS > 0 {
		each = " (" + f.about("between_trips", min(trials/w.RPS, 1e9), "s") + " at " + f.rate("rps", w.RPS) + ")"
	}
	row := f.count("consecutive_failures", float64(k)) + " failures in a row come"
	if k == 1 {
		row = "1 failure, which is enough, comes"
	}
	f.say("where %s of the attempts fail, %s about once in %s %s%s", f.percent("failing", failing), row, f.about("trials", trials, ""), w.sees(false), each)
	f.arithmetic("(f⁻ᵏ - 1) / (1 - f) with f = %s, k = %d, if failures are independent", figure(w.failing(failing)), k)
}
