package storm

import (
	"context"
	"fmt"
	"slices"

	"github.com/media-gateway/holdfast/internal/check"
)

// Downstream is a server that another one calls in the course of its work: once for each attempt,
// after its own part of the work. The worker waits for the answer. If the call fails, so does the
// attempt, with ErrFailed. The ctx of the call has no deadline; it ends when the caller has left,
// if the server is one that StopsWhenLeft.
type Downstream struct {
	// Name is what its report is called. Default "downstream".
	Name string
	// Server is what answers there. It may have a Downstream itself, and so on for at most 20
	// servers.
	Server Server
	// Triggers is what goes wrong with it. Clients and Keys are those of the first caller, and
	// Calls a share of the first caller's calls.
	Triggers []Trigger
	// NewDoer makes the Doer that the calling server makes its calls with; all its workers share
	// it. nil: it makes each call once.
	NewDoer func() Doer
}

func (s *Server) resolveDownstream(c *check.Check, field string, scenario *Scenario) {
	if s.Downstream == nil {
		return
	}
	if s.hops() > maxHops {
		c.Fail(field+"Downstream", "too long a chain", "want at most %d servers behind each other, none of them its own Downstream", maxHops)
		return
	}
	field += "Downstream."
	d := *s.Downstream // the caller's stays as it is
	s.Downstream = &d
	if d.Name == "" {
		d.Name = "downstream"
	}
	d.Server.resolve(c, field+"Server.", scenario)
	d.Triggers = slices.Clone(d.Triggers)
	for i, t := range d.Triggers {
		t.check(c, fmt.Sprintf("%sTriggers[%d].", field, i), scenario, &d.Server)
	}
}

const maxHops = 20

// hops is how many servers there are behind s, as far as it needs to be known.
func (s *Server) hops() (n int) {
	for d := s.Downstream; d != nil && n <= maxHops; d = d.Server.Downstream {
		n++
	}
	return n
}

// hop is a server that is called by another one, in a run.
type hop struct {
	Downstream
	server  server
	meter   meter
	doer    Doer
	watched []reporter
	calls   []*call
	behind  *hop
}

// newHops makes the servers behind s.
func newHops(l *lab, s *Server, depth uint64) *hop {
	if s.Downstream == nil {
		return nil
	}
	h := &hop{Downstream: *s.Downstream, meter: newMeter(l.scenario)}
	h.server.open(l, h.Server, h.Triggers, &h.meter, depth)
	h.server.name = h.Name
	h.behind = newHops(l, &h.Server, depth+1)
	h.server.behind = h.behind
	return h
}

// hire makes the Doer through which h is called, and those of the hops behind it.
func (h *hop) hire() error {
	if h == nil {
		return nil
	}
	h.doer = Bare
	if h.NewDoer != nil {
		h.doer = h.NewDoer()
		if isNil(h.doer) {
			return fmt.Errorf("storm: NewDoer of %q returned %T(nil); want a Doer", h.Name, h.doer)
		}
		if r, ok := h.doer.(reporter); ok && isPointer(r) {
			h.watched = []reporter{r}
		}
	}
	return h.behind.hire()
}

// ask has h called for a, while a's worker at s waits. The caller holds the lock.
func (h *hop) ask(s *server, a *attempt) {
	l := s.lab
	if l.closed {
		return
	}
	ctx, cancel := l.background()
	a.asking, a.cancel = true, cancel
	c := &flight{
		call: l.record(int(a.call.client)), server: &h.server, number: len(h.calls), root: a.call.root, key: a.call.key,
	}
	h.calls = append(h.calls, c.call)
	l.asks.Go(func() {
		defer cancel()
		err := l.through(context.WithValue(ctx, callKey{}, c), h.doer, c, func(ctx context.Context) error { return l.attempt(ctx, c) })
		l.lineUp(c, 0) // who knows what it has waited for
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.closed { // the report is written
			return
		}
		c.took, c.good = l.now()-c.begun, err == nil
		if a.state == working { // else the caller has left
			s.worked(a, err)
		}
	})
}

// report is how the calls of h went.
func (h *hop) report(l *lab, r *Report) *Report {
	if h == nil {
		return nil
	}
	s := l.scenario
	s.Load.kind = served
	s.Name, s.Server, s.Triggers, s.Clients, s.Groups = h.Name, h.Server, h.Triggers, 1, nil
	h.meter.pass(r.end)
	h.meter.bucket(r.Series[len(r.Series)-1].At) // as many as the whole run has
	h.meter.read(r.end-1, denialsOf(h.watched))
	report := newReport(s, h.meter.buckets, h.calls, r.end)
	report.Downstream = h.behind.report(l, r)
	return report
}
