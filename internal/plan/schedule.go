package plan

import "time"

// Ending says why the call of a schedule ends.
type Ending uint8

const (
	Exhausted       Ending = iota // all attempts were made
	TooLate                       // the deadline left no room for another attempt: the call ends without the pause
	DeadlineReached               // the deadline ended an attempt
	Endless                       // nothing ends it but the caller
	NotPaid                       // the budget never pays for a retry: see OnlyPaid
)

var endings = [...]string{"exhausted", "too_late", "deadline_reached", "endless", "not_paid"}

// String returns the ending in lower case.
func (e Ending) String() string {
	if int(e) < len(endings) {
		return endings[e]
	}
	return "unknown"
}

// MarshalText returns String.
func (e Ending) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Attempt is one attempt of a schedule. Times are from the beginning of the call.
type Attempt struct {
	Number int           // from 1
	Pause  time.Duration // before it; 0 before the first
	Start  time.Duration // Forever if it can never start
	End    time.Duration

	// Runs is false if the call ends before this attempt. Then its times are those that it would
	// have without the call's deadline.
	Runs bool
	// Cut is true if the call's deadline ends the attempt before its own time is over.
	Cut bool
}

// Schedule is the course of a call whose attempts all fail.
type Schedule struct {
	Attempts []Attempt     // the ones that run come first. At most 1000
	Runs     int           // how many of them run
	End      time.Duration // when the caller gets the answer
	Ending   Ending

	// Needed is the time of all attempts and pauses without the call's deadline; Forever if the
	// attempts or their time have no limit.
	Needed time.Duration

	// Guessed is true if a pause is not known: see Pause. It counts as 0, so the schedule is the
	// earliest possible.
	Guessed bool
	// More is true if there may be attempts beyond those listed: they are unlimited or more than
	// 1000.
	More bool
}

const mostListed = 1000

// Worst is the call in which every attempt takes all the time it may, and every pause is the
// longest: the fewest attempts that fit if the dependency hangs. It ignores waits in other stages,
// and retry-afters.
func (p Plan) Worst() Schedule {
	takes := Forever
	if p.AttemptDeadline > 0 {
		takes = p.AttemptDeadline
	}
	return p.schedule(takes, func(n int) (time.Duration, bool) { q := p.bounds(n); return q.Longest, q.Known })
}

// Lucky is Worst with every pause the shortest. An attempt that does not run here never runs if
// attempts take all their time. One that runs here but not in Worst runs if jitter happens to make
// the pauses short.
func (p Plan) Lucky() Schedule {
	takes := Forever
	if p.AttemptDeadline > 0 {
		takes = p.AttemptDeadline
	}
	return p.schedule(takes, func(n int) (time.Duration, bool) { q := p.bounds(n); return q.Shortest, q.Known })
}

// Best is the call in which every attempt fails at once, and every pause is the shortest. An
// attempt that does not run here never runs.
func (p Plan) Best() Schedule {
	return p.schedule(0, func(n int) (time.Duration, bool) { q := p.bounds(n); return q.Shortest, q.Known })
}

// Mean is the call in which every attempt takes the given time (less if a deadline ends it), and
// every pause is its mean.
func (p Plan) Mean(takes time.Duration) Schedule {
	if p.AttemptDeadline > 0 {
		takes = min(takes, p.AttemptDeadline)
	}
	return p.schedule(takes, func(n int) (time.Duration, bool) { q := p.Pause(n); return q.Mean, q.Known })
}

// OnlyPaid returns a copy of p whose schedules have no retries if the budget never pays for one
// (NeverPaid). All other schedules assume that the bank pays for every retry.
func (p Plan) OnlyPaid() Plan {
	p.onlyPaid = p.NeverPaid()
	return p
}

// schedule does what the loop does: the call ends, without the pause, if the next attempt would
// begin with no more than MinAttempt left before the deadline.
func (p Plan) schedule(takes time.Duration, pause func(n int) (time.Duration, bool)) Schedule {
	deadline, attempts := Forever, p.Attempts()
	if p.Deadline > 0 {
		deadline = p.Deadline
	}
	s := Schedule{}
	listed := attempts
	if attempts == Unlimited || attempts > mostListed {
		listed, s.More = mostListed, true
	}
	over := false
	for i := range listed {
		a := Attempt{Number: i + 1}
		if i > 0 {
			var known bool
			a.Pause, known = pause(i - 1)
			s.Guessed = s.Guessed || !known
		}
		a.Start = plus(s.Needed, a.Pause)
		a.End = plus(a.Start, takes)
		s.Needed = a.End
		a.Runs = !over && (i == 0 || !p.onlyPaid && a.Start < deadline-p.minAttempt())
		if a.Runs {
			a.Cut = a.End > deadline
			a.End = min(a.End, deadline)
			s.Runs, s.End = i+1, a.End
			over = a.End >= deadline
		} else {
			over = true
		}
		s.Attempts = append(s.Attempts, a)
		if over && attempts == Unlimited && !a.Runs {
			break // the others do not run either
		}
	}
	s.Ending = p.ending(s, deadline)
	if s.More {
		s.Needed = Forever
	}
	return s
}

func (p Plan) minAttempt() time.Duration {
	if p.Retry == nil {
		return 0
	}
	return p.Retry.MinAttempt
}

func (p Plan) ending(s Schedule, deadline time.Duration) Ending {
	switch {
	case s.End == Forever:
		return Endless
	case s.End >= deadline:
		return DeadlineReached
	case p.onlyPaid:
		return NotPaid
	case s.Runs < len(s.Attempts) && p.Deadline > 0:
		return TooLate
	case s.More && p.Attempts() == Unlimited && p.Deadline == 0:
		return Endless
	}
	return Exhausted
}
