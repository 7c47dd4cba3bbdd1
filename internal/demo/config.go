package demo

import (
	"runtime"
	"time"
)

// Config is the configuration of a play. The command uses [Full], [Short] and [Round].
type Config struct {
	Seed uint64 // of the arrivals and of the backends' faults

	Healthy  time.Duration // how long the backends are healthy,
	Outage   time.Duration // then slow,
	Recovery time.Duration // then as fast as at first
	Slowdown int           // the factor on the service time in the outage

	Rate        float64       // calls per second that arrive at each client, spread evenly over its backends
	Deadline    time.Duration // how long a caller waits for a call; goodput is measured by it
	Attempt     time.Duration // how long one attempt of a call may take
	Retries     int           // how many retries a client makes, if it retries
	BaseDelay   time.Duration // the pause before the first retry; each further one is twice as long
	MaxInFlight int           // calls in flight per client; more arrivals are dropped, and counted

	Backend BackendConfig
	Breaker BreakerConfig
}

// BackendConfig is the size of every backend. A backend serves Workers/Service requests per second.
type BackendConfig struct {
	Workers   int           // requests worked on at a time
	Queue     int           // requests that may wait; one more is answered 503 at once
	Service   time.Duration // how long a worker is busy with a request
	FaultRate float64       // the share of requests that end in a 500, at all times
}

// BreakerConfig has the settings of both clients that have a breaker. They are the same, so that
// the comparison shows the difference of the stages around the breakers.
type BreakerConfig struct {
	FailureRatio        float64       // opens at this share of failures,
	MinRequests         int           // of at least so many requests,
	Window              time.Duration // in the last so long;
	Buckets             int           // the window moves in so many steps
	ConsecutiveFailures int           // or opens after so many failures in a row
	OpenFor             time.Duration // stays open for so long
	Probes              int           // then closes after so many successes
}

// Full is the Config of a play of about 20 seconds.
//
// The numbers are chosen so that a backend's queue matters. A backend runs at 65 % of its capacity:
// one retry per call is more than it can serve. A full queue takes half a second, twice what an
// attempt may take: a backend whose queue stays full works only for callers who have left. A few
// requests in a thousand always fail, since retries are made for these. The outage is short, so the
// breakers probe often: if they stayed open for a second or more, the time to recovery would depend
// on when the outage happens to end.
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

// Short is the Config of a play of about 6 seconds: the same backends and traffic, with less time
// for each phase.
func Short() Config {
	c := Full()
	c.Healthy, c.Outage, c.Recovery = 1200*time.Millisecond, 1500*time.Millisecond, 3300*time.Millisecond
	return c
}

// Round is the Config of one round of the play in the browser. It takes 45 seconds: slow enough to
// watch, and short enough that every minute of the dashboard has an outage and its end. It has
// three backends, and breakers that stay open long enough to be seen.
func Round() Config {
	c := Full()
	c.Healthy, c.Outage, c.Recovery = 10*time.Second, 12*time.Second, 23*time.Second
	c.Rate = 195
	c.Breaker.OpenFor = 3 * time.Second
	return c
}

// Length is how long calls arrive.
func (c Config) Length() time.Duration { return c.Healthy + c.Outage + c.Recovery }

// Capacity is how many requests per second a healthy backend can serve.
func (c BackendConfig) Capacity() float64 { return float64(c.Workers) / c.Service.Seconds() }

// Phase is one of the three phases of a play.
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

// PhaseAt returns the phase at a time since the start.
func (c Config) PhaseAt(since time.Duration) Phase {
	switch {
	case since < c.Healthy:
		return Healthy
	case since < c.Healthy+c.Outage:
		return Outage
	}
	return Recovery
}

// machine describes the machine that the figures come from.
type machine struct {
	CPUs int    `json:"cpus"`
	OS   string `json:"os"`
	Go   string `json:"go"`
}

func thisMachine() machine {
	return machine{CPUs: runtime.GOMAXPROCS(0), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
}
