package storm_test

import (
	"time"

	"github.com/media-gateway/holdfast/storm"
)

// trouble is a bad minute, made for the numbers of a preset.
type trouble struct {
	name string

	// tuned: the presets' numbers were chosen with it (ADR 9), so what they do in it is no
	// surprise.
	tuned bool

	// partial: each attempt fails with the same chance, whatever the others do. 0 for all other
	// troubles.
	partial float64

	// endless: the trouble lasts as long as calls begin.
	endless bool

	// kinds are the clients that are judged apart, in the order of the report's groups; nil: all
	// are of one kind.
	kinds []string

	// with are the presets that it is played with, by their first letters; seeds is how many there
	// are of it, if not all.
	with  string
	seeds int

	play func(n numbers) played
}

// played is a trouble with the numbers of a preset.
type played struct {
	storm.Scenario
	begin, end time.Duration // of the trouble; end is 0 if it lasts as long as calls begin
}

// columns are its places in a table.
func (t trouble) columns() []string {
	if t.kinds == nil {
		return []string{t.name}
	}
	columns := make([]string, len(t.kinds))
	for i, kind := range t.kinds {
		columns[i] = t.name + ": " + kind
	}
	return columns
}

// group is the troubles of a table.
type group struct {
	name     string
	troubles []trouble
}

const (
	fleet = 10    // clients, each a process with a budget and a breaker of its own
	rate  = 100.0 // calls a second, of the whole fleet

	begins = 10 * time.Second
	lasts  = 10 * time.Second
	length = 45 * time.Second // of the whole storm
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
	return storm.Scenario{Load: storm.Poisson(rate), For: length, Clients: fleet, Deadline: n.call, Server: server}
}

// failing: each attempt fails with that chance, from the first second on.
func failing(name string, share float64, with string) trouble {
	return trouble{name: name, partial: share, with: with, play: func(n numbers) played {
		s := calm(n, elastic)
		s.Triggers = []storm.Trigger{{ErrorRatio: share}}
		return played{Scenario: s}
	}}
}

// tuned marks a trouble that the presets' numbers were chosen with.
func tuned(t trouble) trouble {
	t.tuned = true
	return t
}

// hit is what happens to a server for a while.
func hit(server storm.Server, during time.Duration, what storm.Trigger) func(n numbers) played {
	return func(n numbers) played {
		s := calm(n, server)
		what.At, what.For = begins, during
		s.Triggers = []storm.Trigger{what}
		return played{s, begins, begins + during}
	}
}

// quiet is the same load and the same loss from many clients, each of which makes a call a second:
// too few for its budget and its breaker to learn from.
func quiet(n numbers) played {
	p := hit(pool, lasts, storm.Trigger{CapacityLoss: 0.75})(n)
	p.Clients = 100
	return p
}

// latency is answers that come later than an attempt may take.
func latency(n numbers) played {
	return hit(elastic, lasts, storm.Trigger{Latency: n.attempt * 3 / 2})(n)
}

// spike is more calls than the server can do, even without a retry.
func spike(n numbers) played {
	s := calm(n, pool)
	s.Load = storm.Poisson(rate).Spike(3*rate, begins, lasts)
	return played{s, begins, begins + lasts}
}

// stall is where a budget that is filled by arrivals stays stuck: a server with little to spare,
// that stands still for four seconds.
func stall(n numbers) played {
	const still = 4 * time.Second
	s := calm(n, pool)
	s.Load = storm.Poisson(1.8 * rate)
	s.Triggers = []storm.Trigger{{At: begins, For: still, CapacityLoss: 1}}
	return played{s, begins, begins + still}
}

// ramp is the published collapse: a server that is the slower the more it has to do, and a load
// that rises from 40 to 80 calls a second and falls again. It is judged from the peak, and from the
// 45th second. It was made for attempts that may take 3 s; here the second is a third of what the
// preset's may take.
func ramp(n numbers) played {
	second := n.attempt / 3
	perSecond := func(calls float64) float64 { return calls / second.Seconds() }
	s := calm(n, storm.Server{
		Service: storm.Fixed(second), PerInFlight: second / 100, Hop: storm.Exponential(second / 10),
	})
	s.Load = storm.Poisson(perSecond(40)).RampTo(perSecond(80), 25*second).RampTo(perSecond(24), 60*second)
	s.For, s.Bucket = 60*second, second
	return played{s, 25 * second, 45 * second}
}
