package storm_test

import (
	"time"

	"github.com/media-gateway/holdfast/storm"
)

// The storms that the presets' numbers were not chosen with.

// creeping is latency that grows for 25 s, up to a quarter more than an attempt may take, and then
// is gone. The server never answers with an error.
func creeping(n numbers) played {
	const during = 25 * time.Second
	return hit(elastic, during, storm.Trigger{Latency: n.attempt * 5 / 4, Ramp: during})(n)
}

// flapping is up for two seconds and down for two.
func flapping(n numbers) played {
	const half = 2 * time.Second
	s := calm(n, pool)
	s.Triggers = []storm.Trigger{{At: begins, For: half, Every: 2 * half, ErrorRatio: 1}}
	return played{Scenario: s, begin: begins}
}

// shard is a tenth of the keys for which every attempt fails. Each client asks for all keys.
func shard(n numbers) played {
	p := hit(pool, 2*lasts, storm.Trigger{ErrorRatio: 1, Keys: storm.Range{From: 0, To: 1}})(n)
	p.Keys = 10
	return p
}

// brownOut is a server that has 30 % of its workers for a while, less than it takes, and refuses
// what it cannot queue.
func brownOut(n numbers) played {
	server := pool
	server.QueueLimit = 30 // half a second's work for three workers
	return hit(server, 2*lasts, storm.Trigger{CapacityLoss: 0.7})(n)
}

// brownOutSaid is a brown-out whose refusals say that they are one.
func brownOutSaid(n numbers) played {
	p := brownOut(n)
	p.Server.Overload = true
	return p
}

// slower is work that takes three times as long at a server with a fifth to spare.
func slower(n numbers) played {
	p := hit(pool, lasts, storm.Trigger{Slowdown: 3})(n)
	p.Load = storm.Poisson(1.6 * rate)
	return p
}

// halfAfterWork is one error in two, after the work, at a server that is busy for 70 %: for all
// retries it has too few workers.
func halfAfterWork(n numbers) played {
	s := calm(n, pool)
	s.Load = storm.Poisson(1.4 * rate)
	s.Triggers = []storm.Trigger{{ErrorRatio: 0.5, AfterWork: true}}
	return played{Scenario: s}
}

const (
	pods    = 200
	podRate = 5.0 // calls a second, of each
)

// podded is many small clients of a large server that can do twice what they ask for.
func podded(n numbers, during, calm time.Duration, what storm.Trigger) played {
	server := storm.Server{Workers: 100, Service: work, Hop: hop}
	p := hit(server, during, what)(n)
	p.Load, p.Clients, p.For = storm.Poisson(pods*podRate), pods, begins+during+calm
	return p
}

func podsOut(n numbers) played {
	return podded(n, time.Minute, 20*time.Second, storm.Trigger{ErrorRatio: 1})
}

// podsSlow have a server that can do 40 % of what they ask for.
func podsSlow(n numbers) played {
	return podded(n, lasts/2, lasts/2, storm.Trigger{CapacityLoss: 0.8})
}

// twoHops is the brown-out of a server that the clients reach by way of another, which calls it for
// each of their attempts, as often as its own client sees fit.
func twoHops(n numbers) played {
	p := brownOut(n)
	p.Server = storm.Server{
		Service: storm.Fixed(time.Millisecond), Hop: hop,
		Downstream: &storm.Downstream{Server: p.Server, Triggers: p.Triggers},
	}
	p.Triggers = nil
	return p
}

// halfRetry is a loss of capacity that hits five clients and five others that make each call once.
func halfRetry(n numbers) played {
	p := hit(pool, lasts, storm.Trigger{CapacityLoss: 0.75})(n)
	p.Clients = fleet / 2
	p.Groups = []storm.Group{{Name: noRetries, Clients: fleet / 2, NewDoer: func() storm.Doer { return noRetriesAtAll(n) }}}
	return p
}
