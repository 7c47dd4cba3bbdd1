package lint

import (
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

const (
	usualDeadline = 10 * time.Second // the presets'
	usualRetries  = 3
	longCall      = 10 * time.Minute // longer deadlines are not tried to make room for retries
)

// checkNoDeadline reports calls without a deadline: as an Info if attempts and pauses bound them,
// as a Warning if nothing does.
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
		return // a call is one attempt, or the sum of the pauses is not known
	}
	f := s.begin(attemptsBoundCall, "deadline")
	f.say("there is no deadline; attempts and pauses bound a call, at %s", f.time("needed", worst.Needed))
	f.fix(setting("deadline", roundedUp(worst.Needed)))
	f.end()
}

// bound returns the settings for a call that nothing ends: a deadline and, if retries is true, what
// makes attempts fit into it.
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

// roomIn returns the settings with which attempts fit into a deadline, and how many retries that
// leaves. It is for a service without a deadline.
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

// seen returns how long a call, or an attempt, may take so that failure ratios still see one that
// hangs: half of the shortest window. Only breakers that count these are asked, and windows that
// are too short themselves are left out. It returns plan.Forever if none is left.
func (s subject) seen(perCall bool) time.Duration {
	most := plan.Forever
	for _, b := range s.Breakers {
		if half := roundedDown(b.Window / 2); b.PerCall == perCall && b.FailureRatio > 0 && half >= time.Second {
			most = min(most, half)
		}
	}
	return most
}
