package lint

import (
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

// checkOutlasts reports calls that continue after their caller has given up. It reports them at the
// caller if more time there would fix it, else at the service that takes so long: there once, for
// the least patient caller.
func (g *graph) checkOutlasts() {
	for _, inner := range g.nodes {
		var hasty *node
		for _, outer := range g.nodes {
			switch {
			case !outer.asks(inner) || outer.attemptTakes() == plan.Forever || inner.mayTake() <= outer.attemptTakes():
			case g.patience(outer, inner) != nil:
				outer.reportOutlasts(outer, inner, g.patience(outer, inner))
			case hasty == nil || outer.attemptTakes() < hasty.attemptTakes():
				hasty = outer
			}
		}
		if hasty != nil {
			inner.reportOutlasts(hasty, inner, inner.within(hasty.attemptTakes()))
		}
	}
}

func (n *node) asks(inner *node) bool {
	for _, e := range n.calls {
		if e.to == inner {
			return true
		}
	}
	return false
}

// reportOutlasts reports it at n, whose settings fix it.
func (n *node) reportOutlasts(outer, inner *node, settings Fix) {
	key := "deadline"
	if n == outer {
		key = "attempt_deadline"
	}
	f := n.begin(outlasts, key)
	may := "without end"
	if takes := inner.mayTake(); takes < plan.Forever {
		may = "for up to " + f.time("takes", takes)
	}
	f.say("an attempt at %s is given up after %s, and the call of %s that is made for it may go on %s",
		outer.Name, f.time("gives", outer.attemptTakes()), inner.Name, may)
	f.fix(settings...)
	f.end()
}

// patience returns the settings of n with which its attempts outlast inner's calls. It returns nil
// if n's deadline leaves no room for that, or if the callers of n would then not wait for n.
func (g *graph) patience(n, inner *node) Fix {
	takes := inner.mayTake()
	if takes == plan.Forever || n.AttemptDeadline == 0 {
		return nil
	}
	longer := roundedUp(takes)
	switch {
	case n.Around == 0 && n.wouldTake(longer) <= g.waitedFor(n), longer < n.Around && n.Retries() && n.fits(longer):
		return Fix{setting("attempt_deadline", longer)}
	case !n.wouldWait(inner):
		return nil
	case !n.Retries():
		return Fix{setting("attempt_deadline", "off")}
	case inner.Retries():
		return Fix{noRetries, setting("attempt_deadline", "off")}
	}
	return nil
}

// wouldTake returns how long a call of n may take with this attempt deadline.
func (n *node) wouldTake(attempt time.Duration) time.Duration {
	p := n.Plan
	p.AttemptDeadline = attempt
	return sane(p.Worst().Needed)
}

// waitedFor returns how long the least patient caller of n waits for it; plan.Forever if all wait
// for ever.
func (g *graph) waitedFor(n *node) time.Duration {
	least := plan.Forever
	for _, outer := range g.nodes {
		if outer.asks(n) {
			least = min(least, outer.attemptTakes())
		}
	}
	return least
}

// fits reports whether all attempts of n fit into its deadline if each takes this time.
func (n *node) fits(attempt time.Duration) bool {
	attempts := n.Attempts()
	if attempts == plan.Unlimited || attempts > 100 {
		return false
	}
	left := n.Deadline - n.Deadline/5 // an attempt must not take nearly all of it (HF006)
	if attempt > left {
		return false
	}
	p := n.Plan
	p.AttemptDeadline = attempt
	return p.Worst().Needed <= n.Deadline
}

// wouldWait reports whether inner's calls end within the deadline around an attempt of n.
func (n *node) wouldWait(inner *node) bool { return inner.mayTake() <= n.Around }

// within returns the settings with which calls of n end within a time. They also make its attempts
// fit into that: else the next finding would ask for a longer deadline.
func (n *node) within(gives time.Duration) Fix {
	settings := Fix{setting("deadline", gives)}
	switch {
	case n.Retries():
		if !n.hasRoom(gives) {
			settings = append(settings, n.refit(gives)...)
		}
	case n.AttemptDeadline >= gives, n.EitherDeadline: // a file may have the one deadline as either of the two
		settings = append(settings, setting("attempt_deadline", "off"))
	}
	return settings
}

// hasRoom reports whether each attempt that begins within a deadline has at least half of its time,
// and whether all attempts begin if their number is limited.
func (n *node) hasRoom(deadline time.Duration) bool {
	if n.AttemptDeadline == 0 || n.AttemptDeadline >= deadline {
		return false
	}
	p := n.Plan
	p.Deadline = deadline
	w := p.Worst()
	last := w.Attempts[w.Runs-1]
	return (w.More || w.Runs == len(w.Attempts)) && (!last.Cut || last.Number == 1 || last.End-last.Start >= n.AttemptDeadline/2)
}
