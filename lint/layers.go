package lint

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// layer is a service that retries, below another one that retries too.
type layer struct {
	*node
	calls    float64 // calls of it for each attempt of the outer one
	attempts float64 // attempts of it for one request to the outer one
}

// checkLayers reports the nearest services below n that retry too.
func (g *graph) checkLayers(n *node) {
	var limited, unlimited []layer
	seen := map[*node]bool{}
	var look func(from *node, calls float64)
	look = func(from *node, calls float64) {
		for _, e := range from.calls {
			if seen[e.to] {
				continue
			}
			seen[e.to] = true
			switch {
			case !e.to.Retries():
				look(e.to, calls*e.perCall)
			case n.Limited() && e.to.Limited():
				limited = append(limited, n.layer(e.to, calls*e.perCall))
			default:
				unlimited = append(unlimited, n.layer(e.to, calls*e.perCall))
			}
		}
	}
	look(n, 1)
	if len(limited) > 0 {
		n.reportLayers(layersLimited, limited, "their budgets bound it in a long outage")
	}
	if len(unlimited) > 0 {
		n.reportLayers(layersUnlimited, unlimited, n.withoutBudget(unlimited))
	}
}

func (n *node) layer(inner *node, calls float64) layer {
	return layer{node: inner, calls: calls, attempts: n.Unpaid() * calls * inner.Unpaid()}
}

const mostNamed = 4 // services in one sentence

// reportLayers reports all layers below one service in one finding, since one fix is for all of
// them.
func (n *node) reportLayers(code string, below []layer, but string) {
	slices.SortStableFunc(below, func(a, b layer) int { return cmp.Compare(b.attempts, a.attempts) })
	f := n.begin(code, "retry.max_retries")
	worst := below[0]
	product := "attempts without end"
	if !math.IsInf(worst.attempts, 1) {
		product = "up to " + f.count("outer", n.Unpaid()) + " × "
		if worst.calls != 1 {
			product += f.count("calls", worst.calls) + " calls × "
		}
		product += f.count("inner", worst.Unpaid()) + " = " + f.some("attempts", worst.attempts, "attempt", "attempts")
	}
	f.say("%s retries, and so %s, which it reaches: %s at %s for one request; %s", n.Name, alsoRetry(below), product, worst.Name, but)
	settings := Fix{noRetries}
	if n.AttemptDeadline > 0 && n.outlastedByRetries(below) {
		settings = append(settings, setting("attempt_deadline", "off"))
	}
	f.fix(settings...)
	f.end()
}

// outlastedByRetries reports whether a call of one of the layers takes longer than an attempt of n,
// but fits into a call of n. Then, if n makes only one attempt, that may have all the time.
func (n *node) outlastedByRetries(below []layer) bool {
	return slices.ContainsFunc(below, func(l layer) bool { return n.attemptTakes() < l.mayTake() && n.wouldWait(l.node) })
}

// withoutBudget names the services that retry without a budget that refuses.
func (n *node) withoutBudget(below []layer) string {
	var open []string
	if !n.Limited() {
		open = append(open, n.Name)
	}
	for _, l := range below {
		if !l.Limited() {
			open = append(open, l.Name)
		}
	}
	if len(open) == 1 {
		return open[0] + " has no budget that limits it"
	}
	return listed(open) + " have no budget that limits it"
}

// alsoRetry writes "does checkout", "do cart and search".
func alsoRetry(layers []layer) string {
	names := make([]string, len(layers))
	for i, l := range layers {
		names[i] = l.Name
	}
	if len(names) == 1 {
		return "does " + names[0]
	}
	return "do " + listed(names)
}

// listed writes two or more names: "a and b", "a, b and c", "a, b, c and 7 others".
func listed(names []string) string {
	last := names[len(names)-1]
	if len(names) > mostNamed {
		last = strconv.Itoa(len(names)-mostNamed+1) + " others"
		names = names[:mostNamed]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + last
}
