package demo

import (
	"runtime"
	"time"
)

// Config is what is played. [Full], [Short] and [Round] are those that the command knows.
type Config struct {
	Seed uint64 // of the arrivals and of the backends' faults

	Healthy  time.Duration // how long the backends are well,
	Outage   time.Duration // then slow,
	Recovery time.Duration // then as fast as at first
	Slowdown int           // how many times as long a request takes in the outage

	Rate        float64       // calls a second that arrive at each client, half of them for each backend
	Deadline    time.Duration // how long a caller waits for a call: it defines goodput
	Attempt     time.Duration // how long one attempt of a call may take
	Retries     int           // how many times a client that retries does so
	BaseDelay   time.Duration // the pause before the first retry; each further one is twice as long
	MaxInFlight int           // calls under way per client above which an arrival is dropped, and counted

	Backend BackendConfig
	Breaker BreakerConfig
}

// BackendConfig is the size of every backend. It serves Workers/Service requests a second.
type BackendConfig struct {
	Workers   int           // requests worked on at a time
	Queue     int           // requests that may wait; one more is answered 503 at once
	Service   time.Duration // how long a worker is busy with a request
	FaultRate float64       // the share of requests that end in a 500, at all times
}

// BreakerConfig is the settings of both clients that have a breaker, so that the comparison
// is between what stands around the breakers, not between their numbers.
type BreakerConfig struct {
	FailureRatio        float64       // opens at this share of failures,
	MinRequests         int           // of at least so many requests,
	Window              time.Duration // in the last so long;
	Buckets             int           // the window moves in so many steps
	ConsecutiveFailures int           // or opens after so many failures in a row
	OpenFor             time.Duration // stays open for so long
	Probes              int           // then closes after so many successes
}

// Full is the play of about 20 seconds.
//
// The numbers are chosen so that a backend's queue matters. It runs at 65 % of its capacity,
// which leaves a margin that one retry per call more than uses up; and a full queue takes half
// a second to work off, twice what an attempt may take, so that a backend whose queue stays full
// does nothing but work for callers who have left. A few requests in a thousand fail at
// any time, since that is what retries are for. The breakers probe often, for an outage this
// short: were they to wait a second or more, the time to recovery would be a matter of where in
// its wait the end of the outage happens to find a breaker.
func Full() Config {
	return Config{
		Seed:        1,
		Healthy:     4 * time.Second,
		Outage:      5 * time.Second,
		Recovery:    11 * time.Second,
		Slowdown:    10,
		Rate:        130,
		Deadline:    time.Second,
		Attempt:     250 * time.Millisecond,
		Retries:     3,
		BaseDelay:   50 * time.Millisecond,
		MaxInFlight: 2000,
		Backend: BackendConfig{
			Workers:   2,
			Queue:     50,
			Service:   20 * time.Millisecond,
			FaultRate: 0.003,
		},
		Breaker: BreakerConfig{
			FailureRatio:        0.5,
			MinRequests:         20,
			Window:              10 * time.Second,
			Buckets:             10,
			ConsecutiveFailures: 10,
			OpenFor:             500 * time.Millisecond,
			Probes:              3,
		},
	}
}

// Short is the play of about 6 seconds: the same backends and traffic, with less time for each
// phase.
func Short() Config {
	c := Full()
	c.Healthy, c.Outage, c.Recovery = 1200*time.Millisecond, 1500*time.Millisecond, 3300*time.Millisecond
	return c
}

// Round is one round of the play in the browser, of 45 seconds: slow enough to be watched, with
// an outage and its end in every minute of the dashboard's history. It has three backends, and
// breakers that stay open long enough to be seen.
func Round() Config {
	c := Full()
	c.Healthy, c.Outage, c.Recovery = 10*time.Second, 12*time.Second, 23*time.Second
	c.Rate = 195
	c.Breaker.OpenFor = 3 * time.Second
	return c
}

// Length is how long calls arrive.
func (c Config) Length() time.Duration { return c.Healthy + c.Outage + c.Recovery }

// Capacity is how many requests a second a healthy backend can serve.
func (c BackendConfig) Capacity() float64 { return float64(c.Workers) / c.Service.Seconds() }

// Phase is one of the three acts of the play.
type Phase int

// The phases, in order.
const (
	Healthy Phase = iota
	Outage
	Recovery

	numPhases = iota
)

var phaseNames = [numPhases]string{"healthy", "outage", "recovery"}

// String returns the phase's name in lower case.
func (p Phase) String() string { return phaseNames[p] }

// PhaseAt returns the phase that is on at a time since the start.
func (c Config) PhaseAt(since time.Duration) Phase {
	switch {
	case since < c.Healthy:
		return Healthy
	case since < c.Healthy+c.Outage:
		return Outage
	}
	return Recovery
}

// machine is what a reader has to know of the machine that the figures come from.
type machine struct {
	CPUs int    `json:"cpus"`
	OS   string `json:"os"`
	Go   string `json:"go"`
}

func thisMachine() machine {
	return machine{CPUs: runtime.GOMAXPROCS(0), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
}
