package model

import (
	"context"
	"errors"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Loop is what the documentation of package retry says that a retry loop does, for one call after
// the other. It is told what happened, and answers what has to happen next.
type Loop struct {
	Config retry.Config // with the defaults filled in
	Bank   *Budget      // nil: no budget

	// Jitter is how the user's own Jitter answers.
	Jitter func(retry.Step) time.Duration

	// Limit is that of the deadline next to the loop; 0 if there is none, or something that may
	// wait stands in between.
	Limit time.Duration

	call     Call
	attempts []Attempt
	pauses   []time.Duration
	paid     int64 // for the current retry, in billionths of a token
	owed     bool  // that retry has not begun
}

// Call is one call.
type Call struct {
	Began      time.Time
	Deadline   time.Time // of its ctx, whoever set it; zero if there is none
	Ended      error     // how its ctx had ended before the call began: ctx.Err()
	OnlyUnsent bool      // by the Config, MarkOnce and MarkIdempotent together
}

// Attempt is how an attempt went.
type Attempt struct {
	Began, Ended time.Time
	Refused      bool               // by a stage inside, so that the dependency was not asked
	Verdict      resilience.Verdict // whether to try again: Assess's second answer, before RetryIf
	NoRetry      bool               // marked so
	Unsent       bool               // it provably never reached the dependency
	Hint         time.Duration      // its retry-after
	CtxEnded     bool               // the call's ctx had ended by the clock, or was canceled
	GateShut     bool               // a gate inside would refuse the next one
	RetryIf      bool               // what RetryIf says, if it is set
	RefusedFor   resilience.Reason  // what the refusal, or the gate, says of itself
	Dependency   resilience.Verdict // what it says about the dependency: Assess's first answer
	RanOut       bool               // its time ran out, or the error says so
}

// Next is what has to come next: an attempt after a pause, or the end, for Reason. Where the pause
// is random, both may be right.
type Next struct {
	Again  bool
	Pause  Pause
	Ends   bool
	Reason resilience.Reason
}

// Did is what the loop did after an attempt.
type Did struct {
	Reason resilience.Reason // why it ended, if it did
	Payer  budget.Payer      // who paid for the retry
}

// RetryDefaults fills in the defaults.
func RetryDefaults(c retry.Config) retry.Config {
	if c.MaxRetries == 0 {
		c.MaxRetries = 3
	}
	if c.BaseDelay == 0 {
		c.BaseDelay = 100 * time.Millisecond
	}
	if c.MaxDelay == 0 {
		c.MaxDelay = max(5*time.Second, c.BaseDelay)
	}
	if c.Multiplier == 0 {
		c.Multiplier = 2
	}
	if c.Jitter == nil {
		c.Jitter = retry.AdditiveJitter(0.3)
	}
	if c.Backoff == nil {
		c.Backoff = retry.Exponential
	}
	if c.MaxRetryAfter == 0 {
		c.MaxRetryAfter = time.Minute
	}
	return c
}

// Begin says whether a call's first attempt is made.
func (l *Loop) Begin(c Call) Next {
	l.call, l.attempts, l.pauses, l.owed, l.paid = c, nil, nil, false, 0
	if c.Ended != nil {
		return l.end(ended(c.Ended))
	}
	if l.Bank != nil {
		l.Bank.OnArrival()
	}
	return Next{Again: true}
}

// After says what has to come after an attempt. did is what the loop did, which decides where
// chance leaves it a choice.
func (l *Loop) After(a Attempt, did Did) Next {
	l.attempts = append(l.attempts, a)
	if a.Refused {
		if l.owed {
			l.Bank.Refund(l.paid)
		}
		if a.Verdict == resilience.Canceled {
			return l.end(resilience.ReasonCanceled)
		}
		return l.end(a.RefusedFor)
	}
	l.owed = false
	switch {
	case a.Verdict == resilience.Success:
		switch {
		case l.Bank == nil:
		case len(l.attempts) == 1:
			l.Bank.OnSuccess()
		default:
			l.Bank.OnRetrySuccess(l.paid)
		}
		return l.end(resilience.ReasonNone)
	case a.Verdict == resilience.Canceled:
		return l.end(resilience.ReasonCanceled)
	case a.CtxEnded && !a.NoRetry && l.worthARetry(a):
		return l.end(resilience.ReasonTooLate)
	case l.InDoubt():
		return l.end(resilience.ReasonOutcomeUnknown)
	case a.NoRetry:
		return l.end(resilience.ReasonPermanent)
	case !l.worthARetry(a):
		if a.Verdict == resilience.Unclassified {
			return l.end(resilience.ReasonUnclassified)
		}
		return l.end(resilience.ReasonPermanent)
	case l.Config.MaxRetries != retry.Unlimited && len(l.attempts) > max(0, l.Config.MaxRetries):
		return l.end(resilience.ReasonExhausted)
	case a.GateShut:
		return l.end(a.RefusedFor)
	case l.Config.MaxRetryAfter != -1 && a.Hint > l.Config.MaxRetryAfter:
		return l.end(resilience.ReasonRetryAfterTooLong)
	}
	n := l.pause(a)
	if n.Again && !(n.Ends && did.Reason == n.Reason) {
		return l.paidFor(n, a, did.Payer)
	}
	return n
}

// InDoubt reports whether a call that must not be made twice may have been carried out, whatever
// ended it. Only what somebody has called the caller's fault is a definite answer.
func (l *Loop) InDoubt() bool {
	if len(l.attempts) == 0 {
		return false
	}
	a := l.attempts[len(l.attempts)-1]
	answered := a.Verdict == resilience.Success || a.Verdict == resilience.Permanent && !a.NoRetry
	return l.call.OnlyUnsent && !a.Refused && !a.Unsent && !answered
}

// worthARetry is what the verdict says, unless there is a RetryIf.
func (l *Loop) worthARetry(a Attempt) bool {
	if l.Config.RetryIf != nil {
		return a.RetryIf
	}
	return a.Verdict == resilience.Transient || a.Verdict == resilience.Overload
}

// pause is how long the pause may be, and whether it is too long for the deadline.
func (l *Loop) pause(a Attempt) Next {
	var prev time.Duration
	if len(l.pauses) > 0 {
		prev = l.pauses[len(l.pauses)-1]
	}
	p := pausesOf(l.Config, len(l.attempts)-1, prev, l.Jitter)
	room, bounded := l.room(a.Ended)
	if a.Hint > 0 {
		if bounded && a.Hint > room {
			return l.end(resilience.ReasonTooLate)
		}
		if !bounded {
			room = longest
		}
		p = hinted(l.Config, a.Hint, p, room)
	}
	switch {
	case !bounded || p.Most <= room:
		return Next{Again: true, Pause: p}
	case p.Least > room:
		return l.end(resilience.ReasonTooLate)
	}
	return Next{Again: true, Pause: Pause{p.Least, room}, Ends: true, Reason: resilience.ReasonTooLate}
}

// room is how long a pause that begins now may be, so that more than MinAttempt is left after it.
func (l *Loop) room(now time.Time) (time.Duration, bool) {
	if l.call.Deadline.IsZero() {
		return 0, false
	}
	return l.call.Deadline.Sub(now) - l.Config.MinAttempt - 1, true
}

// paidFor asks the budget, which comes last.
func (l *Loop) paidFor(n Next, a Attempt, payer budget.Payer) Next {
	if l.Bank == nil {
		return n
	}
	slow := l.Bank.Config().SlowCost > 1 && l.slow(a)
	may, paid := l.Bank.Withdraw(a.Ended, slow, payer)
	for _, p := range may {
		if p == payer && p != budget.Refused {
			l.owed, l.paid = true, paid
			return n
		}
	}
	return l.end(resilience.ReasonBudget)
}

// slow is whether the attempt was a slow failure: "if the attempt's time ran out, if the attempt
// took more than half of what it may take, or if its verdict is resilience.Overload". What it may
// take is the limit next to the loop, or what the call had left.
func (l *Loop) slow(a Attempt) bool {
	if !a.Dependency.Failure() {
		return false
	}
	limit := l.Limit
	if limit == 0 && !l.call.Deadline.IsZero() {
		limit = max(1, l.call.Deadline.Sub(a.Began))
	}
	return a.Dependency == resilience.Overload || a.RanOut || limit > 0 && a.Ended.Sub(a.Began) > limit/2
}

// Paused tells the loop how long the pause was, and that the next attempt begins.
func (l *Loop) Paused(d time.Duration) { l.pauses = append(l.pauses, d) }

// GaveUp says why the loop ends, whose ctx ended in a pause. The retry is not made, so its token
// goes back.
func (l *Loop) GaveUp(err error) Next {
	if l.owed {
		l.Bank.Refund(l.paid)
	}
	return l.end(ended(err))
}

func (l *Loop) end(r resilience.Reason) Next {
	l.owed = false
	return Next{Ends: true, Reason: r}
}

// ended is why a call ends whose ctx has ended.
func ended(ctxErr error) resilience.Reason {
	if errors.Is(ctxErr, context.Canceled) {
		return resilience.ReasonCanceled
	}
	return resilience.ReasonTooLate
}

// Attempts is how many attempts reached the dependency.
func (l *Loop) Attempts() int {
	n := 0
	for _, a := range l.attempts {
		if !a.Refused {
			n++
		}
	}
	return n
}
