package storm

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// Group is a number of clients whose Doers are not those of the others: those who do not retry,
// say, beside those who do.
type Group struct {
	// Name is what the group's report is called.
	Name string
	// Clients is how many clients there are in the group, 1 to 100,000. Default 1.
	Clients int
	// NewDoer makes a Doer for each of them, as Run's newDoer does for the others. Required.
	NewDoer func() Doer
}

func (g *Group) resolve(c *check.Check, field string) {
	g.Clients = check.Number(c, field+"Clients", g.Clients, check.Range[int]{Max: maxClients, Default: 1})
	if g.NewDoer == nil {
		c.Fail(field+"NewDoer", "nil", "want a function that makes a Doer")
	}
}

// clients is how many there are in all.
func (s *Scenario) clients() int {
	n := s.Clients
	for _, g := range s.Groups {
		n += g.Clients
	}
	return n
}

// group is what is known of the clients of one kind in a run.
type group struct {
	Group
	watched []reporter
	meter   meter
	calls   []*call
	loops   int // callers of a closed load
}

// reporter is a Doer that counts, by reason, what it kept from the server.
type reporter interface {
	Snapshot() holdfast.Snapshot
}

// hire makes the Doers: those of newDoer, and then those of each Group.
func (l *lab) hire(newDoer func() Doer) error {
	if newDoer == nil {
		return errors.New("storm: newDoer is nil; want a function that makes a Doer")
	}
	all := reporters{}
	add := func(g Group, field string) error {
		own := reporters{}
		group := &group{Group: g, meter: newMeter(l.scenario)}
		for range g.Clients {
			d, r, err := makeDoer(g.NewDoer, field)
			if err != nil {
				return err
			}
			l.doers = append(l.doers, d)
			l.groupOf = append(l.groupOf, group)
			if r != nil {
				own.add(r)
				all.add(r)
			}
		}
		group.watched = own.all
		l.groups = append(l.groups, group)
		return nil
	}
	err := add(Group{Name: l.scenario.title(), Clients: l.scenario.Clients, NewDoer: newDoer}, "newDoer")
	for i, g := range l.scenario.Groups {
		err = errors.Join(err, add(g, fmt.Sprintf("Groups[%d].NewDoer", i)))
	}
	for i := range l.scenario.Load.loops {
		if len(l.doers) > 0 {
			l.groupOf[i%len(l.doers)].loops++
		}
	}
	l.watched = all.all
	return errors.Join(err, l.server.behind.hire())
}

// makeDoer returns what newDoer makes, as a reporter too if it is one, and a pointer: of two values
// that are equal, nobody can tell whether they are one Doer.
func makeDoer(newDoer func() Doer, field string) (Doer, reporter, error) {
	d := newDoer()
	if isNil(d) {
		return nil, nil, fmt.Errorf("storm: %s returned %T(nil); want a Doer", field, d)
	}
	if r, ok := d.(reporter); ok && reflect.ValueOf(r).Kind() == reflect.Pointer {
		return d, r, nil
	}
	return d, nil, nil
}

// isNil reports whether v holds nothing: a nil pointer, or a nil function.
func isNil(v any) bool {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func:
		return r.IsNil()
	default:
		return false
	}
}

// reporters is a set of them: one that is shared by several clients is asked once.
type reporters struct {
	known map[reporter]bool
	all   []reporter
}

func (w *reporters) add(r reporter) {
	if w.known == nil {
		w.known = map[reporter]bool{}
	}
	if !w.known[r] {
		w.known[r] = true
		w.all = append(w.all, r)
	}
}

// denialsOf is how many calls and attempts the Doers have kept from the server so far, by reason.
func denialsOf(watched []reporter) (sum [resilience.NumReasons]int) {
	for _, r := range watched {
		for reason, n := range r.Snapshot().Denials {
			if reason < resilience.NumReasons {
				sum[reason] += int(n)
			}
		}
	}
	return sum
}

// count notes in the meters of c's server, and of c's group, what happens to c now.
func (l *lab) count(c *flight, add func(b *Bucket)) {
	now := l.now()
	add(c.server.meter.bucket(now))
	if len(l.groups) > 1 && c.server == &l.server {
		add(l.groupOf[c.client].meter.bucket(now))
	}
}

// answered notes what a server answers to an attempt.
func (b *Bucket) answered(err error) {
	switch {
	case err == nil:
	case errors.Is(err, ErrQueueFull), errors.Is(err, ErrDropped):
		b.Refused++
	default:
		b.Failed++
	}
}

// groupReports is how each group's calls went, once all have ended; nil where there is one group.
func (l *lab) groupReports(r *Report) []*Report {
	if len(l.groups) < 2 {
		return nil
	}
	for _, c := range l.calls {
		g := l.groupOf[c.client]
		g.calls = append(g.calls, c)
	}
	var reports []*Report
	for _, g := range l.groups {
		s := l.scenario
		s.Name, s.Clients, s.Groups = g.Name, g.Clients, nil
		s.Load.loops = g.loops
		g.meter.bucket(r.Series[len(r.Series)-1].At) // as many as the whole run has
		g.meter.read(r.end-1, denialsOf(g.watched))
		reports = append(reports, newReport(s, g.meter.buckets, g.calls, r.end))
	}
	return reports
}

// callKey is the key of a call in its ctx.
type callKey struct{}

// Client returns the number of the client whose call ctx belongs to: those of Run's newDoer from 0
// on, and then those of each of the scenario's Groups. A Doer, and the op it runs, get such a ctx.
// It is not ok for another one.
func Client(ctx context.Context) (number int, ok bool) {
	if c, ok := ctx.Value(callKey{}).(*flight); ok {
		return int(c.client), true
	}
	return 0, false
}

// Key returns the key of the call that ctx belongs to: see Scenario.Keys. It is not ok if the call
// has none.
func Key(ctx context.Context) (key int, ok bool) {
	if c, ok := ctx.Value(callKey{}).(*flight); ok && c.key >= 0 {
		return c.key, true
	}
	return 0, false
}
