package lint

import (
	"math"
	"slices"
	"strings"
)

// graph is the call graph. Services that could not be read, and edges to unknown services, are not
// in it. cutCycles removes the edges that close a cycle.
type graph struct {
	*checker
	nodes []*node // in the order of the services
}

type node struct {
	subject
	calls []edge
}

type edge struct {
	to      *node
	perCall float64
}

// hops checks how the retries and deadlines of several services act together.
func (c *checker) hops() {
	g := c.graph()
	g.cutCycles()
	for _, n := range g.nodes {
		if n.Retries() {
			g.checkLayers(n)
		}
	}
	g.checkOutlasts()
	g.tellPaths()
}

func (c *checker) graph() *graph {
	g := &graph{checker: c}
	known := map[string]*node{}
	for _, s := range c.subjects {
		n := &node{subject: s}
		g.nodes = append(g.nodes, n)
		if known[s.Name] == nil {
			known[s.Name] = n
		}
	}
	for _, n := range g.nodes {
		for _, call := range n.Calls {
			e := edge{to: known[call.Service], perCall: call.PerCall}
			if !(e.perCall > 0) || math.IsInf(e.perCall, 1) {
				e.perCall = 1
			}
			if e.to != nil {
				n.calls = append(n.calls, e)
				continue
			}
			f := n.begin(unknownService, "calls")
			f.say("calls %q, and there is no such service", call.Service)
			f.fix(setting("calls", without(n.Calls, call.Service)))
			f.end()
		}
	}
	return g
}

// without writes calls as a file does, without those of one service.
func without(calls []Call, service string) string {
	var names []string
	for _, c := range calls {
		if c.Service == service {
			continue
		}
		if c.PerCall > 0 && c.PerCall != 1 {
			names = append(names, "{service: "+c.Service+", per_call: "+decimal(c.PerCall)+"}")
		} else {
			names = append(names, c.Service)
		}
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// cutCycles reports and removes each edge that closes a cycle.
func (g *graph) cutCycles() {
	done := map[*node]bool{}
	var path []*node
	var visit func(n *node)
	visit = func(n *node) {
		path = append(path, n)
		n.calls = slices.DeleteFunc(n.calls, func(e edge) bool {
			if i := slices.Index(path, e.to); i >= 0 {
				g.reportCycle(path[i:])
				return true
			}
			if !done[e.to] {
				visit(e.to)
			}
			return false
		})
		path = path[:len(path)-1]
		done[n] = true
	}
	for _, n := range g.nodes {
		if !done[n] {
			visit(n)
		}
	}
}

func (g *graph) reportCycle(cycle []*node) {
	last := cycle[len(cycle)-1]
	f := last.begin(cycleOfCalls, "calls")
	f.say("services call each other in a circle: %s → %s; a retry of one comes back to it", names(cycle), cycle[0].Name)
	f.fix(setting("calls", without(last.Calls, cycle[0].Name)))
	f.end()
}

func names(nodes []*node) string {
	all := make([]string, len(nodes))
	for i, n := range nodes {
		all[i] = n.Name
	}
	return strings.Join(all, " → ")
}
