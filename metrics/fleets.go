package metrics

import (
	"slices"
	"sync"
	"weak"

	"github.com/media-gateway/holdfast/fleet"
)

// Fleet is the label that every metric of a fleet has, instead of Pipeline.
var Fleet = Label{Attribute: "holdfast.fleet.name", Prometheus: "fleet", Help: "the name of the fleet"}

var ofService = Label{Attribute: "holdfast.fleet.service", Prometheus: "service",
	Help: "the breaker that the fleet follows, by its name: the pipeline's, unless it has one of its own or the pipeline has several"}

var ofKind = Label{Attribute: "holdfast.fleet.order", Prometheus: "order",
	Help: "what an order for all pods is about: isolate, reset or tune"}

var ofFleets = []*Description{
	{
		Name: "holdfast.fleet.apart", Kind: UpDownCounter, Unit: "{pod}", Stage: "fleet",
		Help:  "1 if this pod has had no news from the fleet's store for three ticks, so that every breaker goes by itself, else 0.",
		fleet: readFleet(func(s *fleet.Stats) float64 { return truth(s.Apart) }),
	},
	{
		Name: "holdfast.fleet.troubles", Kind: Counter, Unit: "{trouble}", Stage: "fleet",
		Help:  "How often this pod began to be apart from the fleet's store.",
		fleet: readFleet(func(s *fleet.Stats) float64 { return float64(s.Troubles) }),
	},
	{
		Name: "holdfast.fleet.ticks", Kind: Counter, Unit: "{tick}", Stage: "fleet",
		Help:  "Ticks, in which this pod tells the fleet's store what it counts and asks for news: two a second, and one in two seconds while it is apart.",
		fleet: readFleet(func(s *fleet.Stats) float64 { return float64(s.Ticks) }),
	},
	{
		Name: "holdfast.fleet.misses", Kind: Counter, Unit: "{tick}", Stage: "fleet",
		Help:  "Of the ticks, those without news.",
		fleet: readFleet(func(s *fleet.Stats) float64 { return float64(s.Misses) }),
	},
	{
		Name: "holdfast.fleet.advised", Kind: Counter, Unit: "{opening}", Stage: "fleet",
		Help:  "Breakers of this pod that were opened on the fleet's advice.",
		fleet: readFleet(func(s *fleet.Stats) float64 { return float64(s.Advised) }),
	},
	{
		Name: "holdfast.fleet.refused", Kind: Counter, Unit: "{cell}", Stage: "fleet",
		Help:  "Cells and digests of the store that counted for nothing: malformed, too long, too many, or of another version of the protocol.",
		fleet: readFleet(func(s *fleet.Stats) float64 { return float64(s.Refused) }),
	},
	{
		Name: "holdfast.fleet.forged", Kind: Counter, Unit: "{order}", Stage: "fleet",
		Help:  "Orders for the fleet that this pod refused at a tick: not signed with the fleet's key, played back, or dated by a wrong clock.",
		fleet: readFleet(func(s *fleet.Stats) float64 { return float64(s.Forged) }),
	},
	{
		Name: "holdfast.fleet.orders", Kind: UpDownCounter, Unit: "{order}", Stage: "fleet", Labels: []Label{ofService, ofKind},
		Help:  "Orders for all pods that are in force. Absent in a pod without the fleet's key.",
		fleet: readOrders,
	},
	{
		Name: "holdfast.fleet.news_age", Kind: Gauge, Unit: "s", Stage: "fleet", Labels: []Label{ofService},
		Help:  "How old the news of a service are. Absent if there were none yet.",
		fleet: readServices(heardOf, func(s *fleet.ServiceStats) float64 { return s.Age.Seconds() }),
	},
	{
		Name: "holdfast.fleet.pods", Kind: Gauge, Unit: "{pod}", Stage: "fleet", Labels: []Label{ofService},
		Help:  "Pods that this pod hears of, itself included. Absent while there are no news.",
		fleet: readServices(withNews, func(s *fleet.ServiceStats) float64 { return float64(s.Pods) }),
	},
	{
		Name: "holdfast.fleet.pods_speaking", Kind: Gauge, Unit: "{pod}", Stage: "fleet", Labels: []Label{ofService},
		Help:  "Of the pods, those that have had outcomes in the last 10 seconds. Absent while there are no news.",
		fleet: readServices(withNews, func(s *fleet.ServiceStats) float64 { return float64(s.Speaking) }),
	},
	{
		Name: "holdfast.fleet.pods_failing", Kind: Gauge, Unit: "{pod}", Stage: "fleet", Labels: []Label{ofService},
		Help:  "Of those that have had outcomes, the pods that are failing by their own numbers. Absent while there are no news.",
		fleet: readServices(withNews, func(s *fleet.ServiceStats) float64 { return float64(s.Failing) }),
	},
	{
		Name: "holdfast.fleet.pods_open", Kind: Gauge, Unit: "{pod}", Stage: "fleet", Labels: []Label{ofService},
		Help:  "Of the pods, those whose breaker is open or half-open. Absent while there are no news.",
		fleet: readServices(withNews, func(s *fleet.ServiceStats) float64 { return float64(s.Open) }),
	},
	{
		Name: "holdfast.fleet.probing", Kind: UpDownCounter, Unit: "{pod}", Stage: "fleet", Labels: []Label{ofService},
		Help:  "1 while this pod holds the lease, and so probes for all, else 0. Absent while there are no news.",
		fleet: readServices(withNews, func(s *fleet.ServiceStats) float64 { return truth(s.Probes) }),
	},
	{
		Name: "holdfast.fleet.banned", Kind: UpDownCounter, Unit: "{pod}", Stage: "fleet", Labels: []Label{ofService},
		Help:  "1 while this pod goes by itself, since its probes failed while those of others succeeded, else 0. Absent while there are no news.",
		fleet: readServices(withNews, func(s *fleet.ServiceStats) float64 { return truth(s.Banned) }),
	},
}

