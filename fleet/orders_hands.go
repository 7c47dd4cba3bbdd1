package fleet

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/visible"
)

// maxSkew is how far the clocks of the pods may be apart. An order carries the date at which it was
// issued, by its issuer's clock, and the store knows for how long it has had it. If the two differ
// by more, the order is refused: it was played back, or a clock is wrong. So an order that is
// played back holds at most this long after its time, however old the store says it is.
const maxSkew = 5 * time.Minute

// orderTTL is how long the store and the pods remember an order, which is longer than any order
// that it replaced may hold. It says as well how old an order in the store is.
const orderTTL = maxFor + 2*maxSkew

const (
	putBackEvery = 5 * time.Second  // that a pod stores an order again which the store has lost
	strangeFor   = 30 * time.Second // before it does so in the place of one that it cannot judge
	warnEvery    = time.Minute      // that the log tells of an order that was refused
)

// hands are the orders that a pod knows. No code of a user runs under mu.
type hands struct {
	keys   [][]byte // the first signs; none: orders are off
	now    func() time.Time
	log    *slog.Logger
	forged atomic.Uint64

	mu     sync.Mutex
	desks  map[string]*desk // by room
	left   bool             // the pod has left
	warned mono.Time
}

// desk has the orders of one service.
type desk struct {
	slots  [orderSlots]*standing // the latest of each slot, also when its time is over
	issued int64                 // the latest that this pod has issued

	strange [orderSlots]mono.Time // since when the store has what this pod cannot judge; 0: it has not
}

// standing is an order that a pod has heard of.
type standing struct {
	signed
	data  []byte
	heard mono.Time
	age   time.Duration // in the store, when it was heard
	end   mono.Time     // of its time
	until time.Time     // the same, by this pod's clock
	over  bool          // it was undone, or there was nothing to do
	back  mono.Time     // stored again last

	effects
}

// inForce reports whether the order holds now.
func (s *standing) inForce(now mono.Time) bool { return !s.over && now < s.end }

// left returns for how long the store is to remember the order.
func (s *standing) left(now mono.Time) time.Duration {
	return orderTTL - s.age - time.Duration(now-s.heard)
}

// judge returns the order that the store has, or why it is refused.
func (h *hands) judge(fleet, service string, o StoredOrder) (*standing, string) {
	s, ok := open(h.keys, fleet, service, o.Data)
	if !ok || s.slot() != o.Slot {
		return nil, "it is not signed with a key of this fleet, for this service"
	}
	now, today := mono.Now(), h.now()
	age := min(max(orderTTL-o.Left, 0), orderTTL)
	date := time.Unix(0, s.issued)
	if dated := today.Sub(date); dated < age-maxSkew || dated > age+maxSkew {
		return nil, "its date and its age in the store are not of one time: a clock is wrong, or it was played back"
	}
	left := max(s.lasts-age, 0)
	return &standing{
		signed: s, data: bytes.Clone(o.Data), heard: now, age: age, end: now.Add(left), until: today.Add(left),
		over: s.withdrawn || left == 0, back: longAgo,
	}, ""
}

// read returns the orders that the store has, and why the last one is refused that is left out; ""
// if none is.
func (h *hands) read(fleet, service string, stored []StoredOrder) (all []*standing, refused string) {
	if len(h.keys) == 0 {
		return nil, ""
	}
	for _, o := range stored {
		if s, why := h.judge(fleet, service, o); why != "" {
			refused = why
		} else {
			all = append(all, s)
		}
	}
	return all, refused
}

// sign signs an order, which is newer than latest, and than all that this pod knows.
func (h *hands) sign(fleet, service string, s *signed, latest []*standing) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.desk(roomOf(fleet, service))
	s.issued, s.nonce = max(h.now().UnixNano(), d.issued+1), newNonce()
	for _, known := range append(latest, d.slots[:]...) {
		if known != nil {
			s.issued = max(s.issued, known.issued+1)
		}
	}
	d.issued = s.issued
	return s.sign(h.keys[0], fleet, service)
}

// desk returns that of a room. The caller holds mu.
func (h *hands) desk(room string) *desk {
	d := h.desks[room]
	if d == nil {
		d = &desk{issued: math.MinInt64}
		if h.desks == nil {
			h.desks = map[string]*desk{}
		}
		h.desks[room] = d
	}
	return d
}

// heed takes the orders that the store has for the member's room, carries out those that are new,
// and stores again those that it lost.
func (f *Fleet) heed(ctx context.Context, m *member, n *News) {
	if len(f.hands.keys) == 0 || n.Err != nil {
		return
	}
	said, lost := f.hands.heed(f, m, n.Orders)
	f.say(said)
	for _, s := range lost {
		_ = f.transport.Order(ctx, m.room, s.slot(), bytes.Clone(s.data), s.left(mono.Now())) // else the next pod does
	}
}

