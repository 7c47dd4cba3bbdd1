package lint

import (
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

const mostRate = 1_000_000_000 // the highest rate that a rate limit can have

// checkRateLimits checks rate limits against the traffic, the retries and the deadline.
func (s subject) checkRateLimits() {
	for _, l := range plan.Each[ratelimit.Config](s.Plan) {
		if l.Config.Rate > 0 {
			s.checkRate(l)
			s.checkTokenWait(l)
		}
	}
}

func (s subject) checkRate(l plan.Placed[ratelimit.Config]) {
	rate := l.Config.Rate
	switch {
	case s.RPS > rate:
		f := s.begin(overTheRate, "ratelimit.rate")
		f.say("%s arrive, and %s pass: %s of the calls are refused, or wait in vain",
			f.rate("rps", s.RPS), f.rate("rate", rate), f.percent("refused", 1-rate/s.RPS))
		if enough := upward(s.RPS); enough <= mostRate {
			f.fix(setting("ratelimit.rate", enough))
		}
		f.end()
	case l.PerCall && s.MostAttempts() == plan.Unlimited:
		f := s.begin(retriesUncounted, "ratelimit.per")
		f.say("the limit of %s counts calls, and each may become any number of attempts", f.rate("rate", rate))
		f.end()
	case l.PerCall && s.MostAttempts() > 1:
		f, most := s.begin(retriesUncounted, "ratelimit.per"), float64(s.MostAttempts())
		f.say("the limit of %s counts calls, and each may become up to %s: the dependency may get up to %s",
			f.rate("rate", rate), f.some("attempts", most, "attempt", "attempts"), f.rate("most", rate*most))
		f.end()
	}
}

func (s subject) checkTokenWait(l plan.Placed[ratelimit.Config]) {
	wait, apart := l.Config.MaxWait, apart(l.Config)
	switch {
	case wait < 0 && !(s.Deadline > 0 && l.InsideDeadline):
		f := s.begin(endlessQueue, "ratelimit.max_wait")
		f.say("calls wait for a token, at %s, as long as their callers let them: no deadline here bounds the queue", f.rate("rate", l.Config.Rate))
		f.fix(setting("ratelimit.max_wait", time.Duration(0)))
		f.end()
	case wait > 0 && wait < apart:
		f := s.begin(waitsForNothing, "ratelimit.max_wait")
		f.say("a call may wait %s for a token, and tokens come %s apart: most that find none cannot wait for the next",
			f.time("max_wait", wait), f.time("apart", apart))
		f.fix(setting("ratelimit.max_wait", s.waitForToken(l)))
		f.end()
	}
}

// waitForToken returns a wait in which one token comes, or 0 if the call's deadline is over by
// then.
func (s subject) waitForToken(l plan.Placed[ratelimit.Config]) time.Duration {
	wait := roundedUp(apart(l.Config))
	if s.Deadline > 0 && l.InsideDeadline && wait >= s.Deadline {
		return 0
	}
	return wait
}

// apart returns the time between two tokens.
func apart(c ratelimit.Config) time.Duration { return time.Duration(float64(time.Second) / c.Rate) }

var rateLimitDocs = []Doc{
	{overTheRate, Warning, "A rate limit below the traffic", `
More calls arrive than the limit lets pass. A queue does not help: it is full after a moment. From
then on as many calls are refused as without it, and the others have waited.

    refused = 1 - rate / rps

If it is the dependency's limit, ask for a higher one, or send fewer calls. If it is your own limit,
the fix raises it to the traffic. Both numbers are for one instance: a quota of 100/s for 20 pods is
5/s here.

Silence it if refusing the rest is meant.`},
	{retriesUncounted, Info, "A rate limit that does not count retries", `
Outside the retry loop the limit counts calls. The dependency counts attempts, and a call that is
retried has several: in an outage up to

    rate × attempts

arrive, as far as the budget pays for them. With per: attempt each attempt takes a token. Then an
attempt that finds no token ends its call, since a refusal is not retried: give it a max_wait.

Silence it if the quota leaves room for the retries.`},
	{waitsForNothing, Info, "A wait that is shorter than the time between tokens", `
At a slow rate tokens come far apart (1 / rate), and a call that finds none waits only if the next
one comes within max_wait. If max_wait is shorter than the time between tokens, most calls are
refused at once, as if there were no wait.

The fix is a max_wait in which one token comes. If that is too long for the caller, refuse at once
(0s), so that the file says what really happens: that is the fix if the call's deadline is over by
then.`},
}
