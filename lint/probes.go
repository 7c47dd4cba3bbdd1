package lint

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

const longShut = 30 * time.Second

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
			f.count("half_open_probes", float64(w.b.HalfOpenProbes)), f.percent("failing", ordinary), f.about("rounds", 1/closes, ""))
		f.arithmetic("(1 - %s)^%d = %s", figure(w.failing(ordinary)), w.b.HalfOpenProbes, f.about("closes", 100*closes, "%"))
		f.fix(setting("breaker.half_open_probes", 3))
		f.end()
	}
	if w.b.MaxOpenFor > longShut {
		f := w.begin(shutForLong, "breaker.max_open_for")
		lost := ""
		if w.RPS > 0 {
			lost = ", " + f.some("calls", w.RPS*w.b.MaxOpenFor.Seconds(), "call", "calls") + " at " + f.rate("rps", w.RPS)
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
