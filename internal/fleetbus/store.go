package fleetbus

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/fleet"
)

// store is what the scripts of holdfastfleet.Redis do, in memory: all times are by its own clock,
// and what is of the future by that clock counts for nothing. Its methods are called under the
// bus's lock, with the store's time.
type store struct {
	rooms map[string]*room
	pools fleet.Transport // made when it is first asked for; by the bubble's clock
}

// pool returns what keeps the tokens of pooled budgets.
func (s *store) pool() fleet.Transport {
	if s.pools == nil {
		s.pools = fleet.InProcess()
	}
	return s.pools
}

type room struct {
	cells   map[string]cell // by pod
	made    time.Time       // the digest
	digest  []byte          // nil: none
	asked   time.Time       // for a digest; zero: nobody was
	holder  string
	since   time.Time // the lease was taken, or extended
	expires time.Time
	epoch   uint64 // of the latest lease
	told    fleet.Told
	toldAt  time.Time
	orders  [fleet.MaxOrders]order
}

type order struct {
	data  []byte // nil: none
	until time.Time
}

type cell struct {
	data []byte
	at   time.Time
}

// room returns the room of a name.
func (s *store) room(name string) *room {
	r := s.rooms[name]
	if r == nil {
		if s.rooms == nil {
			s.rooms = map[string]*room{}
		}
		r = &room{cells: map[string]cell{}}
		s.rooms[name] = r
	}
	return r
}

// clone returns a store with the same content, but for the tokens of pooled budgets: of these a
// replica knows nothing.
func (s *store) clone() *store {
	c := &store{rooms: map[string]*room{}}
	for name, r := range s.rooms {
		is := *r
		is.cells = maps.Clone(r.cells) // data is never written to
		c.rooms[name] = &is
	}
	return c
}

// look returns the room's news for whoever is not asked for a digest.
func (r *room) look(now time.Time) (news fleet.News) {
	if r.held(now) {
		news.Holder = r.holder
	}
	if r.told.Epoch != 0 && !r.toldAt.After(now) {
		news.Told = r.told
		news.Told.Age = now.Sub(r.toldAt)
	}
	if r.digest != nil && !r.made.After(now) {
		news.Digest, news.Age = bytes.Clone(r.digest), now.Sub(r.made)
	}
	for slot, o := range r.orders {
		if o.data != nil && now.Before(o.until) {
			news.Orders = append(news.Orders, fleet.StoredOrder{Slot: slot, Left: o.until.Sub(now), Data: bytes.Clone(o.data)})
		}
	}
	return news
}

// exchange stores a cell and returns the room's news.
func (r *room) exchange(e *fleet.Exchange, data []byte, now time.Time) (news fleet.News) {
	mine := cell{data, now}
	r.cells[e.Pod] = mine
	news = r.look(now)
	pending := !r.asked.IsZero() && !r.asked.After(now) && now.Sub(r.asked) < e.Fresh
	if pending || news.Digest != nil && news.Age < e.Fresh {
		return news
	}
	r.asked, news.Asked = now, true
	if len(r.cells) > fleet.MaxCells {
		news.Refused = len(r.cells) - 1
		r.cells = map[string]cell{e.Pod: mine}
	}
	for _, pod := range slices.Sorted(maps.Keys(r.cells)) {
		c := r.cells[pod]
		switch age := now.Sub(c.at); {
		case age < 0:
			news.Refused++
			delete(r.cells, pod)
		case age >= e.TTL:
			delete(r.cells, pod)
		default:
			news.Cells = append(news.Cells, fleet.Cell{Age: age, Data: bytes.Clone(c.data)})
		}
	}
	return news
}

func (r *room) store(digest []byte, now time.Time) { r.digest, r.made = digest, now }

// longestLease is how long a lease may last before it is taken for nonsense.
const longestLease = time.Minute

// held reports whether somebody holds the lease. One of the future is none.
func (r *room) held(now time.Time) bool {
	return r.holder != "" && !r.since.After(now) && now.Before(r.expires) && r.expires.Sub(r.since) <= longestLease
}

// acquire takes or extends the lease.
func (r *room) acquire(pod string, ttl time.Duration, now time.Time) (epoch uint64) {
	switch held := r.held(now); {
	case held && (r.holder != pod || r.told.Epoch == r.epoch):
		return 0
	case !held:
		r.epoch = max(r.epoch+1, uint64(now.UnixMilli()))
	}
	r.holder, r.since, r.expires = pod, now, now.Add(ttl)
	return r.epoch
}

// tell stores what a holder tells.
func (r *room) tell(t fleet.Told, now time.Time) {
	if t.Epoch == 0 || t.Epoch != r.epoch || r.told.Epoch == t.Epoch {
		return
	}
	r.told, r.toldAt = fleet.Told{Epoch: t.Epoch, Good: t.Good}, now
	r.holder, r.expires = "", time.Time{}
	if !t.Good && t.Rest > 0 {
		r.holder, r.since, r.expires = t.Pod, now, now.Add(t.Rest)
	}
}

func (r *room) release(pod string) {
	if r.holder == pod {
		r.holder, r.expires = "", time.Time{}
	}
}

// withdraw removes what the pod has stored.
func (r *room) withdraw(pod string) {
	delete(r.cells, pod)
	r.release(pod)
}