// readsFleet says how a metric is read from a fleet's Stats.
type readsFleet func(s *fleet.Stats, add adder)

func readFleet(value func(s *fleet.Stats) float64) readsFleet {
	return func(s *fleet.Stats, add adder) { add(value(s)) }
}

// readServices reads a metric that each service has, of those of which has says that they have it.
func readServices(has func(f *fleet.Stats, s *fleet.ServiceStats) bool, value func(s *fleet.ServiceStats) float64) readsFleet {
	return func(f *fleet.Stats, add adder) {
		for i := range f.Services {
			if s := &f.Services[i]; has(f, s) {
				add(value(s), Text(s.Name))
			}
		}
	}
}

// orderKinds are the values of ofKind.
var orderKinds = [...]fleet.OrderKind{fleet.OrderIsolate, fleet.OrderReset, fleet.OrderTune}

// readOrders counts the orders of each service and kind, also if there are none.
func readOrders(f *fleet.Stats, add adder) {
	if !f.Hands {
		return
	}
	for i := range f.Services {
		s := &f.Services[i]
		for _, kind := range orderKinds {
			n := 0.0
			for _, o := range s.Orders {
				n += truth(o.Kind == kind)
			}
			add(n, Text(s.Name), kind.String())
		}
	}
}

// heardOf reports whether there ever were news of the service.
func heardOf(_ *fleet.Stats, s *fleet.ServiceStats) bool { return s.Age >= 0 }

// withNews reports whether there are news of the service. What a pod that is apart has heard last
// may be hours old.
func withNews(f *fleet.Stats, s *fleet.ServiceStats) bool { return s.Age >= 0 && !f.Apart }

// Fleets reads metrics from fleets, until these are left. It does not keep them alive. The zero
// value has no fleets. It is safe for concurrent use.
type Fleets struct {
	mu     sync.Mutex
	byName map[string]*fleetsOf
}

// fleetsOf are this process's parts in the fleets of one name.
type fleetsOf struct {
	all    []weak.Pointer[fleet.Fleet] // in the order of Add
	ledger ledger
}

// member is a part in a fleet, and how it stands.
type member struct {
	fleet.Stats

	owner membership
}

// membership is a fleet as the owner of its counts.
type membership struct{ weak.Pointer[fleet.Fleet] }

func (m membership) gone() bool {
	f := m.Value()
	return f == nil || f.Stats().Left
}

// Add adds f. If f was added before, it becomes the last one of its name. It does nothing if f is
// nil.
func (fs *Fleets) Add(f *fleet.Fleet) {
	if f == nil {
		return
	}
	name := Text(f.Stats().Fleet)
	fs.mu.Lock()
	defer fs.mu.Unlock()
	of := fs.byName[name]
	if of == nil {
		of = &fleetsOf{}
		if fs.byName == nil {
			fs.byName = map[string]*fleetsOf{}
		}
		fs.byName[name] = of
	}
	of.all = slices.DeleteFunc(of.all, func(w weak.Pointer[fleet.Fleet]) bool { return w.Value() == f })
	of.all = append(of.all, weak.Make(f))
}

// Read returns the samples of the fleets that have not been left, by the fleet's name: the value of
// the label [Fleet]. It waits for no store.
func (fs *Fleets) Read() map[string][]Sample {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	samples := map[string][]Sample{}
	for name, of := range fs.byName {
		if s := of.read(); s != nil {
			samples[name] = s
		}
	}
	return samples
}

// read returns the samples of one name, or nil if all have been left.
func (of *fleetsOf) read() (samples []Sample) {
	var members []*member
	of.all = slices.DeleteFunc(of.all, func(w weak.Pointer[fleet.Fleet]) bool {
		f := w.Value()
		if f == nil {
			return true
		}
		m := &member{f.Stats(), membership{w}}
		if !m.Left {
			members = append(members, m)
		}
		return m.Left
	})
	if members == nil {
		return nil
	}
	for _, d := range catalogue {
		if d.fleet != nil {
			samples = append(samples, addUp(&of.ledger, d, members,
				func(m *member, add adder) { d.fleet(&m.Stats, add) },
				func(m *member) owner { return m.owner })...)
		}
	}
	return samples
}
