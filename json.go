package holdfast

import "encoding/json"

// In JSON a duration is a number of seconds, and its name says so:
// docs/adr/0016-seconds-in-json.md. encoding/json would write nanoseconds, and its successor
// refuses to choose.

// MarshalJSON writes s with Elapsed as elapsed_seconds, left out where there was no probe.
func (s Status) MarshalJSON() ([]byte, error) {
	type plain Status
	return json.Marshal(struct {
		plain
		Elapsed float64 `json:"elapsed_seconds,omitzero"`
	}{plain(s), s.Elapsed.Seconds()})
}

// MarshalJSON writes c with Window as window_seconds and LastAgo as last_ago_seconds.
func (c RecentCalls) MarshalJSON() ([]byte, error) {
	type plain RecentCalls
	return json.Marshal(struct {
		plain
		Window  float64 `json:"window_seconds"`
		LastAgo float64 `json:"last_ago_seconds"`
	}{plain(c), c.Window.Seconds(), c.LastAgo.Seconds()})
}
