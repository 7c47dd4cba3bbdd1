package lint

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

const soonFull = 4 // a bulkhead is, if calls take less than this part of their time

// checkBulkheads checks places against traffic, by Little's law: what is in flight on average is the rate of arrivals
// times how long each is in.
func (s subject) checkBulkheads() {
	for _, b := range s.Bulkheads {
		s.checkWait(b)
		stays := s.attemptTakes() // the longest that a place is taken
		if b.PerCall {
			stays = s.callTakes()
		}
		if s.RPS > 0 && stays < plan.Forever {
			s.checkPlaces(b, stays)
		}
	}
}

func (s subject) checkPlaces(b plan.Bulkhead, stays time.Duration) {
	places := float64(b.MaxConcurrent)
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

func (s subject) checkWait(b plan.Bulkhead) {
	bounded := s.Deadline > 0 && b.InsideDeadline
	switch {
	case b.MaxWait < 0 && !bounded:
		f := s.begin(endlessQueue, "bulkhead.max_wait")
		f.say("calls wait for one of %s as long as their callers let them: no deadline here bounds the queue",
			f.some("max_concurrent", float64(b.MaxConcurrent), "place", "places"))
		f.fix(setting("bulkhead.max_wait", "0s"))
		f.end()
	case bounded && (b.MaxWait < 0 || b.MaxWait >= s.Deadline):
		f := s.begin(waitsTooLong, "bulkhead.max_wait")
		f.say("a call may wait for a place until its deadline of %s is over, or nearly so, and then it is too late to make it",
			f.time("deadline", s.Deadline))
		f.fix(setting("bulkhead.max_wait", roundedDown(max(s.Deadline/10, 1))))
		f.end()
	}
}
