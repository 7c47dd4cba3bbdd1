package storm_test

import (
	"time"

	"github.com/media-gateway/holdfast/storm"
)

// trouble is a bad minute, made for the numbers of a preset.
type trouble struct {
	name string

	// partial: each attempt fails with the same chance, whatever the others do. 0 for all other
	// troubles.
	partial float64

	// scenario returns it, and from when on it is judged: for most troubles, from when they are
	// over.
	scenario func(n numbers) (s storm.Scenario, from time.Duration)
}

var troubles = []trouble{
	failing("5 % fail", 0.05),
	failing("20 % fail", 0.2),
	failing("50 % fail", 0.5),
	{name: "outage 10 s", scenario: hit(pool, storm.Trigger{ErrorRatio: 1})},
	{name: "latency", scenario: latency},
	{name: "capacity ¼", scenario: hit(pool, storm.Trigger{CapacityLoss: 0.75})},
	{name: "error after work", scenario: hit(pool, storm.Trigger{ErrorRatio: 1, AfterWork: true})},
	{name: "load ×3", scenario: spike},
	{name: "stall at 90 %", scenario: stall},
	{name: "ramp", scenario: ramp},
	{name: "capacity ¼, 100 clients", scenario: quiet},
}

const (
	fleet = 10    // clients, each a process with a budget and a breaker of its own
	rate  = 100.0 // calls a second, of the whole fleet

	begins = 10 * time.Second
	lasts  = 10 * time.Second
	over   = begins + lasts
)

var (
	work = storm.Exponential(50 * time.Millisecond)
	hop  = storm.Exponential(2 * time.Millisecond)

	// pool can do 200 works a second, twice what is asked of it. Its queue is FIFO and has no end,
	// and it works on for those who have left.
	pool = storm.Server{Workers: 10, Service: work, Hop: hop}

	// elastic is never busy.
	elastic = storm.Server{Service: work, Hop: hop}
)

func calm(n numbers, server storm.Server) storm.Scenario {
	return storm.Scenario{
		Seed: 1, Load: storm.Poisson(rate), For: time.Minute, Clients: fleet, Deadline: n.call, Server: server,
	}
}

func failing(name string, share float64) trouble {
	return trouble{name: name, partial: share, scenario: func(n numbers) (storm.Scenario, time.Duration) {
		s := calm(n, elastic)
		s.Triggers = []storm.Trigger{{ErrorRatio: share}}
		return s, 0
	}}
}

// hit is what happens to a server for ten seconds.
func hit(server storm.Server, what storm.Trigger) func(n numbers) (storm.Scenario, time.Duration) {
	return func(n numbers) (storm.Scenario, time.Duration) {
		s := calm(n, server)
		what.At, what.For = begins, lasts
		s.Triggers = []storm.Trigger{what}
		return s, over
	}
}

// quiet is the same load and the same loss from many clients, each of which makes a call a second:
// too few for its budget and its breaker to learn from.
func quiet(n numbers) (storm.Scenario, time.Duration) {
	s, from := hit(pool, storm.Trigger{CapacityLoss: 0.75})(n)
	s.Clients = 100
	return s, from
}

// latency is answers that come later than an attempt may take.
func latency(n numbers) (storm.Scenario, time.Duration) {
	return hit(elastic, storm.Trigger{Latency: n.attempt * 3 / 2})(n)
}

// spike is more calls than the server can do, even without a retry.
func spike(n numbers) (storm.Scenario, time.Duration) {
	s := calm(n, pool)
	s.Load = storm.Poisson(rate).Spike(3*rate, begins, lasts)
	return s, over
}

// stall is where a budget that is filled by arrivals stays stuck: a server with little to spare,
// that stands still for four seconds.
func stall(n numbers) (storm.Scenario, time.Duration) {
	const still = 4 * time.Second
	s := calm(n, pool)
	s.Load = storm.Poisson(1.8 * rate)
	s.Triggers = []storm.Trigger{{At: begins, For: still, CapacityLoss: 1}}
	return s, begins + still
}

// ramp is the published collapse: a server that is the slower the more it has to do, and a load
// that rises from 40 to 80 calls a second and falls again, judged from the 45th to the 60th second.
// It was made for attempts that may take 3 s; here the second is a third of what the preset's may
// take.
func ramp(n numbers) (storm.Scenario, time.Duration) {
	second := n.attempt / 3
	perSecond := func(calls float64) float64 { return calls / second.Seconds() }
	s := calm(n, storm.Server{
		Service: storm.Fixed(second), PerInFlight: second / 100, Hop: storm.Exponential(second / 10),
	})
	s.Load = storm.Poisson(perSecond(40)).RampTo(perSecond(80), 25*second).RampTo(perSecond(24), 60*second)
	s.For, s.Bucket = 60*second, second
	return s, 45 * second
}
