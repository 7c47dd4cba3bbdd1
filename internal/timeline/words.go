package timeline

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/media-gateway/holdfast/internal/plan"
)

func (c Chart) worstTitle() string {
	takes := "nothing ends an attempt"
	switch {
	case c.plan.AttemptDeadline > 0:
		takes = "every attempt runs into its deadline"
	case c.plan.Deadline > 0:
		takes = "only the call's deadline ends an attempt"
	}
	if c.plan.Retries() && c.plan.AttemptDeadline > 0 {
		return "It hangs: " + takes + ", every pause is the longest."
	}
	return "It hangs: " + takes + "."
}

func (c Chart) quickTitle() string {
	if c.plan.Retries() {
		return "It fails at once: attempts take no time, every pause is the mean."
	}
	return "It fails at once: the attempt takes no time."
}

// outcome says in words how a schedule ends.
func (c Chart) outcome(r plan.Schedule) string {
	attempts := c.plan.Attempts()
	var b strings.Builder
	switch {
	case attempts == 1:
		b.WriteString("1 attempt")
	case r.Ending == plan.Endless && r.Runs > 1:
		b.WriteString("Attempts without end")
	case attempts == plan.Unlimited:
		b.WriteString(number(r.Runs, "attempt"))
	case r.More && r.Runs == len(r.Attempts): // the schedule has only the first of them
		fmt.Fprintf(&b, "%d attempts or more, of %d", r.Runs, attempts)
	default:
		fmt.Fprintf(&b, "%d of %d attempts", r.Runs, attempts)
	}
	switch r.Ending {
	case plan.Endless:
		b.WriteString("; no answer until the caller gives up.")
	case plan.DeadlineReached:
		fmt.Fprintf(&b, "; the deadline ends the call after %s.", short(r.End))
	case plan.NotPaid:
		fmt.Fprintf(&b, ", since the budget never pays for a retry; the answer comes after %s.", short(r.End))
	default:
		fmt.Fprintf(&b, "; the answer comes after %s.", short(r.End))
	}
	return b.String()
}

// notes returns what the drawing does not show, in a sentence or two each.
func (c Chart) notes(s scale) []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	c.noteUnpaid(add)
	c.noteMissing(add)
	p := c.plan
	if p.Deadline > 0 && !s.deadline {
		add("The deadline, %s, is beyond the axis.", short(p.Deadline))
	}
	if c.worst.Guessed {
		add("How long a pause is, only code knows (a Backoff or Jitter of one's own): it is drawn as none.")
	}
	if p.Retries() && p.Retry.Adaptive != nil && !p.NeverPaid() {
		add("The loop adapts: it may leave out attempts, and its longest pauses are those of an outage.")
	}
	if ends := c.sooner(); len(ends) > 0 {
		if p.Retries() && p.Retry.Patient {
			add("%s may make a call wait: each refusal uses up a turn, and the pause after it.", enumerate(ends))
		} else {
			add("%s may end a call sooner.", enumerate(ends))
		}
	}
	if p.Retries() && !p.NeverPaid() {
		limit := p.Retry.MaxRetryAfter
		switch longest := p.LongestAfter(limit); {
		case limit == 1: // a file's 0 becomes 1ns: a Retry-After ends the call
		case p.Deadline > 0 && (limit < 0 || longest >= p.Deadline):
			// A hint beyond the deadline ends the call instead.
			add("A Retry-After of the dependency may make a pause longer, as far as the deadline.")
		case limit < 0:
			add("A Retry-After of the dependency may make a pause longer, without limit.")
		default:
			add("A Retry-After of the dependency may make a pause as long as %s.", short(longest))
		}
	}
	for _, w := range p.Waits {
		limit := "up to " + short(w.Most)
		if w.Most == plan.Forever {
			limit = "without limit"
		}
		who := "A call"
		if w.PerAttempt && p.Retries() {
			who = "Each attempt"
		}
		add("%s may first wait for %s, %s.", who, w.For, limit)
	}
	if len(p.Unknown) > 0 {
		add("What %s does, only code knows.", strings.Join(p.Unknown, ", "))
	}
	return all
}

