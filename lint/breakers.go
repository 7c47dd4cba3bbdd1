package lint

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

const (
	practicallyNever = 1e-4  // the chance that a window holds enough at one moment of an outage
	ordinary         = 0.1   // share of attempts that fail on an ordinary day, if it is not a good one
	half             = 0.5   // share of attempts that fail where half of a dependency is to be had
	fewTrials        = 10000 // attempts between two trips by chance, where the traffic is not known
	longShut         = 30 * time.Second
)

func (s subject) checkBreakers() {
	for _, b := range s.Breakers {
		v := watch{subject: s, b: b, takes: s.attemptTakes(), atLeast: s.attemptTakes()}
		if b.PerCall {
			v.takes, v.atLeast = s.callTakes(), s.hangTakes()
		} else if s.Retries() && s.Deadline > 0 && s.worst.Needed > s.Deadline && s.AttemptDeadline > 0 {
			v.atLeast = 0 // the call's deadline may cut an attempt to any time
		}
		switch {
		case !b.PerCall && v.takes < plan.Forever && b.Blind(v.takes), b.PerCall && v.atLeast < plan.Forever && b.Blind(v.atLeast):
			v.blind()
		case s.RPS > 0:
			v.checkReach()
		}
		v.checkByChance()
		v.checkProbes()
	}
}

// hangTakes returns the least that a call takes if all its attempts take all their time: so many attempts as fit even with
// the longest pauses are always made. plan.Forever if nothing bounds it.
func (s subject) hangTakes() time.Duration {
	if s.callTakes() == plan.Forever || s.AttemptDeadline == 0 {
		return s.callTakes()
	}
	lucky := s.Lucky()
	last := lucky.Attempts[s.worst.Runs-1]
	if s.Deadline > 0 {
		return min(s.Deadline, last.End)
	}
	return last.End
}

// watch is a breaker and what it sees.
type watch struct {
	subject
	b       plan.Breaker
	takes   time.Duration // the most that one outcome takes; plan.Forever without a limit
	atLeast time.Duration // the least that one takes that hangs; 0 if that may be anything
}

// sees names what the breaker counts.
func (w watch) sees(one bool) string {
	switch {
	case w.b.PerCall && one:
		return "a call"
	case w.b.PerCall:
		return "calls"
	case one:
		return "an attempt"
	}
	return "attempts"
}

func (w watch) blind() {
	f := w.begin(windowBlind, "breaker.window")
	so := "so hanging never opens the breaker"
	if w.atLeast == 0 {
		so = "and only those count that the call's deadline cuts short"
	}
	f.say("%s may take %s, and the window is %s: the outcome of one that hangs is forgotten before it is known, %s",
		w.sees(true), f.time("takes", w.takes), f.time("window", w.b.Window), so)
	f.fix(setting("breaker.window", max(10*time.Second, roundedUp(2*w.takes))))
	f.end()
}

// reach returns the chance that the breaker opens in an outage in which each outcome takes so long, and the outcomes
// that its window holds then.
func (w watch) reach(takes time.Duration) (byRatio, inARow, mean float64) {
	byRatio, mean = w.Outcomes(w.b, w.RPS, takes, w.b.MinRequests)
	inARow, _ = w.Outcomes(w.b, w.RPS, takes, w.b.ConsecutiveFailures)
	if w.b.FailureRatio < 0 {
		byRatio = 0
	}
	if w.b.ConsecutiveFailures < 0 {
		inARow = 0
	}
	return byRatio, inARow, mean
}

