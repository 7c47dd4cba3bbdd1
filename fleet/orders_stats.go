package fleet

import (
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// OrderStats is an order that this pod carries out: see [Fleet.Isolate].
type OrderStats struct {
	Kind OrderKind `json:"kind"` // in JSON "isolate", "reset" or "tune"
	By   string    `json:"by"`   // who gave it
	Why  string    `json:"why"`

	At    time.Time `json:"at"`    // when it was given, by the clock of the pod which gave it
	Until time.Time `json:"until"` // when it is over, by this pod's clock

	Ratio float64 `json:"ratio,omitempty"` // that of an OrderTune: -1 deposits nothing

	// Overruled says that somebody has changed by hand, in this pod alone, what the order did, or
	// with a new configuration; or had isolated the breaker by hand before.
	Overruled bool `json:"overruled,omitempty"`
}

// stats returns the order as Stats tell it.
func (s *standing) stats() OrderStats {
	return OrderStats{
		Kind: s.kind, By: s.by, Why: s.why, At: time.Unix(0, s.issued), Until: s.until.Round(0),
		Ratio: s.ratio, Overruled: s.overruled(),
	}
}

// stats returns the orders of a service that are in force.
func (h *hands) stats(fleet, service string) (all []OrderStats) {
	if len(h.keys) == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.desks[roomOf(fleet, service)]
	if d == nil {
		return nil
	}
	now := mono.Now()
	for _, s := range d.slots {
		if s != nil && s.inForce(now) {
			all = append(all, s.stats())
		}
	}
	return all
}

// heard fills in what a digest of that age says.
func (s *ServiceStats) heard(d *digest, age time.Duration) {
	all := d.slots.within(slotCount * slotLength)
	s.Age = age
	s.Pods, s.Speaking, s.Failing, s.Open = d.pods, d.speaking, d.failing, d.open
	s.Successes, s.Failures = all.successes, all.failures
}
