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

// downstream is a server that another one calls, in a run.
type downstream struct {
	Downstream
	server  server
	meter   meter
	doer    Doer
	watched []reporter
	calls   []*call
}

// newDownstream makes the server behind s, and those behind that.
func newDownstream(l *lab, s *Server, depth uint64) *downstream {
	if s.Downstream == nil {
		return nil
	}
	d := &downstream{Downstream: *s.Downstream, meter: newMeter(l.scenario)}
	d.server.open(l, d.Server, d.Triggers, &d.meter, depth)
	d.server.name = d.Name
	d.server.behind = newDownstream(l, &d.Server, depth+1)
	return d
}

// hire makes the Doer through which d is called, and those of the servers behind it.
func (d *downstream) hire() error {
	if d == nil {
		return nil
	}
	d.doer = Bare
	if d.NewDoer != nil {
		doer, r, err := makeDoer(d.NewDoer, fmt.Sprintf("NewDoer of %q", d.Name))
		if err != nil {
			return err
		}
		d.doer = doer
		if r != nil {
			d.watched = []reporter{r}
		}
	}
	return d.server.behind.hire()
}

// ask has d called for a, while a's worker at s waits. The caller holds the lock.
func (d *downstream) ask(s *server, a *attempt) {
	l := s.lab
	if l.closed {
		return
	}
	ctx, cancel := l.background()
	a.asking, a.cancel = true, cancel
	c := &flight{
		call: l.record(int(a.call.client)), server: &d.server, number: len(d.calls), root: a.call.root, key: a.call.key,
	}
	d.calls = append(d.calls, c.call)
	l.asks.Go(func() {
		defer cancel()
		err := l.through(context.WithValue(ctx, callKey{}, c), d.doer, c, func(ctx context.Context) error { return l.attempt(ctx, c) })
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

// report is how the calls of d went.
func (d *downstream) report(l *lab, r *Report) *Report {
	if d == nil {
		return nil
	}
	s := l.scenario
	s.Load.kind = served
	s.Name, s.Server, s.Triggers, s.Clients, s.Groups = d.Name, d.Server, d.Triggers, 1, nil
	d.meter.pass(r.end)
	d.meter.bucket(r.Series[len(r.Series)-1].At) // as many as the whole run has
	d.meter.read(r.end-1, denialsOf(d.watched))
	report := newReport(s, d.meter.buckets, d.calls, r.end)
	report.Downstream = d.server.behind.report(l, r)
	return report
}
