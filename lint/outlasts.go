package lint

import (
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

// checkOutlasts tells of calls that go on when whoever asked has given up: at whoever asks, if more time there would mend
// it, and else at what takes so long; there once, for whoever waits least.
func (g *graph) checkOutlasts() {
	for _, inner := range g.nodes {
		var hasty *node
		for _, outer := range g.nodes {
			switch {
			case !outer.asks(inner) || outer.attemptTakes() == plan.Forever || inner.callTakes() <= outer.attemptTakes():
			case outer.patience(inner) != nil:
				outer.reportOutlasts(outer, inner, outer.patience(inner))
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

// reportOutlasts reports it at n, whose settings mend it.
func (n *node) reportOutlasts(outer, inner *node, settings []string) {
	key := "deadline"
	if n == outer {
		key = "attempt_deadline"
	}
	f := n.begin(outlasts, key)
	may := "without end"
	if takes := inner.callTakes(); takes < plan.Forever {
		may = "for up to " + f.time("takes", takes)
	}
	f.say("an attempt at %s is given up after %s, and the call of %s that is made for it may go on %s",
		outer.Name, f.time("gives", outer.attemptTakes()), inner.Name, may)
	f.fix(settings...)
	f.end()
}

// patience returns the settings of n by which an attempt of it outlasts inner's calls; nil if its deadline leaves no
// room for that.
func (n *node) patience(inner *node) []string {
	takes := inner.callTakes()
	if takes == plan.Forever || n.AttemptDeadline == 0 {
		return nil
	}
	longer := roundedUp(takes)
	if n.Deadline == 0 || n.Retries() && n.fits(longer) {
		return []string{setting("attempt_deadline", longer)}
	}
	switch {
	case !n.wouldWait(inner):
		return nil
	case !n.Retries():
		return []string{setting("attempt_deadline", "off")}
	case inner.Retries():
		return []string{setting("retry.max_retries", 0), setting("attempt_deadline", "off")}
	}
	return nil
}

// fits reports whether all attempts of n, of that time each, fit into its deadline.
func (n *node) fits(attempt time.Duration) bool {
	attempts := n.Attempts()
	if attempts == plan.Unlimited || attempts > 100 {
		return false
	}
	left := n.Deadline - n.Deadline/5 // an attempt may not take nearly all of it
	if attempt > left {
		return false
	}
	p := n.Plan
	p.AttemptDeadline = attempt
	return p.Worst().Needed <= n.Deadline
}

// wouldWait reports whether inner's calls end within the deadline of n.
func (n *node) wouldWait(inner *node) bool { return inner.callTakes() <= n.Deadline }

// within returns the settings by which calls of n end within a time.
func (n *node) within(gives time.Duration) []string {
	settings := []string{setting("deadline", gives)}
	if n.AttemptDeadline >= gives || n.AttemptDeadline == 0 && n.Retries() {
		attempt := []string{setting("attempt_deadline", "off")}
		if n.Retries() {
			attempt = n.refit(gives)
		}
		settings = append(settings, attempt...)
	}
	return settings
}