// checkReach checks whether the breaker's window ever holds enough at the stated traffic.
func (w watch) checkReach() {
	byRatio, inARow, mean := w.reach(0)
	if max(byRatio, inARow) < practicallyNever {
		f := w.begin(neverOpens, "breaker.window")
		f.say("at %s the window of %s holds at most %s outcomes of an outage on average; it takes %s to open the breaker, so it practically never does",
			f.rate("rps", w.RPS), f.time("window", w.b.Window), f.count("outcomes", mean), w.takesToOpen(f))
		f.fix(w.widen(0)...)
		f.end()
		return
	}
	if w.b.FailureRatio >= 0 && byRatio < practicallyNever {
		f := w.begin(ratioIdle, "breaker.min_requests")
		f.say("at %s the window of %s holds at most %s outcomes of an outage on average; failure_ratio counts from %s on, so only consecutive_failures ever opens the breaker",
			f.rate("rps", w.RPS), f.time("window", w.b.Window), f.count("outcomes", mean), f.count("min_requests", float64(w.b.MinRequests)))
		if low := int(mean / 2); low >= 5 {
			f.fix(setting("breaker.min_requests", low))
		} else {
			f.fix(setting("breaker.window", w.windowFor(w.b.MinRequests, 0)))
		}
		f.end()
	}
	if w.atLeast == plan.Forever || w.atLeast == 0 {
		return
	}
	if slowRatio, slowRow, slow := w.reach(w.atLeast); max(slowRatio, slowRow) < practicallyNever {
		f := w.begin(hangsUnseen, "breaker.window")
		f.say("%s that hang take %s of the window of %s, so at %s it holds at most %s outcomes of them on average; it takes %s to open the breaker, so hanging practically never does",
			w.sees(false), f.time("takes", w.atLeast), f.time("window", w.b.Window), f.rate("rps", w.RPS), f.count("outcomes", slow), w.takesToOpen(f))
		f.fix(w.widen(w.atLeast)...)
		f.end()
	}
}

// takesToOpen names the outcomes that open the breaker.
func (w watch) takesToOpen(f *draft) string {
	switch {
	case w.b.ConsecutiveFailures < 0:
		return f.count("min_requests", float64(w.b.MinRequests))
	case w.b.FailureRatio < 0:
		return f.count("consecutive_failures", float64(w.b.ConsecutiveFailures)) + " failures in a row"
	}
	return f.count("min_requests", float64(w.b.MinRequests)) + ", or " +
		f.count("consecutive_failures", float64(w.b.ConsecutiveFailures)) + " failures in a row,"
}

// widen returns the settings by which the window holds enough in an outage in which each outcome takes so long.
func (w watch) widen(takes time.Duration) []string {
	needed := w.b.MinRequests
	if w.b.FailureRatio < 0 || w.b.ConsecutiveFailures > 0 && w.b.ConsecutiveFailures < needed {
		needed = w.b.ConsecutiveFailures
	}
	if d := w.windowFor(needed, takes); d <= 10*time.Minute {
		return []string{setting("breaker.window", d)}
	}
	return []string{setting("breaker.consecutive_failures", 5), setting("breaker.window", w.windowFor(5, takes))}
}

// windowFor returns the window that holds twice so many outcomes on average.
func (w watch) windowFor(outcomes int, takes time.Duration) time.Duration {
	open := time.Duration(min(2*float64(outcomes)/w.RPS*float64(time.Second), float64(1<<61)))
	return roundedUp(open + min(takes, 1<<60))
}

// checkByChance checks whether failures in a row come about where the dependency is not down at all.
func (w watch) checkByChance() {
	inARow := w.b.ConsecutiveFailures
	if inARow <= 0 || w.RPS > 0 && 2*float64(inARow) > w.RPS*w.b.Window.Seconds() {
		return // so many in a row take longer than the window remembers, or nearly so
	}
	if w.b.FailureRatio < 0 || w.b.FailureRatio > ordinary {
		if often := w.often(inARow, ordinary, time.Hour); often {
			f := w.begin(tripsOnNoise, "breaker.consecutive_failures")
			w.tellTrips(f, ordinary)
			f.say("%s; that is an ordinary bad day, not an outage", f.Message)
			f.fix(setting("breaker.consecutive_failures", w.rare(ordinary, time.Hour)))
			f.end()
			return
		}
	}
	if w.b.FailureRatio > half && w.often(inARow, half, time.Minute) {
		f := w.begin(tripsAtHalf, "breaker.consecutive_failures")
		w.tellTrips(f, half)
		f.say("%s, though failure_ratio bears %s", f.Message, f.percent("failure_ratio", w.b.FailureRatio))
		f.fix(setting("breaker.consecutive_failures", w.rare(half, time.Minute)))
		f.end()
	}
}

