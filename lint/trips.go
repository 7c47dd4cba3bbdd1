package lint

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

const (
	ordinary  = 0.1   // share of attempts that fail on an ordinary bad day
	half      = 0.5   // share of attempts that fail if half of a dependency is down
	fewTrials = 10000 // attempts between two trips by chance, if the traffic is not known
)

// checkByChance checks whether failures in a row open the breaker by chance, although the
// dependency is not down.
func (w watched) checkByChance() {
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

// failing returns the chance that an outcome is a failure if each attempt fails with the given
// chance, independently of the others. For a breaker that sees calls, all attempts must fail.
func (w watched) failing(attempts float64) float64 {
	if w.b.PerCall {
		return math.Pow(attempts, w.Unpaid())
	}
	return attempts
}

// often reports whether so many failures in a row come more often than once in the given time or,
// if the traffic is not known, once in fewTrials.
func (w watched) often(inARow int, failing float64, each time.Duration) bool {
	trials := plan.RunLength(inARow, w.failing(failing))
	if w.RPS > 0 {
		return trials/w.RPS < each.Seconds()
	}
	return trials < fewTrials
}

// rare returns the lowest number of failures in a row that is not that often.
func (w watched) rare(failing float64, each time.Duration) int {
	n := w.b.ConsecutiveFailures
	for w.often(n, failing, each) {
		n++
	}
	return n
}

func (w watched) tellTrips(f *draft, failing float64) {
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
