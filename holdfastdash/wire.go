package holdfastdash

import "math"

// What goes over the wire, but for hello and tick, which history puts together of samples.
// Durations are in seconds, rates per second; what is not known is absent.

// sample is how a pipeline did in an interval, and how it stands at its end.
type sample struct {
	Calls     float64            `json:"calls"`             // calls that ended
	Attempts  float64            `json:"attempts"`          // runs of an op
	Good      float64            `json:"good"`              // calls that ended without an error
	Amp       *float64           `json:"amp,omitempty"`     // attempts per call begun
	P50       float64            `json:"p50,omitzero"`      // of the calls that ended
	P99       float64            `json:"p99,omitzero"`      //
	Live      uint64             `json:"live"`              // calls in flight
	Draining  bool               `json:"draining,omitzero"` // removed, and has calls in flight
	Denied    map[string]float64 `json:"denied,omitempty"`  // by reason
	Budget    *budgetSample      `json:"budget,omitempty"`  //
	Breakers  []breakerSample    `json:"breakers,omitzero"` //
	Bulkheads []bulkheadSample   `json:"bulkheads,omitzero"`
	Keys      *keysSample        `json:"keys,omitempty"` // of a Keyed's Front
}

type budgetSample struct {
	Tokens        float64 `json:"tokens"`
	Burst         int     `json:"burst"`
	Ratio         float64 `json:"ratio"` // 0: deposits nothing
	Floor         float64 `json:"floor"` // 0: none
	Shadow        bool    `json:"shadow"`
	On            string  `json:"on"`
	Refused       float64 `json:"refused"`
	ShadowRefused float64 `json:"shadowRefused"`
}

type breakerSample struct {
	Name     string  `json:"name"`
	State    string  `json:"state"`
	RetryIn  float64 `json:"retryIn,omitzero"`
	Failures uint32  `json:"failures"`
	Requests uint32  `json:"requests"`
}

type bulkheadSample struct {
	InUse   int `json:"inUse"`
	Max     int `json:"max"`
	Waiting int `json:"waiting"`
}

// keysSample is how the keys of a Keyed stand.
type keysSample struct {
	All    int      `json:"all"`
	Open   int      `json:"open"`             // those that have a breaker which is not closed
	Names  []string `json:"names,omitempty"`  // of the first of them
	NoRoom float64  `json:"noRoom,omitempty"` // calls per second that found no room for their key
}

// namedKeys is how many keys a page names.
const namedKeys = 5

// changeEvent says that somebody changed something, or that the stages were replaced, of one
// pipeline or of many.
type changeEvent struct {
	Time      int64    `json:"time"`
	Pipelines []string `json:"pipelines"`
	Who       string   `json:"who,omitempty"`
	What      string   `json:"what"`
	From      string   `json:"from,omitempty"`
	To        string   `json:"to,omitempty"`
}

// session tells a page what it may do.
type session struct {
	CanTune bool   `json:"canTune"`
	Who     string `json:"who"`
	Token   string `json:"token"`
	Why     string `json:"why"` // it cannot
}

// order is what a page wants changed. What is absent stays as it is.
type order struct {
	Pipeline string       `json:"pipeline"`
	Budget   *budgetOrder `json:"budget"`
	Isolate  []string     `json:"isolate"`
	Reset    []string     `json:"reset"`
}

type budgetOrder struct {
	Ratio  *float64 `json:"ratio"` // 0: deposit nothing
	Floor  *float64 `json:"floor"` // 0: none
	Burst  *int     `json:"burst"`
	Shadow *bool    `json:"shadow"`
}

type tuned struct {
	Changes []changed `json:"changes"`
	Who     string    `json:"who"`
}

type changed struct {
	What string `json:"what"`
	From string `json:"from"`
	To   string `json:"to"`
}

type refused struct {
	Errors []string `json:"errors"`
}

// round keeps four digits, which is more than a page shows and less than a float64 would write.
func round(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow10(max(0, 3-int(math.Floor(math.Log10(math.Abs(v))))))
	return math.Round(v*scale) / scale
}
