package storms_test

import (
	"time"

	"github.com/media-gateway/holdfast/internal/fleetbus"
	"github.com/media-gateway/holdfast/storm"
)

// row is a storm that a fleet goes through.
type row struct {
	name     string
	scenario storm.Scenario // Load, Server and Triggers
	pods     int

	begin, end time.Duration // of the trouble; end is 0 if it does not end
	until      time.Duration // that calls are judged

	bus    fleetbus.Config
	faults func(l *lab)       // plans what else happens
	old    func(pod int) bool // who has another Config

	// as is the row which without a fleet is the same; "" if there is none.
	as string
}

// base is the row which without a fleet is the same as r, r itself for most.
func (r *row) base() string {
	if r.as != "" {
		return r.as
	}
	return r.name
}

// group is the rows of a table.
type group struct {
	name string
	rows []row
}

const (
	begins = 15 * time.Second
	rest   = 30 * time.Second // after the trouble
	lasts  = 20 * time.Second // the trouble of rows whose matter is another

	many = 100 // pods
)

var (
	work = storm.Exponential(50 * time.Millisecond)
	hop  = storm.Exponential(2 * time.Millisecond)

	// pool can do 200 works a second, twice what 100 pods ask of it. Its queue is FIFO and has no
	// end, and it works on for those who have left.
	pool = storm.Server{Workers: 10, Service: work, Hop: hop}

	// elastic is never busy.
	elastic = storm.Server{Service: work, Hop: hop}

	// network is what a fleet's network is like where nothing else is said.
	network = fleetbus.Config{Delay: time.Millisecond, Jitter: time.Millisecond}

	down = storm.Trigger{ErrorRatio: 1}
)

// groups are the tables, in their order.
var groups = []group{
	{"The dependency's trouble", []row{
		sparse("outage 3 s", pool, 3*time.Second, down),
		sparse("outage 10 s", pool, 10*time.Second, down),
		sparse("outage 20 s", pool, lasts, down),
		sparse("outage 60 s", pool, time.Minute, down),
		sparse("up 2 s, down 2 s, ten times", pool, 38*time.Second, storm.Trigger{ErrorRatio: 1, For: 2 * time.Second, Every: 4 * time.Second, Times: 10}),
		sparse("capacity ¼ for 10 s", pool, 10*time.Second, storm.Trigger{CapacityLoss: 0.75}),
		loaded(180, sparse("stall of 4 s at 90 %", pool, 4*time.Second, storm.Trigger{CapacityLoss: 1})),
		endless(sparse("20 % fail", elastic, time.Minute, storm.Trigger{ErrorRatio: 0.2})),
		busy("10 pods of 100 calls/s, outage 10 s", down),
		busy("10 pods of 100 calls/s, capacity ¼ for 10 s", storm.Trigger{CapacityLoss: 0.75}),
	}},
	{"The pods' trouble", []row{
		broken(3), broken(10), broken(many),
		oneStays(sparse("outage 20 s, then one pod is broken", pool, lasts, down)),
		sparse("half of the pods do not reach it for 20 s", pool, lasts, storm.Trigger{ErrorRatio: 1, Clients: storm.Range{To: many / 2}}),
		of("half have an older Config, outage 20 s", func(r *row) { r.old = func(pod int) bool { return pod%2 == 0 } }),
		of("a rollout in a minute, outage 20 s in it", func(r *row) { r.faults = rollout }),
		of("one pod in ten stands still, each for 3 s, outage 20 s", func(r *row) { r.faults = standStill }),
	}},
	{"The store's trouble, all in an outage of 20 s", storeRows()},
	{"A hostile pod", []row{
		endless(sparse("all is well", pool, lasts, storm.Trigger{Slowdown: 1})),
		endless(as("all is well", hostile("it makes up 200 failing pods, all is well", sparse("", pool, lasts, storm.Trigger{Slowdown: 1})))),
		as("outage 20 s", hostile("it makes up 200 failing pods, outage 20 s", sparse("", pool, lasts, down))),
	}},
}

// each calls f with every row.
func each(f func(r *row)) {
	for g := range groups {
		for i := range groups[g].rows {
			f(&groups[g].rows[i])
		}
	}
}

// sparse is 100 pods of a call a second each, and a trouble that lasts for a while.
func sparse(name string, server storm.Server, lasts time.Duration, what storm.Trigger) row {
	what.At = begins
	if what.For == 0 {
		what.For = lasts
	}
	return row{
		name: name, pods: many, begin: begins, end: begins + lasts, until: begins + lasts + rest, bus: network,
		scenario: storm.Scenario{Load: storm.Poisson(many), Server: server, Triggers: []storm.Trigger{what}},
	}
}

// loaded is r with another load.
func loaded(perSecond float64, r row) row {
	r.scenario.Load = storm.Poisson(perSecond)
	return r
}

// endless is r with a trouble that lasts until the end.
func endless(r row) row {
	r.until, r.end = r.end, 0
	r.scenario.Triggers[0].For = 0
	return r
}

// busy is ten pods with calls enough for each.
func busy(name string, what storm.Trigger) row {
	server := pool
	server.Workers *= 10
	r := loaded(1000, sparse(name, server, 10*time.Second, what))
	r.pods = 10
	return r
}

// broken is a fleet of n pods, with four calls a second each, one of which fails in all its calls.
func broken(n int) row {
	names := map[int]string{3: "one broken pod of 3", 10: "one broken pod of 10", many: "one broken pod of 100"}
	r := endless(sparse(names[n], elastic, time.Minute, storm.Trigger{ErrorRatio: 1, Clients: storm.Range{To: 1}}))
	r.pods = n
	return loaded(4*float64(n), r)
}

// oneStays is r, after which one pod goes on failing.
func oneStays(r row) row {
	r.scenario.Triggers = append(r.scenario.Triggers, storm.Trigger{At: begins, ErrorRatio: 1, Clients: storm.Range{From: 3, To: 4}})
	return r
}

// of is an outage of 20 s with something else.
func of(name string, change func(r *row)) row {
	r := sparse(name, pool, lasts, down)
	change(&r)
	return r
}

// as is r, which without a fleet is the same as the row of that name.
func as(name string, r row) row {
	r.as = name
	return r
}
