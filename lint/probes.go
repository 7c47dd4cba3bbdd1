package lint

import (
	"sort"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

const longShut = 30 * time.Second

// checkProbes checks how the breaker finds out that the dependency is back.
func (w watched) checkProbes() {
	switch {
	case w.b.ProbeTimeout < 0 && w.takes == plan.Forever && w.b.MinOpenFor <= 0:
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
	w.checkRound()
	w.checkShut()
}

// checkShut checks how long the breaker may keep calls out of a dependency that is back.
func (w watched) checkShut() {
	follows := w.b.MinOpenFor > 0 // the failures: with at most open_for, all spread included
	key, most := "breaker.max_open_for", w.b.MaxOpenFor
	if follows {
		key, most = "breaker.open_for", w.b.OpenFor
	}
	if most <= longShut {
		return
	}
	f := w.begin(shutForLong, key)
	longest := most
	if !follows {
		longest += min(most/4, plan.Forever-most)
	}
	lost := ""
	if w.RPS > 0 {
		lost = ", " + f.some("calls", w.RPS*longest.Seconds(), "call", "calls") + " at " + f.rate("rps", w.RPS)
	}
	f.say("after a long outage the breaker may keep calls out for up to %s after the dependency is back%s",
		f.time("longest", longest), lost)
	if !follows {
		f.arithmetic("max_open_for %s × 1.25", f.time("max_open_for", most))
	}
	switch {
	case follows && w.b.MinOpenFor > 5*time.Second:
		f.fix(setting("breaker.min_open_for", time.Second), setting(key, 5*time.Second))
	case follows:
		f.fix(setting(key, 5*time.Second))
	case w.b.OpenFor > longShut:
		f.fix(setting("breaker.open_for", 5*time.Second), setting(key, 10*time.Second))
	default:
		f.fix(setting(key, max(10*time.Second, w.b.OpenFor)))
	}
	f.end()
}

// checkRound checks whether most rounds of probes close the breaker once the dependency has nearly
// recovered: attempts fail as on an ordinary bad day.
func (w watched) checkRound() {
	closes := w.b.Closes(w.failing(ordinary))
	if closes >= half {
		return
	}
	key, fix := "breaker.half_open_probes", Fix{setting("breaker.half_open_probes", 3)}
	if w.b.MinSuccesses > 0 { // half_open_probes as well, since its default follows min_successes
		key = "breaker.min_successes"
		fix = Fix{setting("breaker.half_open_probes", w.b.HalfOpenProbes), setting(key, w.mostSuccesses())}
	}
	f := w.begin(manyProbes, key)
	probes, failing := f.some("half_open_probes", float64(w.b.HalfOpenProbes), "probe", "probes"), f.percent("failing", ordinary)
	follows, losing, rounds := w.b.MinOpenFor > 0, w.b.Losing(), ""
	if !follows {
		rounds = f.about("rounds", min(1/closes, 1e9), "")
	}
	switch {
	case follows: // there are no rounds
		f.say("the breaker closes when fewer than %s of the last %s have failed: where %s of the attempts fail, that is so %s of the time",
			f.count("losing", float64(losing)), probes, failing, f.about("closes", 100*closes, "%"))
		f.arithmetic("fewer than %d of %d, each with the chance %s", losing, w.b.HalfOpenProbes, figure(w.failing(ordinary)))
	case losing == 1:
		f.say("%s in a row have to succeed: where %s of the attempts fail, that is one round in %s", probes, failing, rounds)
		f.arithmetic("(1 - %s)^%d = %s", figure(w.failing(ordinary)), w.b.HalfOpenProbes, f.about("closes", 100*closes, "%"))
	default:
		f.say("of %s, %s lose the round: where %s of the attempts fail, one round in %s closes the breaker",
			probes, f.count("losing", float64(losing)), failing, rounds)
		f.arithmetic("fewer than %d of %d, each with the chance %s: %s", losing, w.b.HalfOpenProbes, figure(w.failing(ordinary)),
			f.about("closes", 100*closes, "%"))
	}
	f.fix(fix...)
	f.end()
}

// mostSuccesses returns the highest min_successes with which at least half of the rounds close the
// breaker.
func (w watched) mostSuccesses() int {
	b, wanted := w.b, w.b.MinSuccesses
	fewer := sort.Search(wanted-1, func(n int) bool {
		b.MinSuccesses = wanted - n
		return b.Closes(w.failing(ordinary)) >= half
	})
	return wanted - fewer
}

// checkSlow checks whether a call can be slow at all.
func (w watched) checkSlow() {
	if w.b.SlowCallDuration <= 0 || w.takes == plan.Forever || w.b.SlowCallDuration < w.takes {
		return
	}
	f := w.begin(neverSlow, "breaker.slow_call_duration")
	f.say("%s may take %s, and is slow beyond %s: what is in time never is, so slow calls never open the breaker",
		w.sees(true), f.time("takes", w.takes), f.time("slow_call_duration", w.b.SlowCallDuration))
	if d := roundedDown(w.takes / 2); d > 0 {
		f.fix(setting("breaker.slow_call_duration", d))
	} else {
		f.fix(setting("breaker.slow_call_duration", "off"))
	}
	f.end()
}

// checkIgnored reports a breaker that ignores unclassified errors.
func (w watched) checkIgnored() {
	if !w.b.IgnoreUnclassified {
		return
	}
	f := w.begin(ignoresDoubt, "breaker.ignore_unclassified")
	f.say("errors that nobody has classified are left out: an outage that shows itself in such errors never opens the breaker")
	f.fix(setting("breaker.ignore_unclassified", false))
	f.end()
}
