package storm

import (
	"iter"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
)

// Trigger is something that goes wrong with the server or the network for a while. Work that is
// under way when it begins or ends goes on as the trigger says from then on.
type Trigger struct {
	At  time.Duration // since the start
	For time.Duration // 0: until the end

	// Ramp is how long the trigger takes, from At on, to get to its full strength, in a straight
	// line of 100 steps. At most For. 0: it begins at its full strength.
	Ramp time.Duration
	// Every has the trigger begin again after that time, counted from begin to begin, as long as
	// calls begin. At least For, which it needs. 0: it comes once.
	Every time.Duration
	// Times is how often it comes, with Every. 0: until the end, so that there is nothing to
	// recover from.
	Times int

	// Clients are those who feel it, by their numbers (see [Client]). The zero Range: all.
	Clients Range
	// Keys are the keys of the calls that feel it, such as those of a shard (see Scenario.Keys).
	// The zero Range: all.
	Keys Range
	// Calls is the share of the calls that feel it, 0 to 1. It is the same calls for as long as the
	// trigger lasts: all attempts of a call, or none. 0: all.
	Calls float64

	// ErrorRatio is the share of attempts, 0 to 1, that fail with ErrFailed: when they arrive,
	// without any work; or, with AfterWork, once the work is done. The work was for nothing then,
	// or the caller does not know that it was done.
	ErrorRatio float64
	AfterWork  bool

	// CapacityLoss is the share of Workers, 0 to 1, that take no more work; those that have begun
	// end it. Where no whole number of workers is left, the next larger one works slower, so that
	// the capacity is what it says: of 2 workers and a loss of 0.25, both take 4/3 of the time. It
	// applies to a server with Workers, and to all calls.
	CapacityLoss float64
	// Slowdown is by how much the time of work is multiplied, 1e-6 to 1e6. Default 1.
	Slowdown float64
	// Latency is how long the server holds each answer back, and the worker with it, once the work
	// is done: it waits for something of its own, such as a lock or a disk. What is held back when
	// the trigger ends is answered then.
	Latency time.Duration

	// HopLatency is how much longer the network takes, each way. It holds no worker.
	HopLatency time.Duration
	// HopLoss is the share of messages, 0 to 1, that the network loses, each way: the caller of a
	// lost request or answer waits until its ctx ends.
	HopLoss float64
}

// Range is the numbers From and up, but below To. The zero Range is all numbers.
type Range struct {
	From, To int
}

func (r Range) has(n int) bool { return r == Range{} || r.From <= n && n < r.To }

// maxComings bounds how often a trigger comes.
const maxComings = 100_000

// steps is how many there are in a Ramp.
const steps = 100

// ends reports whether the trigger ends before the calls do.
func (t Trigger) ends() bool { return t.For > 0 && (t.Every == 0 || t.Times > 0) }

// spans are the times from one begin to the next end, of those that begin before the load ends. Of
// a trigger that does not end, the last is as long as the load.
func (t Trigger) spans(load time.Duration) iter.Seq2[time.Duration, time.Duration] {
	return func(yield func(from, to time.Duration) bool) {
		from := t.At
		for n := 1; from < load; n++ {
			to := from + t.For
			if t.For == 0 {
				to = max(from, load)
			}
			if !yield(from, to) || t.Every == 0 || n == t.Times {
				return
			}
			from += t.Every
		}
	}
}

// strength is how much of the trigger is on at that time, 0 to 1.
func (t *Trigger) strength(now time.Duration) float64 {
	since := now - t.At
	if t.Every > 0 && since >= 0 {
		if t.Times > 0 && since/t.Every >= time.Duration(t.Times) {
			return 0
		}
		since %= t.Every
	}
	switch {
	case since < 0, t.For > 0 && since >= t.For:
		return 0
	case since >= t.Ramp:
		return 1
	}
	step := since * steps / t.Ramp
	return (float64(step) + 0.5) / steps
}

// concerns reports whether the calls of the trigger with that number are some, and c one of them.
func (t *Trigger) concerns(c *flight, seed uint64, number int) bool {
	if !t.Clients.has(int(c.client)) || !t.Keys.has(c.key) {
		return false
	}
	if t.Calls == 0 || t.Calls == 1 {
		return true
	}
	draw := mix(mix(mix(seed, forTriggers), uint64(number)), uint64(c.root))
	return float64(draw>>11)/(1<<53) < t.Calls
}

// forSome reports whether the trigger is for some calls only.
func (t *Trigger) forSome() bool {
	return t.Clients != Range{} || t.Keys != Range{} || t.Calls != 0
}

func (t Trigger) check(c *check.Check, field string, s *Scenario, server *Server) {
	if t.At < 0 || (t.At >= s.For && s.For > 0) {
		c.Fail(field+"At", t.At, "want a time from 0 up to the scenario's For (%v)", s.For)
	}
	if t.For < 0 || t.For > maxFor {
		c.Fail(field+"For", t.For, "want a positive duration up to %v, or 0 for until the end", maxFor)
	}
	if t.Ramp < 0 || t.Ramp > maxFor || (t.For > 0 && t.Ramp > t.For) {
		c.Fail(field+"Ramp", t.Ramp, "want a positive duration up to the trigger's For, or 0 for none")
	}
	if t.Every != 0 && (t.For == 0 || t.Every < t.For || t.Every > maxFor) {
		c.Fail(field+"Every", t.Every, "want at least the trigger's For, which it needs, up to %v, or 0 for once", maxFor)
	}
	if t.Every > 0 && s.For/t.Every > maxComings {
		c.Fail(field+"Every", t.Every, "want at most %d begins within the scenario's For (%v)", maxComings, s.For)
	}
	if t.Times < 0 || (t.Times > 0 && t.Every == 0) {
		c.Fail(field+"Times", t.Times, "want 1 or more where there is an Every, or 0")
	}
	t.checkWhom(c, field, s)
	checkShare(c, field+"ErrorRatio", t.ErrorRatio)
	checkShare(c, field+"CapacityLoss", t.CapacityLoss)
	if t.CapacityLoss > 0 && server.Workers == 0 {
		c.Fail(field+"CapacityLoss", t.CapacityLoss, "want 0 where the server has no number of Workers")
	}
	if t.CapacityLoss > 0 && t.forSome() {
		c.Fail(field+"CapacityLoss", t.CapacityLoss, "want 0 in a trigger for some calls: the workers are everybody's")
	}
	if t.Slowdown != 0 && !(t.Slowdown >= 1e-6 && t.Slowdown <= 1e6) {
		c.Fail(field+"Slowdown", t.Slowdown, "want a factor from 1e-6 to 1e6, or 0 for 1")
	}
	if t.Latency < 0 {
		c.Fail(field+"Latency", t.Latency, "want at least 0")
	}
	if t.HopLatency < 0 {
		c.Fail(field+"HopLatency", t.HopLatency, "want at least 0")
	}
	checkShare(c, field+"HopLoss", t.HopLoss)
}

func (t *Trigger) checkWhom(c *check.Check, field string, s *Scenario) {
	for _, r := range []struct {
		name  string
		r     Range
		among int
		whose string
	}{
		{"Clients", t.Clients, s.clients(), "clients"},
		{"Keys", t.Keys, s.Keys, "keys"},
	} {
		if r.r != (Range{}) && (r.r.From < 0 || r.r.To <= r.r.From || r.r.To > r.among) {
			c.Fail(field+r.name, r.r, "want a range within the scenario's %d %s", r.among, r.whose)
		}
	}
	checkShare(c, field+"Calls", t.Calls)
}
