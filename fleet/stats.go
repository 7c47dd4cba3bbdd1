package fleet

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// trouble is how the fleet gets on with its store.
type trouble struct {
	advised, refused atomic.Uint64

	mu       sync.Mutex
	row      int // ticks without news
	ticks    uint64
	misses   uint64
	why      string    // of the last miss
	since    mono.Time // of the first of the row
	isApart  bool
	troubles uint64
}

// missed takes note of a tick without news. The third in a row is told, once.
func (s *trouble) missed(f *Fleet, err error) {
	why := cmp.Or(foreign.Text(err), "an error without a text") // it is somebody else's, and may panic: not under the lock
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.row == 0 {
		s.since = mono.Now()
	}
	s.row++
	s.ticks++
	s.misses++
	s.why = why
	if s.row == apart {
		s.isApart = true
		s.troubles++
		f.teller.tell(f.change(true, mono.Since(s.since)), err)
	}
}

// lasts reports whether the pod is apart.
func (s *trouble) lasts() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isApart
}

// over takes note of a tick with news.
func (s *trouble) over(f *Fleet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isApart {
		f.teller.tell(f.change(false, mono.Since(s.since)), nil)
	}
	s.row, s.isApart, s.why = 0, false, ""
	s.ticks++
}

// Stats is how a fleet stands, as this pod sees it.
type Stats struct {
	Fleet string `json:"fleet"`
	Pod   string `json:"pod"`

	// Apart says that for three ticks or more there were no news, and every breaker goes by itself.
	// Why is what the store, or this pod, says about the last tick without news; "" if there were
	// some in the last tick.
	Apart bool   `json:"apart"`
	Why   string `json:"why,omitempty"`

	// Left says that the pod has left the fleet: by Leave, or because ctx ended. The rest is from
	// then.
	Left bool `json:"left,omitempty"`

	// Idle says that Follow has found services for three seconds or so, but nothing to follow and
	// nothing to pool, and what to write; else it is "".
	Idle string `json:"idle,omitempty"`

	Ticks    uint64 `json:"ticks"`    // since Join
	Misses   uint64 `json:"misses"`   // of the ticks, those without news
	Troubles uint64 `json:"troubles"` // how often Apart became true
	Advised  uint64 `json:"advised"`  // breakers opened on the fleet's advice
	Refused  uint64 `json:"refused"`  // cells and digests that are none of this protocol

	// Hands says that this pod has the fleet's key: see WithKey. Forged counts the orders that it
	// refused since they are not signed with it, or were played back: each at every tick at which
	// the store has it.
	Hands  bool   `json:"hands"`
	Forged uint64 `json:"forged"`

	Services []ServiceStats `json:"services,omitempty"` // one for each breaker that is followed
	Budgets  []PoolStats    `json:"budgets,omitempty"`  // one for each budget whose tokens are shared
}

// ServiceStats is what this pod has heard of one breaker.
type ServiceStats struct {
	Name  string           `json:"name"`  // the breaker's; with the pipeline's if it is not the only one
	State resilience.State `json:"state"` // of this pod's breaker

	// Age is how old the news are now. The other fields are from then; they are 0 if there were
	// none, and Age is -1. In JSON age_seconds.
	Age time.Duration `json:"-"`

	Pods      uint64 `json:"pods"`      // heard of, this one included
	Speaking  uint64 `json:"speaking"`  // of them, that have outcomes in the last ten seconds
	Failing   uint64 `json:"failing"`   // of those, that are failing by their own numbers
	Open      uint64 `json:"open"`      // of the pods, whose breakers are open or half-open
	Successes uint64 `json:"successes"` // of all pods, in the last ten seconds
	Failures  uint64 `json:"failures"`  // of all pods, in the last ten seconds
	Probes    bool   `json:"probes"`    // this pod holds the lease to probe
	Banned    bool   `json:"banned"`    // this pod goes by itself, since its probes failed while others succeeded

	// Holder is the pod that holds the lease, and so probes for all; "" if nobody does. It is what
	// the store says: any bytes.
	Holder string `json:"holder,omitempty"`

	Orders []OrderStats `json:"orders,omitempty"` // in force now
}

// MarshalJSON writes s with Age as age_seconds.
func (s ServiceStats) MarshalJSON() ([]byte, error) {
	type plain ServiceStats // without this method
	age := -1.0
	if s.Age >= 0 {
		age = s.Age.Seconds()
	}
	return json.Marshal(struct {
		plain
		Age float64 `json:"age_seconds"`
	}{plain(s), age})
}

// published is what the last tick has found.
type published struct {
	Stats

	at mono.Time
}

// Stats returns how the fleet stands: the services as of the last tick, but for their Age, and the
// rest as of now. It waits for nothing.
func (f *Fleet) Stats() Stats {
	if !f.joined() {
		return Stats{Left: true}
	}
	p := f.stats.Load()
	s := p.Stats
	t := &f.trouble
	t.mu.Lock()
	s.Apart, s.Why, s.Ticks, s.Misses, s.Troubles = t.isApart, t.why, t.ticks, t.misses, t.troubles
	t.mu.Unlock()
	select {
	case <-f.stopped:
		s.Left = true
	default:
	}
	s.Advised, s.Refused = t.advised.Load(), t.refused.Load()
	s.Hands, s.Forged = len(f.hands.keys) > 0, f.hands.forged.Load()
	s.Services, s.Budgets = slices.Clone(s.Services), slices.Clone(s.Budgets)
	for i := range s.Budgets {
		if one := &s.Budgets[i]; s.Apart && one.FloorShare > 0 {
			one.FloorShare = 1 // it is whole again
		}
	}
	passed := mono.Since(p.at) // there may be no tick for long, if the store hangs
	for i := range s.Services {
		one := &s.Services[i]
		if one.Age >= 0 {
			one.Age += passed
		}
		one.Orders = f.hands.stats(f.name, one.Name)
	}
	return s
}

// publish makes the members' stats those that Stats returns.
func (f *Fleet) publish() {
	s := Stats{Fleet: f.name, Pod: f.pod, Idle: f.idleness.why}
	now := mono.Now()
	for _, m := range f.members.all {
		d := &m.digest
		one := ServiceStats{Name: m.name, State: m.reading.State, Age: -1}
		if m.heardAt != 0 {
			one.heard(d, time.Duration(now-m.heardAt)+m.age)
		}
		one.Probes, one.Banned = m.probing.epoch != 0, now < m.probing.banned
		one.Holder = holderOf(m.holder, f.pod, one.Probes)
		s.Services = append(s.Services, one)
	}
	s.Budgets = f.pools.stats()
	f.stats.Store(&published{s, now})
}
