package storm

import (
	"fmt"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
)

// Scenario is a storm to go through: who calls, what answers, and what goes wrong. Load and For are
// required; a zero field takes its documented default.
type Scenario struct {
	// Name labels the report in tables and plots.
	Name string
	// Seed is where all chance comes from: the same seed gives the same report. 0 is a seed like
	// any other.
	Seed uint64

	// Load is when calls begin.
	Load Load
	// For is how long calls begin. Those under way then go on for at most Drain.
	For time.Duration
	// Clients is how many Doers there are, 1 to 100,000. Default 1: all calls share it. Calls of a
	// Poisson load choose among them at random, those of the others take turns.
	Clients int
	// Groups are more clients, whose Doers are others than those of Run's newDoer. They share the
	// load, client by client, and the server with them. At most 100,000 clients in all. Report.Groups
	// is what becomes of each group's calls.
	Groups []Group
	// Deadline is the caller's patience: every call's ctx ends after that, and a call that ends
	// later is no good. 0: the caller waits for ever.
	Deadline time.Duration

	// Server is what answers.
	Server Server
	// Triggers is what goes wrong, and when. Where they overlap, they add up.
	Triggers []Trigger

	// Bucket is how finely the report's series divide the time. Default 1 s.
	Bucket time.Duration
	// Steady is how long the goodput has to stay at 95 % or more to be called recovered. Default 5
	// s.
	Steady time.Duration
	// Drain is how long after For the last calls may take until their ctx is canceled. Default 1
	// min.
	Drain time.Duration
}

// Trigger is something that goes wrong with the server for a while.
type Trigger struct {
	At  time.Duration // since the start
	For time.Duration // 0: until the end

	// ErrorRatio is the share of attempts, 0 to 1, that fail with ErrFailed: when they arrive,
	// without any work; or, with AfterWork, once the work is done, which then was for nothing or,
	// worse, was not.
	ErrorRatio float64
	AfterWork  bool

	// CapacityLoss is the share of Workers, 0 to 1, that take no more work. It applies to a server
	// with Workers.
	CapacityLoss float64
	// Slowdown is by how much the time of work is multiplied. Default 1.
	Slowdown float64
	// Latency is added to the time of work.
	Latency time.Duration
}

// ends reports whether the trigger ends before the calls do.
func (t Trigger) ends() bool { return t.For > 0 }

const (
	maxClients = 100_000
	maxFor     = 1000 * time.Hour
	// maxBuckets bounds what a report holds.
	maxBuckets = 1_000_000
)

// resolved returns s with its defaults, or all that is wrong with it.
func (s Scenario) resolved() (Scenario, error) {
	c := check.Stage("storm")
	s.Load.check(c)
	if s.For <= 0 || s.For > maxFor {
		c.Fail("For", s.For, "want how long calls begin: more than 0, up to %v", maxFor)
	}
	s.Clients = check.Number(c, "Clients", s.Clients, check.Range[int]{Max: maxClients, Default: 1})
	s.Groups = slices.Clone(s.Groups)
	for i := range s.Groups {
		s.Groups[i].resolve(c, fmt.Sprintf("Groups[%d].", i))
	}
	if n := s.clients(); n > maxClients && len(s.Groups) > 0 {
		c.Fail("Groups", fmt.Sprintf("%d clients", n), "want at most %d in all", maxClients)
	}
	if s.Deadline < 0 {
		c.Fail("Deadline", s.Deadline, "want a positive duration, or 0 for none")
	}
	s.Server.resolve(c)
	for i, t := range s.Triggers {
		t.check(c, fmt.Sprintf("Triggers[%d].", i), s)
	}
	s.Bucket = check.Number(c, "Bucket", s.Bucket, check.Range[time.Duration]{Default: time.Second})
	s.Steady = check.Number(c, "Steady", s.Steady, check.Range[time.Duration]{Default: 5 * time.Second})
	s.Drain = check.Number(c, "Drain", s.Drain, check.Range[time.Duration]{Default: time.Minute})
	if s.Drain > maxFor {
		c.Fail("Drain", s.Drain, "want at most %v", maxFor)
	}
	if s.Bucket < time.Microsecond || (s.For+s.Drain)/s.Bucket > maxBuckets {
		c.Fail("Bucket", s.Bucket, "want at least 1µs, and at most %d buckets", maxBuckets)
	}
	return s, c.Err()
}

func (t Trigger) check(c *check.Check, field string, s Scenario) {
	if t.At < 0 || (t.At >= s.For && s.For > 0) {
		c.Fail(field+"At", t.At, "want a time from 0 up to the scenario's For (%v)", s.For)
	}
	if t.For < 0 || t.For > maxFor {
		c.Fail(field+"For", t.For, "want a positive duration up to %v, or 0 for until the end", maxFor)
	}
	checkShare(c, field+"ErrorRatio", t.ErrorRatio)
	checkShare(c, field+"CapacityLoss", t.CapacityLoss)
	if t.CapacityLoss > 0 && s.Server.Workers == 0 {
		c.Fail(field+"CapacityLoss", t.CapacityLoss, "want 0 where the server has no number of Workers")
	}
	if !(t.Slowdown >= 0 && t.Slowdown <= 1e6) {
		c.Fail(field+"Slowdown", t.Slowdown, "want a factor above 0 and up to 1e6, or 0 for 1")
	}
	if t.Latency < 0 {
		c.Fail(field+"Latency", t.Latency, "want at least 0")
	}
}
