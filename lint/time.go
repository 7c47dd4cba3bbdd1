package lint

import (
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

// checkTime checks attempts, pauses and deadlines against each other.
func (s subject) checkTime() {
	if s.Deadline == 0 {
		s.checkNoDeadline()
		return
	}
	if !s.Retries() {
		return
	}
	best, worst := s.Best(), s.Worst()
	near := s.AttemptDeadline > s.Deadline-s.Deadline/5
	s.checkNever(best, s.makeFit(best, worst, near))
	if s.AttemptDeadline == 0 {
		s.checkNoAttemptDeadline()
		return
	}
	switch {
	case s.checkTooLate(best, worst, near): // then that is to be fixed first
	case near:
		s.tellNear()
	default:
		s.checkCut(worst)
	}
	if s.Retry.MinAttempt > s.AttemptDeadline {
		f := s.begin(minAttemptTooLong, "retry.min_attempt")
		f.say("min_attempt %s is more than an attempt may take (%s), so retries are given up that had all the time there is",
			f.time("min_attempt", s.Retry.MinAttempt), f.time("attempt_deadline", s.AttemptDeadline))
		f.fix(setting("retry.min_attempt", s.AttemptDeadline))
		f.end()
	}
}

// makeFit returns the settings with which all attempts fit into the deadline, if they do not.
func (s subject) makeFit(best, worst plan.Schedule, near bool) Fix {
	switch {
	case s.AttemptDeadline == 0 || near: // then the attempt deadline is wrong, not the number of retries
		return s.refit(s.Deadline)
	case worst.Runs < best.Runs:
		return Fix{retriesOf(worst.Runs - 1)}
	}
	return Fix{retriesOf(best.Runs - 1)}
}

// checkTooLate finds retries that cannot start if attempts take all their time, or only if jitter
// makes the pauses short. It reports whether there are any.
func (s subject) checkTooLate(best, worst plan.Schedule, near bool) bool {
	if worst.Runs >= len(worst.Attempts) || worst.Runs >= best.Runs || s.Attempts() == plan.Unlimited {
		return false
	}
	retries, lucky := s.Attempts()-1, s.Lucky().Runs
	code := attemptsTooLate
	if lucky >= len(worst.Attempts) {
		code = attemptsByLuck
	}
	f := s.begin(code, "retry.max_retries")
	need := f.count("retries", float64(retries)) + " retries do not fit"
	switch {
	case worst.More:
	case worst.Guessed:
		need = count(retries, "retry needs", "retries need") + " " + f.time("needed", worst.Needed) + ", pauses not counted"
	default:
		need = count(retries, "retry needs", "retries need") + " up to " + f.time("needed", worst.Needed)
	}
	limit, each := f.time("deadline", s.Deadline), f.time("attempt_deadline", s.AttemptDeadline)
	switch {
	case code == attemptsByLuck:
		f.say("%s; the deadline is %s: if attempts take their whole %s, %s can run only where chance makes pauses short",
			need, limit, each, ordinals(worst.Runs, retries))
	case lucky > worst.Runs:
		f.say("%s; the deadline is %s: %s can never run if attempts take their whole %s, and %s only where chance makes pauses short",
			need, limit, ordinals(lucky, retries), each, ordinals(worst.Runs, lucky-1))
	default:
		f.say("%s; the deadline is %s: %s can never run if attempts take their whole %s", need, limit, ordinals(worst.Runs, retries), each)
	}
	if !worst.More && !worst.Guessed {
		attempts := s.AttemptDeadline * time.Duration(retries+1)
		f.arithmetic("%s attempts × attempt_deadline %s = %s, pauses up to %s, together %s",
			f.count("attempts", float64(retries+1)), each, f.time("attempts_take", attempts),
			f.time("pauses_take", worst.Needed-attempts), span(worst.Needed.Seconds()))
	}
	f.fix(s.makeFit(best, worst, near)...)
	f.end()
	return true
}

// checkNever finds retries that can never start. What makes all attempts fit (fix) is the fix for
// that too.
func (s subject) checkNever(best plan.Schedule, fix Fix) {
	if s.Attempts() == plan.Unlimited || best.Runs >= len(best.Attempts) {
		return
	}
	retries := s.Attempts() - 1
	f := s.begin(attemptsNever, "retry.max_retries")
	f.say("of %s, %s can never run, even if every attempt fails at once: the pauses before %s take at least %s, and the deadline is %s",
		count(retries, "retry", "retries"), ordinals(best.Runs, retries), "the "+ordinal(best.Runs),
		f.time("pauses_take", best.Attempts[best.Runs].Start), f.time("deadline", s.Deadline))
	if s.Retry.MinAttempt > 0 {
		f.arithmetic("and an attempt that would have no more than min_attempt, %s, is not made", f.time("min_attempt", s.Retry.MinAttempt))
	}
	f.fix(fix...)
	f.end()
}

// checkCut reports a last retry that may have less than half of its time.
func (s subject) checkCut(worst plan.Schedule) {
	last := worst.Attempts[worst.Runs-1]
	if !last.Cut || last.Number == 1 || last.End-last.Start >= s.AttemptDeadline/2 {
		return
	}
	f := s.begin(attemptCut, "deadline")
	f.say("%s retry may have only %s of its %s before the deadline of %s, if the attempts before it take theirs in full",
		"the "+ordinal(last.Number-1), f.time("left", last.End-last.Start),
		f.time("attempt_deadline", s.AttemptDeadline), f.time("deadline", s.Deadline))
	f.arithmetic("it starts at %s, after pauses at their longest", f.time("start", last.Start))
	enough := last.Start + s.AttemptDeadline
	if worst.Runs == s.Attempts() { // else more time would begin another retry
		enough = roundedUp(enough)
	}
	f.fix(setting("deadline", enough))
	f.end()
}

// tellNear reports an attempt deadline that leaves nearly no time for retries.
func (s subject) tellNear() {
	f := s.begin(attemptDeadlineNear, "attempt_deadline")
	f.say("an attempt may take %s of the call's %s: one that hangs leaves %s for %s",
		f.time("attempt_deadline", s.AttemptDeadline), f.time("deadline", s.Deadline),
		f.time("left", max(0, s.Deadline-s.AttemptDeadline)), s.allRetries())
	f.fix(s.refit(s.Deadline)...)
	f.end()
}

func (s subject) checkNoAttemptDeadline() {
	f := s.begin(noAttemptDeadline, "attempt_deadline")
	f.say("without an attempt_deadline, an attempt that hangs takes the whole %s of the call, and nothing is left for %s",
		f.time("deadline", s.Deadline), s.allRetries())
	f.fix(s.refit(s.Deadline)...)
	f.end()
}

// allRetries names the retries of a call: "5 retries", or "retries" if they are unlimited.
func (s subject) allRetries() string {
	if n := s.Attempts() - 1; n >= 1 {
		return count(n, "retry", "retries")
	}
	return "retries"
}

// refit returns the settings with which all attempts fit into the deadline even if each takes all
// its time: an attempt deadline, and fewer retries if that would be less than a twentieth of the
// call's deadline.
func (s subject) refit(deadline time.Duration) Fix {
	attempts := s.Attempts()
	if attempts == plan.Unlimited {
		attempts = 4
	}
	for n := min(attempts, 10); n > 1; n-- {
		var pauses time.Duration
		for i := range n - 1 {
			pauses += min(deadline, s.Pause(i).Longest)
		}
		each := roundedDown((deadline - pauses) / time.Duration(n))
		if most := s.seen(false); most > s.Retry.MinAttempt && most >= deadline/20 {
			each = min(each, most)
		}
		if each <= s.Retry.MinAttempt || each < deadline/20 {
			continue
		}
		settings := Fix{setting("attempt_deadline", each)}
		if n != s.Attempts() {
			settings = append(settings, retriesOf(n-1))
		}
		return settings
	}
	return Fix{setting("attempt_deadline", "off"), noRetries}
}
