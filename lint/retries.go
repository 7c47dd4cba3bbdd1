package lint

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// checkRetries checks the jitter of the loop, and what limits its retries.
func (s subject) checkRetries() {
	if !s.Retries() {
		return
	}
	first := s.Pause(0)
	switch {
	case s.Retry.Jitter == retry.Jitter(retry.NoJitter):
		f := s.begin(noJitter, "retry.jitter")
		after := "the same time"
		if first.Known {
			after = f.time("first_pause", first.Longest)
		}
		f.say("no jitter: callers that fail together all come back together, %s later", after)
		f.fix(setting("retry.jitter", "full"))
		f.end()
	case s.Worst().Guessed:
		f := s.begin(pausesUnknown, "retry")
		f.say("code of your own makes the pauses; they are taken for 0 here")
		f.end()
	default:
		s.checkSpread()
	}
	switch {
	case s.Attempts() == plan.Unlimited && s.Deadline == 0 && !s.Limited():
		f := s.begin(noLimit, "retry.max_retries")
		f.say("retries have no limit: not by number, by a deadline, nor by a budget that refuses")
		f.fix(s.numbered())
		f.end()
	case s.Budget == nil:
		f := s.begin(noBudget, "budget")
		f.say("no budget: in an outage every call becomes %s", s.upTo(f))
		f.fix(s.newBudget()...)
		f.end()
	}
}

const (
	usualQueue = 1000 // the default of retry.Config.QueueLimit
	mostQueue  = 1e9  // about the most that it may be
)

// checkPatience checks what a Patient loop waits for, and how many calls do.
func (s subject) checkPatience() {
	if !s.Retries() {
		return
	}
	queue := s.Retry.QueueLimit
	if !s.Retry.Patient {
		if queue != usualQueue {
			f := s.begin(nobodyWaits, "retry.queue_limit")
			limit := "any number of calls"
			if queue > 0 {
				limit = f.some("queue_limit", float64(queue), "call", "calls")
			}
			f.say("queue_limit lets %s wait, and none does: the loop is not patient", limit)
			f.fix(setting("retry.queue_limit", usualQueue))
			f.end()
		}
		return
	}
	if !s.WaitsForRefused() {
		f := s.begin(neverWaits, "retry.patient")
		f.say("the loop is patient, and no call of it ever waits: neither a budget nor a stage inside the loop refuses anything")
		settings := Fix{setting("retry.patient", false)}
		if queue != usualQueue { // else that would be the next finding
			settings = append(settings, setting("retry.queue_limit", usualQueue))
		}
		f.fix(settings...)
		f.end()
		return
	}
	refused := sane(max(1, s.Mean(0).End)) // how long a call waits of which every turn is refused
	switch waits := s.RPS * refused.Seconds(); {
	case queue < 0 && (s.RPS <= 0 || refused == plan.Forever || waits > usualQueue):
		f := s.begin(endlessWait, "retry.queue_limit")
		each := "without end"
		if refused < plan.Forever {
			each = "for " + f.about("waits", refused.Seconds(), "s") + " on average"
		}
		f.say("while all is refused each call waits %s, and nothing bounds how many do", each)
		f.fix(setting("retry.queue_limit", usualQueue))
		f.end()
	case queue >= 0 && refused < plan.Forever && waits > float64(queue) && waits < mostQueue:
		f := s.begin(shortQueue, "retry.queue_limit")
		f.say("while all is refused at %s, each call waits for %s on average, which makes %s calls at once: %s may, and the others fail at once",
			f.rate("rps", s.RPS), f.about("waits", refused.Seconds(), "s"), f.about("at_once", waits, ""),
			f.count("queue_limit", float64(queue)))
		f.fix(setting("retry.queue_limit", upward(waits)))
		f.end()
	}
}

// upTo says how many attempts a call becomes without a budget.
func (s subject) upTo(f *draft) string {
	if n := s.MostAttempts(); n != plan.Unlimited {
		return "up to " + f.some("attempts", float64(n), "attempt", "attempts")
	}
	return "as many attempts as fit before its deadline"
}

// numbered returns the setting that gives unlimited retries a number: the same one as the fix for
// the missing deadline has.
func (s subject) numbered() Setting {
	for _, change := range s.bound(true) {
		if change.Key == noRetries.Key {
			return change
		}
	}
	return retriesOf(usualRetries)
}

// newBudget returns the settings of a budget for a service without one: a sound ratio, and a
// floor if the default floor would be the next finding.
func (s subject) newBudget() Fix {
	settings := Fix{setting("budget.ratio", soundRatio)}
	if s.RPS > 0 && s.dwarfs(defaultFloor, soundRatio) {
		settings = append(settings, s.lowerFloor())
	}
	return settings
}

const leastSpread = time.Millisecond

// checkSpread finds jitter that moves no pause by a millisecond.
func (s subject) checkSpread() {
	widest := s.Spread()
	if widest >= leastSpread {
		return
	}
	f := s.begin(littleJitter, "retry.base_delay")
	f.say("jitter moves no pause by more than %s: callers that fail together come back together", f.time("spread", widest))
	wider := *s.Retry
	if widest > 0 { // only as much longer as necessary, since the deadline may be short
		factor := leastSpread.Seconds() / widest.Seconds()
		wider.BaseDelay = roundedUp(time.Duration(math.Ceil(factor * float64(wider.BaseDelay))))
	}
	if (plan.Plan{Retry: &wider}).Spread() < leastSpread {
		wider.BaseDelay = 50 * time.Millisecond
	}
	settings := Fix{setting("retry.base_delay", wider.BaseDelay)}
	if wider.MaxDelay >= 0 && wider.MaxDelay < wider.BaseDelay {
		wider.MaxDelay = 5 * time.Second
		settings = append(settings, setting("retry.max_delay", wider.MaxDelay))
	}
	if (plan.Plan{Retry: &wider}).Spread() < leastSpread {
		settings = append(settings, setting("retry.jitter", "full"))
	}
	if s.losesRetries(&wider) { // else the next fix would be fewer retries
		settings = nil
		if s.withFullJitter().Spread() >= leastSpread {
			settings = Fix{setting("retry.jitter", "full")}
		}
	}
	f.fix(settings...)
	f.end()
}

// withFullJitter returns the plan with the same pauses, and full jitter.
func (s subject) withFullJitter() plan.Plan {
	loop, p := *s.Retry, s.Plan
	loop.Jitter, p.Retry = retry.FullJitter, &loop
	return p
}

// losesRetries reports whether fewer attempts fit before the deadline with another loop's pauses.
func (s subject) losesRetries(loop *retry.Config) bool {
	p := s.Plan
	p.Retry = loop
	return p.Worst().Runs < s.Worst().Runs || p.Best().Runs < s.Best().Runs
}
