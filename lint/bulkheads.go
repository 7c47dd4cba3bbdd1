package lint

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// soonFull: a bulkhead fills too soon if calls fill it that take less than a quarter of the time
// that they may take.
const soonFull = 4

// checkBulkheads checks places against traffic by Little's law: the average number in flight is the
// arrival rate times how long each one stays.
func (s subject) checkBulkheads() {
	for _, b := range plan.Each[bulkhead.Config](s.Plan) {
		s.checkWait(b)
		stays := s.attemptTakes() // the longest that one holds a place
		if b.PerCall {
			stays = s.callTakes()
		}
		if s.RPS > 0 && stays < plan.Forever && b.Config.MaxConcurrent > 0 {
			s.checkPlaces(b, stays)
		}
	}
}

func (s subject) checkPlaces(b plan.Placed[bulkhead.Config], stays time.Duration) {
	places := float64(b.Config.MaxConcurrent)
	least := s.RPS * stays.Seconds() // if every first attempt takes all its time
	most := least
	if !b.PerCall {
		most *= s.Unpaid()
	}
	what := "an attempt"
	if b.PerCall {
		what = "a call"
	}
	switch {
	case places < least/soonFull && least < math.MaxInt32: // the most that a bulkhead can have
		f := s.begin(fillsWhenSlow, "bulkhead.max_concurrent")
		full := "are full, and refuse calls"
		if places == 1 {
			full = "is full, and refuses calls"
		}
		f.say("%s at %s %s, once %s takes %s on average, of the %s that it may take",
			f.some("max_concurrent", places, "place", "places"), f.rate("rps", s.RPS), full, what,
			f.number("full_at", places/s.RPS, "s"), f.time("takes", stays))
		f.arithmetic("Little's law: %s / %s = %s", figure(places), figure(s.RPS)+"/s", span(places/s.RPS))
		f.fix(setting("bulkhead.max_concurrent", upward(least/soonFull)))
		f.end()
	case places > 2*most+10*math.Sqrt(most)+10:
		f := s.begin(neverFills, "bulkhead.max_concurrent")
		f.say("at %s no more than %s are in flight on average even if all hang for their whole %s: %s places are never full",
			f.rate("rps", s.RPS), f.count("most", most), f.time("takes", stays), f.count("max_concurrent", places))
		f.fix(setting("bulkhead.max_concurrent", upward(most+5*math.Sqrt(most)+1)))
		f.end()
	}
}

func (s subject) checkWait(b plan.Placed[bulkhead.Config]) {
	bounded := s.Deadline > 0 && b.InsideDeadline
	switch {
	case b.Config.MaxWait == 0 && b.Config.QueueLimit > 0:
		f := s.begin(nobodyQueues, "bulkhead.queue_limit")
		f.say("a queue of %s, and none can wait in it: max_wait is 0 s", f.some("queue_limit", float64(b.Config.QueueLimit), "call", "calls"))
		f.fix(setting("bulkhead.queue_limit", "unlimited"))
		f.end()
	case b.Config.MaxWait < 0 && !bounded && b.Config.QueueLimit == 0:
		f := s.begin(endlessQueue, "bulkhead.max_wait")
		places := "the places of an adaptive limit"
		if b.Config.MaxConcurrent > 0 {
			places = "one of " + f.some("max_concurrent", float64(b.Config.MaxConcurrent), "place", "places")
		}
		f.say("calls wait for %s as long as their callers let them: neither a deadline here nor queue_limit bounds the queue", places)
		f.fix(setting("bulkhead.max_wait", "0s"))
		f.end()
	}
}

// checkWaits finds stages in which a call may wait until its deadline is over.
func (s subject) checkWaits() {
	for _, w := range s.Waits {
		if s.Deadline == 0 || !w.InsideDeadline || w.Most < s.Deadline {
			continue
		}
		key := w.Stage + ".max_wait"
		f := s.begin(waitsTooLong, key)
		f.say("a call may wait for %s until its deadline of %s is over, or nearly so, and then it is too late to make it",
			w.For, f.time("deadline", s.Deadline))
		f.fix(setting(key, s.shorterWait(w)))
		f.end()
	}
}

// shorterWait returns a wait that leaves time for the call: a tenth of its deadline. For a rate
// limit it is at least the time in which a token comes.
func (s subject) shorterWait(w plan.Wait) time.Duration {
	shorter := roundedDown(max(s.Deadline/10, 1))
	for _, l := range plan.Each[ratelimit.Config](s.Plan) {
		if w.Stage == "ratelimit" && l.InsideDeadline && l.Config.Rate > 0 && shorter < apart(l.Config) {
			shorter = s.waitForToken(l)
		}
	}
	return shorter
}
