package lint

import (
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

const (
	practicallyNever = 1e-4            // a lower chance, at a moment of an outage, that the window holds enough outcomes
	opensSoon        = time.Minute     // an outage that opens a breaker within this time opens it soon enough
	longWindow       = 2 * time.Minute // a longer window remembers failures that are long over
	leastInARow      = 5               // fewer failures in a row are too likely by chance
	leastToCount     = 5               // fewer outcomes make no ratio
)

func (s subject) checkBreakers() {
	for _, b := range s.Breakers {
		v := watched{subject: s, b: b, takes: s.attemptTakes(), atLeast: s.attemptTakes()}
		if b.PerCall {
			v.takes, v.atLeast = s.callTakes(), s.hangTakes()
		} else if s.Retries() && s.Deadline > 0 && s.worst.Needed > s.Deadline && s.AttemptDeadline > 0 {
			v.atLeast = 0 // the call's deadline may cut an attempt to any time
		}
		v.checkReach()
		v.checkByChance()
		v.checkProbes()
		v.checkSlow()
		v.checkIgnored()
	}
}

// hangTakes returns the least that a call takes if all its attempts take all their time. The
// attempts that fit even with the longest pauses are always made, so it counts these with the
// shortest pauses. It returns plan.Forever if nothing bounds the call.
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

// watched is a breaker and the outcomes that it sees.
type watched struct {
	subject
	b       plan.Breaker
	takes   time.Duration // the longest that an outcome takes; plan.Forever without a limit
	atLeast time.Duration // the shortest that an outcome takes if its attempts hang; 0 if it may be anything
}

// sees names what the breaker counts: calls or attempts.
func (w watched) sees(one bool) string {
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

// ratio and row report whether the breaker opens by a failure ratio, and by failures in a row.
func (w watched) ratio() bool { return w.b.FailureRatio > 0 }
func (w watched) row() bool   { return w.b.ConsecutiveFailures > 0 }

// checkReach checks whether, and how soon, an outage opens the breaker.
func (w watched) checkReach() {
	if !w.ratio() {
		if !w.rowTogether() {
			w.checkLate(0)
		}
		return
	}
	if hangs := w.atLeast; !w.b.PerCall && w.takes < plan.Forever && w.b.Blind(w.takes) || w.b.PerCall && hangs < plan.Forever && w.b.Blind(hangs) {
		w.blind()
		return
	}
	if w.RPS <= 0 {
		return
	}
	chance, most := w.Outcomes(w.b, w.RPS, 0, w.b.MinRequests)
	switch {
	case chance < practicallyNever && w.row() && w.ratioTogether(): // a fleet opens it
	case chance < practicallyNever && w.row():
		if w.rowTogether() || !w.checkLate(most) {
			w.ratioIdle(most)
		}
	case chance < practicallyNever:
		f := w.begin(neverOpens, "breaker.window")
		f.say("at %s the window of %s holds at most %s of an outage on average; failure_ratio counts from %s on, so the breaker practically never opens",
			f.rate("rps", w.RPS), f.time("window", w.b.Window), f.outcomes(most), f.count("min_requests", float64(w.b.MinRequests)))
		f.fix(w.widen(0)...)
		f.end()
	case !w.row():
		w.checkHangs()
	}
}

// blind reports a window that forgets a hanging call or attempt before its outcome is known.
func (w watched) blind() {
	code := windowBlind
	if w.row() {
		code = ratioBlind
	}
	f := w.begin(code, "breaker.window")
	f.say("%s may take %s and the window is %s: ", w.sees(true), f.time("takes", w.takes), f.time("window", w.b.Window))
	switch {
	case w.row():
		counts := "never counts one that hangs, and only "
		if w.atLeast == 0 {
			counts = "counts one that hangs only if the call's deadline cuts it short; else only "
		}
		f.Message += "failure_ratio " + counts +
			w.inARow(f) + " the breaker"
	case w.atLeast == 0:
		f.Message += "the outcome of one that hangs is forgotten before it is known, and only those count that the call's deadline cuts short"
	default:
		f.Message += "the outcome of one that hangs is forgotten before it is known, so hanging never opens the breaker"
	}
	f.fix(setting("breaker.window", max(10*time.Second, roundedUp(2*w.takes))))
	f.end()
}

func (w watched) ratioIdle(most float64) {
	f := w.begin(ratioIdle, "breaker.min_requests")
	f.say("at %s the window of %s holds at most %s of an outage on average; failure_ratio counts from %s on, so only %s the breaker",
		f.rate("rps", w.RPS), f.time("window", w.b.Window), f.outcomes(most), f.count("min_requests", float64(w.b.MinRequests)), w.inARow(f))
	switch low, wide := downward(most/2), w.windowFor(w.b.MinRequests, 0); {
	case low >= leastToCount:
		f.fix(setting("breaker.min_requests", low))
	case wide <= longWindow:
		f.fix(setting("breaker.window", wide))
	default:
		f.fix(setting("breaker.failure_ratio", "off"))
	}
	f.end()
}

// checkHangs checks whether a breaker that only has a ratio sees enough outcomes if attempts hang.
func (w watched) checkHangs() {
	if w.atLeast == plan.Forever || w.atLeast == 0 {
		return
	}
	chance, most := w.Outcomes(w.b, w.RPS, w.atLeast, w.b.MinRequests)
	if chance >= practicallyNever {
		return
	}
	f := w.begin(hangsUnseen, "breaker.window")
	f.say("%s that hang take %s of the window of %s, so at %s it holds at most %s of them on average; failure_ratio counts from %s on, so hanging practically never opens the breaker",
		w.sees(false), f.time("takes", w.atLeast), f.time("window", w.b.Window), f.rate("rps", w.RPS),
		f.outcomes(most), f.count("min_requests", float64(w.b.MinRequests)))
	f.fix(w.widen(w.atLeast)...)
	f.end()
}

// checkLate reports a breaker that only failures in a row open, if these take long to come together
// and fewer would be sooner. It returns whether it reported one.
func (w watched) checkLate(most float64) bool {
	after := w.OpensAfter(w.b, w.RPS)
	if w.RPS <= 0 || after <= opensSoon || w.b.ConsecutiveFailures <= leastInARow {
		return false
	}
	f := w.begin(opensLate, "breaker.consecutive_failures")
	rate, idle := f.rate("rps", w.RPS), ""
	if w.ratio() {
		idle = " the window of " + f.time("window", w.b.Window) + " holds at most " + f.outcomes(most) +
			", of which failure_ratio needs " + f.count("min_requests", float64(w.b.MinRequests)) + ", and"
	}
	more := ""
	if w.takes < plan.Forever && w.takes > after/10 {
		more = " (up to " + f.time("takes", w.takes) + " more if they hang)"
	}
	f.say("at %s%s it takes about %s of an outage%s until %s failures in a row open the breaker", rate, idle,
		f.about("opens_after", after.Seconds(), "s"), more, f.count("consecutive_failures", float64(w.b.ConsecutiveFailures)))
	f.fix(setting("breaker.consecutive_failures", w.sooner()))
	f.end()
	return true
}

// outcomes notes an estimate of a number of outcomes.
func (d *draft) outcomes(n float64) string {
	return named(d.about("outcomes", n, ""), "outcome", "outcomes")
}

// inARow writes "5 failures in a row open", "1 failure opens".
func (w watched) inARow(f *draft) string {
	return f.some("consecutive_failures", float64(w.b.ConsecutiveFailures), "failure opens", "failures in a row open")
}

// sooner returns a lower number of failures in a row that come together soon, or leastInARow.
func (w watched) sooner() int {
	for _, n := range []int{500, 200, 100, 50, 20, 10} {
		if n >= w.b.ConsecutiveFailures {
			continue
		}
		if w.b.ConsecutiveFailures = n; w.OpensAfter(w.b, w.RPS) <= opensSoon {
			return n
		}
	}
	return leastInARow
}

// widen returns the settings with which an outage opens the breaker if each outcome takes so long:
// a wider window or, if that would be too long, failures in a row.
func (w watched) widen(takes time.Duration) Fix {
	if d := w.windowFor(w.b.MinRequests, takes); d <= longWindow {
		return Fix{setting("breaker.window", d)}
	}
	return Fix{setting("breaker.consecutive_failures", leastInARow)}
}

// windowFor returns the window that holds twice so many outcomes on average, if each takes so long.
func (w watched) windowFor(outcomes int, takes time.Duration) time.Duration {
	open := time.Duration(min(2*float64(outcomes)/w.RPS*float64(time.Second), float64(1<<61)))
	return roundedUp(open + min(takes, 1<<60))
}
