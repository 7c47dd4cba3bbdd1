package lint

import (
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

const (
	usualDeadline = 10 * time.Second // the presets'
	usualRetries  = 3
	longCall      = 10 * time.Minute // beyond which nobody looks for room for retries
)

// checkNoDeadline tells of calls that only their attempts bound, and warns of those that nothing
// does.
func (s subject) checkNoDeadline() {
	worst := s.Worst()
	if sane(worst.Needed) == plan.Forever {
		f := s.begin(noDeadline, "deadline")
		why := "attempts have no deadline either"
		switch {
		case s.AttemptDeadline > 0 && s.Attempts() == plan.Unlimited:
			why = "retries have no limit either"
		case s.AttemptDeadline > 0:
			why = "attempts and pauses may add up to years"
		}
		f.say("there is no deadline, and %s: nothing but its caller ends a call", why)
		f.fix(s.bound(s.Retries())...)
		f.end()
		return
	}
	if !s.Retries() || worst.Guessed {
		return // the attempt's deadline is the call's; or pauses are not known, and so neither is their sum
	}
	f := s.begin(attemptsBoundCall, "deadline")
	f.say("there is no deadline; attempts and pauses bound a call, at %s", f.time("needed", worst.Needed))
	f.fix(setting("deadline", roundedUp(worst.Needed)))
	f.end()
}

// bound returns the settings that end a call to which nothing puts an end: a deadline and, if it is
// to go on retrying, what makes attempts fit into it.
func (s subject) bound(retries bool) Fix {
	limit := min(usualDeadline, s.seen(true))
	if !retries { // a call is one attempt
		limit = min(limit, s.seen(false))
	}
	if d := sane(s.AttemptDeadline); d < plan.Forever {
		limit = max(limit, 4*d)
	}
	if !retries {
		return Fix{setting("deadline", limit)}
	}
	for ; ; limit *= 2 { // pauses may be long
		if settings, kept := s.roomIn(limit); kept >= 1 || limit > longCall {
			return append(Fix{setting("deadline", limit)}, settings...)
		}
	}
}

// roomIn returns the settings by which attempts fit into a deadline, and how many retries that
// leaves; for a service of which nothing ends a call.
func (s subject) roomIn(deadline time.Duration) (settings Fix, retries int) {
	if s.AttemptDeadline == 0 {
		settings = s.refit(deadline)
		if settings.leavesNone() {
			return settings, 0
		}
		return settings, 1
	}
	p := s.Plan
	p.Deadline = deadline
	if s.Attempts() == plan.Unlimited {
		loop := *s.Retry
		loop.MaxRetries = usualRetries
		p.Retry = &loop
		if w := p.Worst(); w.Runs <= usualRetries {
			return nil, 0
		}
		return nil, usualRetries
	}
	w := p.Worst()
	if w.Runs < len(w.Attempts) {
		settings = Fix{retriesOf(w.Runs - 1)}
	}
	return settings, w.Runs - 1
}

// seen returns the most that a call may take, or an attempt, for the failure ratios that count it
// to see one that hangs: half of their windows. plan.Forever if there are none, or only windows
// that are wrong themselves.
func (s subject) seen(perCall bool) time.Duration {
	most := plan.Forever
	for _, b := range s.Breakers {
		if half := roundedDown(b.Window / 2); b.PerCall == perCall && b.FailureRatio > 0 && half >= time.Second {
			most = min(most, half)
		}
	}
	return most
}
