package holdfastdash

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/media-gateway/holdfast/fleet"
)

// headSample is how this pod's part in a fleet stands.
type headSample struct {
	Fleet  string `json:"fleet"`
	Pod    string `json:"pod"`
	Apart  bool   `json:"apart"`
	Why    string `json:"why,omitempty"` // of the last tick without news
	Left   bool   `json:"left,omitzero"`
	Idle   string `json:"idle,omitempty"` // why it follows nothing, and what to write
	Hands  bool   `json:"hands"`          // the pod has the fleet's key
	Forged uint64 `json:"forged,omitzero"`

	Budgets []poolSample `json:"budgets,omitempty"`
}

// poolSample is a budget whose tokens a fleet shares.
type poolSample struct {
	Name    string  `json:"name"`
	Level   int64   `json:"level"`  // tokens in the fleet's bucket
	Leased  uint64  `json:"leased"` // tokens that this pod got from it, since it joined
	Given   uint64  `json:"given"`
	Lost    uint64  `json:"lost,omitzero"`
	Refused uint64  `json:"refused"`     // retries that this pod could not pay for
	Floor   float64 `json:"floor_share"` // this pod's part of the floor, from 0 to 1
	Why     string  `json:"why,omitempty"`
}

// memberSample is a service of a fleet.
type memberSample struct {
	Name      string        `json:"name"`
	State     string        `json:"state"`                 // of this pod's breaker
	Age       *float64      `json:"age_seconds,omitempty"` // of the news; absent if there were none
	Pods      uint64        `json:"pods"`
	Speaking  uint64        `json:"speaking"`
	Failing   uint64        `json:"failing"`
	Open      uint64        `json:"open"`
	Successes uint64        `json:"successes"`
	Failures  uint64        `json:"failures"`
	Holder    string        `json:"holder,omitzero"` // who probes
	Probes    bool          `json:"probes,omitzero"` // this pod does
	Banned    bool          `json:"banned,omitzero"` // it goes by itself
	Orders    []orderSample `json:"orders,omitempty"`
}

// orderSample is an order in force.
type orderSample struct {
	Kind      fleet.OrderKind `json:"kind"`
	By        string          `json:"by"`
	Why       string          `json:"why"`
	At        int64           `json:"at_unix_ms"` // by the clock of the pod that gave it
	Until     int64           `json:"until_unix_ms"`
	Ratio     *float64        `json:"ratio,omitempty"` // of a tune; 0: deposits nothing
	Overruled bool            `json:"overruled,omitzero"`
}

// maxReason is how much a page shows of what a store says, in bytes.
const maxReason = 500

func headOf(s *fleet.Stats) headSample {
	h := headSample{
		Fleet: s.Fleet, Pod: s.Pod, Apart: s.Apart, Why: shortened(s.Why, maxReason),
		Left: s.Left, Idle: s.Idle, Hands: s.Hands, Forged: s.Forged,
	}
	for i := range s.Budgets {
		p := &s.Budgets[i]
		h.Budgets = append(h.Budgets, poolSample{
			Name: p.Name, Level: p.Level, Leased: p.Leased, Given: p.Given, Lost: p.Lost, Refused: p.Refused,
			Floor: round(p.FloorShare), Why: shortened(p.Why, maxReason),
		})
	}
	return h
}

func memberOf(s *fleet.ServiceStats) memberSample {
	m := memberSample{
		Name: s.Name, State: s.State.String(), Pods: s.Pods, Speaking: s.Speaking, Failing: s.Failing, Open: s.Open,
		Successes: s.Successes, Failures: s.Failures, Holder: s.Holder, Probes: s.Probes, Banned: s.Banned,
	}
	if s.Age >= 0 {
		age := ageOf(s.Age)
		m.Age = &age
	}
	for _, o := range s.Orders {
		sample := orderSample{Kind: o.Kind, By: o.By, Why: o.Why, At: o.At.UnixMilli(), Until: o.Until.UnixMilli(), Overruled: o.Overruled}
		if o.Kind == fleet.OrderTune {
			ratio := max(o.Ratio, 0)
			sample.Ratio = &ratio
		}
		m.Orders = append(m.Orders, sample)
	}
	return m
}

// ageOf rounds an age, so that a service of which nothing else is new is not sent each second: news
// of less than two seconds are new.
func ageOf(d time.Duration) float64 {
	switch {
	case d < 2*time.Second:
		return 0
	case d < 2*time.Minute:
		return d.Truncate(time.Second).Seconds()
	}
	return d.Truncate(10 * time.Second).Seconds()
}

// shortened returns text, or as much of it as has most bytes with an ellipsis.
func shortened(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	const ellipsis = "…"
	end := most - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

// marshal returns v as JSON. It has only strings and finite numbers, so it can be encoded.
func marshal(v any) json.RawMessage {
	text, _ := json.Marshal(v) //nolint:errchkjson // see above
	return text
}
