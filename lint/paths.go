package lint

import (
	"fmt"
	"math"
	"strings"
)

// way is a path to a node from a service that nobody calls: the one on which most attempts arrive.
type way struct {
	path      []*node
	perCall   []float64 // of the edge before each node of path; 1 before the first
	attempts  float64   // per request, if nothing limits retries
	sustained float64   // per request in a long outage, with budgets; NaN if that is not known
	retrying  int       // how many services on the path retry
}

// tellPaths reports how retries multiply, for the worst of all ways that begin at one service.
func (g *graph) tellPaths() {
	ways, worst, of := map[*node]*way{}, map[*node]*way{}, map[*node]int{}
	for _, n := range g.nodes {
		if len(n.calls) > 0 {
			continue
		}
		w := g.way(n, ways)
		if w.retrying < 2 || len(w.path) < 3 { // HF052 and HF053 say the same of two services
			continue
		}
		from := w.path[0]
		of[from]++
		if worst[from] == nil || w.attempts > worst[from].attempts {
			worst[from] = w
		}
	}
	for _, n := range g.nodes {
		if w := worst[n]; w != nil {
			w.tell(of[n])
		}
	}
}

// way returns the way to n. It ends, since cutCycles has removed all cycles of g.
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

// tell reports the way, which is the worst of so many.
func (w *way) tell(of int) {
	f, n := w.path[0].begin(hopsMultiply, "calls"), w.path[len(w.path)-1]
	among := ""
	if of > 1 {
		among = fmt.Sprintf("; that is the most of %d ways from %s", of, w.path[0].Name)
	}
	if math.IsInf(w.attempts, 1) {
		f.say("%s: retries multiply without end on this way if %s is down%s", names(w.path), n.Name, among)
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
	f.say("%s: up to %s = %s for one request if %s is down; %s%s", names(w.path), strings.Join(factors, " × "),
		f.some("attempts", w.attempts, "attempt", "attempts"), n.Name, w.withBudgets(f), among)
	f.end()
}

// withBudgets says how many attempts budgets let pass in a long outage.
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
		return "no budget limits that"
	case len(silent) > 0:
		return "how far budgets limit that depends on the traffic (rps) of " + strings.Join(silent, ", ")
	}
	return "with the budgets up to " + f.count("sustained", w.sustained) + ", once the banks are spent"
}