func (h *hands) heed(f *Fleet, m *member, stored []StoredOrder) (said sayings, lost []*standing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.left || len(stored) == 0 && h.desks[m.room] == nil {
		return nil, nil
	}
	d, now := h.desk(m.room), mono.Now()
	var there, strange [orderSlots]bool // the latest of a slot; what this pod cannot judge
	for _, o := range stored {
		mine := o.Slot >= 0 && o.Slot < orderSlots
		if mine && d.slots[o.Slot] != nil && bytes.Equal(d.slots[o.Slot].data, o.Data) {
			there[o.Slot] = true
			continue
		}
		s, why := h.judge(f.name, m.name, o)
		switch {
		case why != "":
			if mine {
				strange[o.Slot] = true
			}
			said = append(said, h.refused(m, why)...)
		case d.slots[o.Slot] != nil && !s.newer(&d.slots[o.Slot].signed):
			said = append(said, h.refused(m, "an order that was issued later has replaced it")...)
		default:
			was := d.slots[o.Slot]
			d.slots[o.Slot], there[o.Slot] = s, true
			said = append(said, s.replace(was, m)...)
		}
	}
	for i, s := range d.slots {
		if d.lost(i, there[i], strange[i], now) && s.left(now) > 0 {
			s.back = now
			lost = append(lost, s)
		}
	}
	return said, lost
}

// lost reports whether the latest order of a slot is to be stored again: it is not there. If
// another is that this pod cannot judge, which may be somebody's with a newer key, only after a
// while, when all others have heard of that.
func (d *desk) lost(slot int, there, strange bool, now mono.Time) bool {
	switch since := &d.strange[slot]; {
	case !strange:
		*since = 0
	case *since == 0:
		*since = now
	}
	s := d.slots[slot]
	return s != nil && !there && time.Duration(now-s.back) >= putBackEvery &&
		(!strange || time.Duration(now-d.strange[slot]) >= strangeFor)
}

// refused counts an order that was refused, and tells of it now and then.
func (h *hands) refused(m *member, why string) (said sayings) {
	h.forged.Add(1)
	now := mono.Now()
	if time.Duration(now-h.warned) < warnEvery {
		return nil
	}
	h.warned = now
	service := m.name
	return sayings{func(f *Fleet) {
		f.hands.log.Warn("an order for the fleet was refused", "fleet", f.name, "pod", f.pod, "service", service, "why", why)
	}}
}

// follow carries out the orders in force for breakers and budgets that are new, undoes those of
// services that are followed no more, and forgets them in the end.
func (f *Fleet) followOrders(all []*member) {
	if len(f.hands.keys) > 0 {
		f.say(f.hands.follow(all))
	}
}

func (h *hands) follow(all []*member) (said sayings) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.desks) == 0 || h.left {
		return nil
	}
	now := mono.Now()
	followed := make(map[string]bool, len(all))
	for _, m := range all {
		followed[m.room] = true
		if d := h.desks[m.room]; d != nil {
			for _, s := range d.slots {
				if s != nil && s.inForce(now) {
					said = append(said, s.apply(m)...)
				}
			}
		}
	}
	for room, d := range h.desks {
		if followed[room] {
			continue
		}
		for _, s := range d.slots {
			if s != nil && s.inForce(now) { // nobody would end it later; if the service is followed again, it holds
				said = append(said, s.revert(visible.Name(s.by)+"'s order for the fleet no longer reaches this pod")...)
			}
		}
		if d.forgotten(now, h.now()) {
			delete(h.desks, room)
		}
	}
	return said
}

// forgotten reports whether no order can be mistaken for a later one without the desk.
func (d *desk) forgotten(now mono.Time, today time.Time) bool {
	for _, s := range d.slots {
		if s != nil && s.left(now) > 0 {
			return false
		}
	}
	return today.Sub(time.Unix(0, d.issued)) > orderTTL
}

// lapseOrders undoes the orders whose time is over.
func (f *Fleet) lapseOrders() {
	if len(f.hands.keys) > 0 {
		f.say(f.hands.lapse())
	}
}

func (h *hands) lapse() (said sayings) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := mono.Now()
	for _, d := range h.desks {
		for _, s := range d.slots {
			if s != nil && !s.over && now >= s.end {
				said = append(said, s.lapse()...)
			}
		}
	}
	return said
}

// leaveOrders undoes all orders, as nobody does later.
func (f *Fleet) leaveOrders() {
	if len(f.hands.keys) > 0 {
		f.say(f.hands.leave())
	}
}

func (h *hands) leave() (said sayings) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left = true
	for _, d := range h.desks {
		for _, s := range d.slots {
			if s != nil && !s.over {
				said = append(said, s.lapse()...)
			}
		}
	}
	return said
}
