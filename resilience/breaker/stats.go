package breaker

import (
	"encoding/json"
	"time"
)

// Stats is how a breaker stands.
type Stats struct {
	Name       string        `json:"name"`
	State      State         `json:"state"`
	Why        string        `json:"why,omitempty"` // it opened, or who isolated it for a fleet: see Breaker.Why; "" else
	RetryAfter time.Duration `json:"-"`             // until it probes; 0 if it is not open. In JSON retry_after_seconds
	Counts     Counts        `json:"counts"`
}

// Stats returns how the breaker stands. Its parts are read one after the other, while calls go on.
func (b *Breaker) Stats() Stats {
	s := Stats{Name: b.name, State: b.State(), RetryAfter: b.RetryAfter(), Counts: b.Counts()}
	if why := b.Why(); why != nil {
		s.Why = why.Error()
	}
	return s
}

// MarshalJSON writes s with RetryAfter as retry_after_seconds: see
// docs/adr/0016-seconds-in-json.md.
func (s Stats) MarshalJSON() ([]byte, error) {
	type plain Stats // without this method
	return json.Marshal(struct {
		plain
		RetryAfter float64 `json:"retry_after_seconds"`
	}{plain(s), s.RetryAfter.Seconds()})
}
