package holdfastdash

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/media-gateway/holdfast/fleet"
)

// fleetSample is how a fleet stands in a round, as it is sent.
type fleetSample struct {
	head    json.RawMessage
	names   []string // of the services
	members []json.RawMessage
}

func sampleFleet(f *fleet.Fleet) (s fleetSample) {
	stats := f.Stats()
	s.head = marshal(headOf(&stats))
	for i := range stats.Services {
		s.names = append(s.names, stats.Services[i].Name)
		s.members = append(s.members, marshal(memberOf(&stats.Services[i])))
	}
	return s
}

// sampleFleets returns how all fleets of the page stand.
func (d *Dashboard) sampleFleets() []fleetSample {
	all := make([]fleetSample, len(d.fleets))
	for i, f := range d.fleets {
		all[i] = sampleFleet(f)
	}
	return all
}

// sameMembers reports whether the services are those of was, in the same order.
func (s *fleetSample) sameMembers(was *fleetSample) bool {
	if len(s.names) != len(was.names) {
		return false
	}
	for i, name := range s.names {
		if name != was.names[i] {
			return false
		}
	}
	return true
}

// appendTo appends the fleet as JSON for a hello.
func (s *fleetSample) appendTo(text []byte) []byte {
	text = append(text, `{"head":`...)
	text = append(text, s.head...)
	text = append(text, `,"members":[`...)
	text = append(text, bytes.Join(asBytes(s.members), []byte{','})...)
	return append(text, "]}"...)
}

// appendChange appends what is different from was as JSON for a tick, or nothing.
func (s *fleetSample) appendChange(text []byte, was *fleetSample) []byte {
	parts := text
	if !bytes.Equal(s.head, was.head) {
		parts = append(parts, `"head":`...)
		parts = append(parts, s.head...)
	}
	first := true
	for i, m := range s.members {
		if bytes.Equal(m, was.members[i]) {
			continue
		}
		switch {
		case !first:
			parts = append(parts, ',')
		case len(parts) > len(text):
			parts = append(parts, `,"members":{`...)
		default:
			parts = append(parts, `"members":{`...)
		}
		first = false
		parts = append(parts, '"')
		parts = strconv.AppendInt(parts, int64(i), 10)
		parts = append(parts, `":`...)
		parts = append(parts, m...)
	}
	if !first {
		parts = append(parts, '}')
	}
	return parts
}

// followFleets takes the fleets of a round. It returns what a tick says of them, or other if a tick
// cannot say it. mu must be held.
func (h *history) followFleets(now []fleetSample) (change []byte, other bool) {
	was := h.fleets
	h.fleets = now
	if len(was) != len(now) {
		return nil, true
	}
	for i := range now {
		if !now[i].sameMembers(&was[i]) {
			return nil, true
		}
		key := strconv.AppendInt([]byte{'"'}, int64(i), 10)
		key = append(key, `":{`...)
		if one := now[i].appendChange(nil, &was[i]); len(one) > 0 {
			if len(change) > 0 {
				change = append(change, ',')
			}
			change = append(append(append(change, key...), one...), '}')
		}
	}
	return change, false
}

func asBytes(all []json.RawMessage) [][]byte {
	texts := make([][]byte, len(all))
	for i, m := range all {
		texts[i] = m
	}
	return texts
}
