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
	// load, client by client, and the server with them. At most 100,000 clients in all.
	// Report.Groups is what becomes of each group's calls.
	Groups []Group
	// Keys is how many keys there are, 1 to 1,000,000,000: each call has one of them, from 0 to
	// Keys-1, by chance, and keeps it in all its attempts. A key stands for a user, a tenant, or a
	// shard: see [Key], and Trigger.Keys. 0: calls have no keys.
	Keys int
	// Deadline is the caller's patience: every call's ctx ends after that, and a call that ends
	// later is no good. 0: the caller waits for ever.
	Deadline time.Duration

	// Server is what answers.
	Server Server
	// Triggers is what goes wrong, and when. Where they overlap, they add up.
	Triggers []Trigger

	// Bucket is how finely the report's series divide the time, 1 µs to 1000 h. Default 1 s.
	Bucket time.Duration
	// Steady is how long the goodput has to stay at 95 % or more to be called recovered, up to
	// 1000 h. Default 5 s.
	Steady time.Duration
	// Drain is how long after For the last calls may take until their ctx is canceled, up to 1000
	// h. Default 1 min.
	Drain time.Duration
}

const (
	maxClients = 100_000
	maxKeys    = 1_000_000_000
	maxFor     = 1000 * time.Hour
	// maxCalls bounds the calls of an open load: they take some 80 bytes each.
	maxCalls = 100_000_000
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
	if c.Err() == nil {
		if n := s.Load.mean(s.For); n > maxCalls {
			c.Fail("Load", s.Load, "want at most %d calls, and not %.0f as in a For of %v", maxCalls, n, s.For)
		}
	}
	s.Clients = check.Number(c, "Clients", s.Clients, check.Range[int]{Max: maxClients, Default: 1})
	s.Groups = slices.Clone(s.Groups)
	for i := range s.Groups {
		s.Groups[i].resolve(c, fmt.Sprintf("Groups[%d].", i))
	}
	if n := s.clients(); n > maxClients && len(s.Groups) > 0 {
		c.Fail("Groups", fmt.Sprintf("%d clients", n), "want at most %d in all", maxClients)
	}
	if s.Keys < 0 || s.Keys > maxKeys {
		c.Fail("Keys", s.Keys, "want 1 to %d, or 0 for none", maxKeys)
	}
	if s.Deadline < 0 {
		c.Fail("Deadline", s.Deadline, "want a positive duration, or 0 for none")
	}
	s.Server.resolve(c, "Server.", &s)
	s.Triggers = slices.Clone(s.Triggers) // the caller may change his for the next run
	for i, t := range s.Triggers {
		t.check(c, fmt.Sprintf("Triggers[%d].", i), &s, &s.Server)
	}
	s.Bucket = check.Number(c, "Bucket", s.Bucket, check.Range[time.Duration]{Max: maxFor, Default: time.Second})
	s.Steady = check.Number(c, "Steady", s.Steady, check.Range[time.Duration]{Max: maxFor, Default: 5 * time.Second})
	s.Drain = check.Number(c, "Drain", s.Drain, check.Range[time.Duration]{Max: maxFor, Default: time.Minute})
	if s.Bucket < time.Microsecond || (s.For+s.Drain)/s.Bucket > maxBuckets {
		c.Fail("Bucket", s.Bucket, "want at least 1µs, and at most %d buckets", maxBuckets)
	}
	return s, c.Err()
}
