package lint

import (
	"math"
	"strings"
)

// way is the path to a node on which most attempts arrive, from a service that nobody calls.
type way struct {
	path      []*node
	perCall   []float64 // of the edge before each node of path; 1 before the first
	attempts  float64   // per request, if nothing limits retries
	sustained float64   // per request, in a long outage, as far as budgets limit them; NaN if that is not known
	retrying  int       // how many services on the path retry
}

// tellPaths tells how retries multiply on the way to each service that calls no other.
func (g *graph) tellPaths() {
	ways := map[*node]*way{}
	for _, n := range g.nodes {
		if len(n.calls) > 0 {
			continue
		}
		if w := g.way(n, ways); w.retrying >= 2 {
			w.tell(n)
		}
	}
}

// way returns the way to n. There are no cycles left in g.
func (g *graph) way(n *node, known map[*node]*way) *way {
	if w := known[n]; w != nil {
		return w
	}
	var best *way
	for _, from := range g.nodes {
		for _, e := range from.calls {
			if e.to != n {
				continue
			}
			w := g.way(from, known).plus(n, e.perCall)
			if best == nil || w.attempts > best.attempts || w.attempts == best.attempts && w.retrying > best.retrying {
				best = w
			}
		}
	}
	if best == nil {
		best = (&way{attempts: 1, sustained: 1}).plus(n, 1)
	}
	known[n] = best
	return best
}

func (w *way) plus(n *node, perCall float64) *way {
	next := &way{
		path: append(w.path[:len(w.path):len(w.path)], n), perCall: append(w.perCall[:len(w.perCall):len(w.perCall)], perCall),
		attempts: w.attempts * perCall * n.Unpaid(), sustained: w.sustained * perCall * n.Sustained(n.RPS), retrying: w.retrying,
	}
	if n.Retries() {
		next.retrying++
	}
	return next
}

func (w *way) tell(n *node) {
	f := w.path[0].begin(hopsMultiply, "calls")
	if math.IsInf(w.attempts, 1) {
		f.say("%s: retries multiply without end on this way if %s is down", names(w.path), n.Name)
		f.end()
		return
	}
	var factors []string
	for i, on := range w.path {
		if w.perCall[i] != 1 {
			factors = append(factors, f.count("calls_of_"+on.Name, w.perCall[i])+" calls")
		}
		factors = append(factors, f.count("attempts_of_"+on.Name, on.Unpaid()))
	}
	f.say("%s: up to %s = %s attempts per request if %s is down; %s", names(w.path), strings.Join(factors, " × "),
		f.count("attempts", w.attempts), n.Name, w.withBudgets(f))
	f.end()
}

// withBudgets says what of it budgets let pass in a long outage.
func (w *way) withBudgets(f *draft) string {
	budgets, silent := 0, []string{}
	for _, n := range w.path {
		if n.Limited() && n.Retries() {
			budgets++
			if n.RPS <= 0 {
				silent = append(silent, n.Name)
			}
		}
	}
	switch {
	case budgets == 0:
		return "no budget limits it"
	case len(silent) > 0:
		return "how far the budgets limit it depends on the traffic (rps) of " + strings.Join(silent, ", ")
	}
	return "with the budgets up to " + f.count("sustained", w.sustained) + ", once their bursts are spent"
}