// failing returns the chance that what the breaker sees fails, where attempts do by the given chance, independently.
func (w watch) failing(attempts float64) float64 {
	if w.b.PerCall {
		return math.Pow(attempts, w.Unpaid())
	}
	return attempts
}

// often reports whether so many in a row come about more often than each given time, or, where the traffic is not known,
// within fewer than fewTrials.
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
		each = ", each " + f.time("between_trips", time.Duration(min(trials/w.RPS, 1e9)*float64(time.Second))) + " at " + f.rate("rps", w.RPS)
	}
	f.say("where %s of the attempts fail, %s failures in a row come about every %s %s%s",
		f.percent("failing", failing), f.count("consecutive_failures", float64(k)), f.count("trials", trials), w.sees(false), each)
	f.arithmetic("(f⁻ᵏ - 1) / (1 - f) with f = %s, k = %d, if failures are independent", figure(w.failing(failing)), k)
}

// checkProbes checks how the breaker finds out that all is well again.
func (w watch) checkProbes() {
	switch {
	case w.b.ProbeTimeout < 0 && w.takes == plan.Forever:
		f := w.begin(probesHang, "breaker.probe_timeout")
		f.say("neither probe_timeout nor a deadline ends a probe: one that hangs keeps the breaker half-open, and all other calls out, for ever")
		f.fix(setting("breaker.probe_timeout", 10*time.Second))
		f.end()
	case w.b.ProbeTimeout > 0 && w.takes < plan.Forever && w.takes > w.b.ProbeTimeout:
		f := w.begin(probesTooSoon, "breaker.probe_timeout")
		f.say("a probe may take %s, and counts as failed after %s: a dependency that answers slowly may never close the breaker",
			f.time("takes", w.takes), f.time("probe_timeout", w.b.ProbeTimeout))
		f.fix(setting("breaker.probe_timeout", roundedUp(w.takes)))
		f.end()
	}
	if closes := math.Pow(1-w.failing(ordinary), float64(w.b.HalfOpenProbes)); closes < half {
		f := w.begin(manyProbes, "breaker.half_open_probes")
		f.say("%s probes in a row have to succeed: where %s of the attempts fail, that is one round in %s",
			f.count("half_open_probes", float64(w.b.HalfOpenProbes)), f.percent("failing", ordinary), f.count("rounds", 1/closes))
		f.arithmetic("(1 - %s)^%d = %s", figure(w.failing(ordinary)), w.b.HalfOpenProbes, f.percent("closes", closes))
		f.fix(setting("breaker.half_open_probes", 3))
		f.end()
	}
	if w.b.MaxOpenFor > longShut {
		f := w.begin(shutForLong, "breaker.max_open_for")
		lost := ""
		if w.RPS > 0 {
			lost = ", " + f.count("calls", w.RPS*w.b.MaxOpenFor.Seconds()) + " calls at " + f.rate("rps", w.RPS)
		}
		f.say("after a long outage the breaker may keep calls out for up to %s after the dependency is back%s",
			f.time("max_open_for", w.b.MaxOpenFor), lost)
		if w.b.OpenFor > longShut {
			f.fix(setting("breaker.open_for", 5*time.Second), setting("breaker.max_open_for", 10*time.Second))
		} else {
			f.fix(setting("breaker.max_open_for", max(10*time.Second, w.b.OpenFor)))
		}
		f.end()
	}
}
