package holdfastdash

import "math"

// The messages to the page, except hello and tick, which history builds from samples. Durations are
// in seconds, rates are per second. Unknown values are absent. See latest for what is not kept in
// the history.

// sample is what a pipeline did in an interval, and its state at the end.
type sample struct {
	Calls    float64            `json:"calls"`                // calls that ended
	Attempts float64            `json:"attempts"`             // runs of an op
	Good     float64            `json:"good"`                 // calls that ended without an error
	Amp      *float64           `json:"amp,omitempty"`        // attempts per call begun
	P50      float64            `json:"p50_seconds,omitzero"` // of the calls that reached the dependency, and ended
	P99      float64            `json:"p99_seconds,omitzero"` //
	Live     uint64             `json:"live"`                 // calls in flight
	Draining bool               `json:"draining,omitzero"`    // removed, but has calls in flight
	Denied   map[string]float64 `json:"denied,omitempty"`     // calls and attempts, by reason
	Refused  map[string]float64 `json:"refused,omitempty"`    // calls without an attempt, by reason; unknown before latest.Heard
	Budget   *budgetSample      `json:"budget,omitempty"`     //
	Breakers []breakerSample    `json:"breakers,omitzero"`    //
	Limits   []limitSample      `json:"limits,omitzero"`      // of bulkheads and rate limits
	Keys     *keysSample        `json:"keys,omitempty"`       // of a Keyed's Total

	// Unclassified is absent before the first attempt with an unclassified error.
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

// limitSample is a stage that lets a limited number of calls pass, and makes others wait or refuses
// them: a bulkhead or a rate limit. Of a patient retry loop it is the calls that wait.
type limitSample struct {
	Stage   string  `json:"stage"`            // its package
	Of      string  `json:"of"`               // what is limited: "places"
	Full    string  `json:"full"`             // the text when none are left: "Bulkhead full"
	Used    int     `json:"used"`             // of them
	Max     int     `json:"max"`              // 0: there is no limit
	Waiting int     `json:"waiting"`          // calls
	Queue   int     `json:"queue,omitzero"`   // how many may wait; 0: any number
	Refused float64 `json:"refused,omitzero"` // calls per second

	Adaptive bool `json:"adaptive,omitzero"` // an adaptive limit is in force
}

// keysSample is the state of the keys of a Keyed.
type keysSample struct {
	All    int      `json:"all"`
	Open   int      `json:"open"`              // keys with a breaker that is not closed
	Names  []string `json:"names,omitempty"`   // the first of the open keys
	NoRoom float64  `json:"no_room,omitempty"` // calls per second whose key got no pipeline of its own
}

// namedKeys is how many open keys a page names.
const namedKeys = 5

// unclassifiedSample is how often attempts ended with unclassified errors.
type unclassifiedSample struct {
	Rate  float64      `json:"rate"`           // of all kinds, per second
	Kinds []kindSample `json:"kinds"`          // highest rate first, then most frequent
	More  int          `json:"more,omitempty"` // how many kinds were left out
}

type kindSample struct {
	What  string  `json:"what"`
	Rate  float64 `json:"rate"`  // per second
	Count uint64  `json:"count"` // since the pipeline was made
}

// namedKinds is how many kinds of errors a page names.
const namedKinds = 5

// session tells a page whether it may tune, and with which token.
type session struct {
	CanTune bool   `json:"can_tune"`
	Who     string `json:"who"`
	Token   string `json:"token"`
	Why     string `json:"why"` // why it cannot tune
}

// round rounds v to four significant digits: more than a page shows, and shorter in JSON than v.
func round(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow10(max(0, 3-int(math.Floor(math.Log10(math.Abs(v))))))
	return math.Round(v*scale) / scale
}