// noteUnpaid adds a note about a budget that pays for no retries, or soon will not.
func (c Chart) noteUnpaid(add func(format string, args ...any)) {
	switch {
	case c.plan.NeverPaid():
		add("Retries are never paid for: the budget has neither a ratio nor a floor, and its bank begins empty.")
	case c.plan.RunsDry():
		add("The budget pays for %s in the life of the process, and for none after that: it has neither a ratio nor a floor, so its "+
			"bank stays empty.", retries(c.plan.Bank()))
	}
}

func retries(n float64) string {
	if n == 1 {
		return "1 retry"
	}
	return strconv.FormatFloat(n, 'f', -1, 64) + " retries"
}

// noteMissing says which attempts do not run, and why.
func (c Chart) noteMissing(add func(format string, args ...any)) {
	attempts := c.plan.Attempts()
	if attempts == plan.Unlimited || attempts == 1 || c.plan.NeverPaid() {
		return
	}
	if never := c.best.Runs + 1; c.best.Runs < len(c.best.Attempts) {
		add("%s can never run: even if all fail at once, with the shortest pauses, %s left before the deadline.",
			attemptNames(never, attempts), c.tooLittle(c.best, "nothing is", "no more than min_attempt ("+c.minAttempt()+") is"))
		attempts = never - 1
	}
	first := c.worst.Runs + 1
	if first > attempts || c.worst.Runs == len(c.worst.Attempts) {
		return
	}
	switch c.worst.Ending {
	case plan.Endless:
		add("%s not run if the dependency hangs: nothing ends attempt %d.", attemptsDo(first, attempts), c.worst.Runs)
		return
	case plan.DeadlineReached:
		add("%s not run if the dependency hangs: the deadline ends attempt %d.", attemptsDo(first, attempts), c.worst.Runs)
		return
	default: // there is no time left for the next one
	}
	left := c.plan.Deadline - c.worst.End
	add("%s not run if the dependency hangs: after attempt %d, %s is left, and the pause is %s%s.", attemptsDo(first, attempts),
		c.worst.Runs, short(left), short(c.worst.Attempts[c.worst.Runs].Pause),
		c.tooLittle(c.worst, "", ", and min_attempt "+c.minAttempt()))
}

// tooLittle returns withMin if the next attempt would begin before the deadline, but with no more
// than min_attempt left. Otherwise it returns plain.
func (c Chart) tooLittle(r plan.Schedule, plain, withMin string) string {
	if c.plan.Retry.MinAttempt > 0 && r.Attempts[r.Runs].Start < c.plan.Deadline {
		return withMin
	}
	return plain
}

func (c Chart) minAttempt() string { return short(c.plan.Retry.MinAttempt) }

// sooner returns the stages that may refuse a call or an attempt.
func (c Chart) sooner() []string {
	var names []string
	if c.plan.Retries() && c.plan.Limited() && !c.plan.NeverPaid() {
		names = append(names, "a spent budget")
	}
	return append(names, c.plan.Refusing...)
}

// enumerate returns "A spent budget, an open breaker or a full bulkhead".
func enumerate(names []string) string {
	text := strings.Join(names, ", ")
	if i := strings.LastIndex(text, ", "); i >= 0 {
		text = text[:i] + " or" + text[i+1:]
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// attemptNames returns "Attempt 5", "Attempts 5 and 6", "Attempts 5 to 9".
func attemptNames(first, last int) string {
	switch last - first {
	case 0:
		return "Attempt " + strconv.Itoa(first)
	case 1:
		return fmt.Sprintf("Attempts %d and %d", first, last)
	}
	return fmt.Sprintf("Attempts %d to %d", first, last)
}

func attemptsDo(first, last int) string {
	if first == last {
		return attemptNames(first, last) + " does"
	}
	return attemptNames(first, last) + " do"
}

func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
