package holdfastdash

import "math"

// What goes over the wire, but for hello and tick, which history puts together of samples.
// Durations are in seconds, rates per second; what is not known is absent.

// sample is how a pipeline did in an interval, and how it stands at its end.
type sample struct {
	Calls    float64            `json:"calls"`                // calls that ended
	Attempts float64            `json:"attempts"`             // runs of an op
	Good     float64            `json:"good"`                 // calls that ended without an error
	Amp      *float64           `json:"amp,omitempty"`        // attempts per call begun
	P50      float64            `json:"p50_seconds,omitzero"` // of the calls that ended
	P99      float64            `json:"p99_seconds,omitzero"` //
	Live     uint64             `json:"live"`                 // calls in flight
	Draining bool               `json:"draining,omitzero"`    // removed, and has calls in flight
	Denied   map[string]float64 `json:"denied,omitempty"`     // by reason
	Budget   *budgetSample      `json:"budget,omitempty"`     //
	Breakers []breakerSample    `json:"breakers,omitzero"`    //
	Limits   []limitSample      `json:"limits,omitzero"`      // of stages that let so many calls pass
	Keys     *keysSample        `json:"keys,omitempty"`       // of a Keyed's Total

	// Unclassified is absent before the first attempt that ended with an error that nobody has
	// classified.
	Unclassified *unclassifiedSample `json:"unclassified,omitempty"`
}

type budgetSample struct {
	Tokens        float64 `json:"tokens"`
	Burst         int     `json:"burst"`
	Ratio         float64 `json:"ratio"` // 0: deposits nothing
	Floor         float64 `json:"floor"` // 0: none
	Shadow        bool    `json:"shadow"`
	On            string  `json:"on"`
	Refused       float64 `json:"refused"`
	ShadowRefused float64 `json:"shadow_refused"`
}

type breakerSample struct {
	Name     string  `json:"name"`
	State    string  `json:"state"`
	RetryIn  float64 `json:"retry_in_seconds,omitzero"`
	Failures uint64  `json:"failures"`
	Requests uint64  `json:"requests"`

	Unclassified uint64 `json:"unclassified,omitzero"` // of the failures
	Slow         uint64 `json:"slow,omitzero"`         // of the requests
}

// limitSample is a stage that lets so many calls pass, and has others wait or refuses them.
type limitSample struct {
	Stage   string  `json:"stage"`            // its package
	Of      string  `json:"of"`               // what there are so many of: "places"
	Full    string  `json:"full"`             // what it is when there are none left: "Bulkhead full"
	Used    int     `json:"used"`             // of them
	Max     int     `json:"max"`              //
	Waiting int     `json:"waiting"`          // calls
	Queue   int     `json:"queue,omitzero"`   // how many may wait; 0: any number
	Refused float64 `json:"refused,omitzero"` // calls per second
}

// keysSample is how the keys of a Keyed stand.
type keysSample struct {
	All    int      `json:"all"`
	Open   int      `json:"open"`              // those that have a breaker which is not closed
	Names  []string `json:"names,omitempty"`   // of the first of them
	NoRoom float64  `json:"no_room,omitempty"` // calls per second that found no room for their key
}

// namedKeys is how many keys a page names.
const namedKeys = 5

// unclassifiedSample is how often attempts ended with errors that nobody has classified.
type unclassifiedSample struct {
	Rate  float64      `json:"rate"`           // of all kinds, per second
	Kinds []kindSample `json:"kinds"`          // those of now first, then the most frequent
	More  int          `json:"more,omitempty"` // how many kinds are not among them
}

type kindSample struct {
	What  string  `json:"what"`
	Rate  float64 `json:"rate"`  // per second
	Count uint64  `json:"count"` // since the pipeline was made
}

// namedKinds is how many kinds of errors a page names.
const namedKinds = 5

// changeEvent says that somebody changed something, or that the stages were replaced, of one
// pipeline or of many.
type changeEvent struct {
	Time      int64    `json:"unix_ms"`
	Pipelines []string `json:"pipelines"`
	Who       string   `json:"who,omitempty"`
	What      string   `json:"what"`
	From      string   `json:"from,omitempty"`
	To        string   `json:"to,omitempty"`
}

// session tells a page what it may do.
type session struct {
	CanTune bool   `json:"can_tune"`
	Who     string `json:"who"`
	Token   string `json:"token"`
	Why     string `json:"why"` // it cannot
}

// round keeps four digits, which is more than a page shows and less than a float64 would write.
func round(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow10(max(0, 3-int(math.Floor(math.Log10(math.Abs(v))))))
	return math.Round(v*scale) / scale
}
