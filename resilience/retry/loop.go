package retry

import (
	"context"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// loop is the state of one call after its first attempt failed. It lives on the caller's stack.
type loop struct {
	*Policy
	budget   *budget.Budget
	start    mono.Mark
	attempts int                // that reached the dependency
	err      error              // the dependency's last
	verdict  resilience.Verdict // of err
	prev     time.Duration      // the last pause
	paid     bool               // a token was taken for the current attempt
	owed     bool               // and that attempt has not begun: to be given back if it never does
	explores bool               // it goes on though that is unlikely to help
}

// again goes on where the first attempt ended with err.
func (p *Policy) again(ctx context.Context, start *mono.Mark, op resilience.Func, err error) error {
	verdict := p.verdict(err)
	p.learn(ctx, 0, false, verdict, err)
	if !verdict.Failure() {
		return err
	}
	began := *start
	if began.IsZero() {
		began = mono.MarkNow()
	}
	l := loop{Policy: p, budget: p.budget, start: began, attempts: 1, err: err, verdict: verdict}
	if l.budget == nil {
		l.budget = budget.ForRetry(ctx)
	}
	defer l.settle() // whatever panics: a jitter, an observer
	for {
		if stop := l.decide(ctx); stop != nil {
			return stop
		}
		l.owed = false
		err := op(ctx)
		if err == nil {
			l.learner.note(l.attempts, true, l.explores)
			return nil
		}
		if stop := l.failed(ctx, err); stop != nil {
			return stop
		}
	}
}

// decide decides about one more attempt, pays for it and waits for its time. It returns nil
// if the attempt is to be made, and else the final error.
func (l *loop) decide(ctx context.Context) error {
	if ctx.Err() != nil {
		return l.giveUp(ctx, endReason(ctx), context.Cause(ctx))
	}
	if l.attempts > l.maxRetries {
		return l.giveUp(ctx, resilience.ReasonExhausted, nil)
	}
	for _, g := range l.gates {
		if refusal := g.Ready(); refusal != nil {
			return l.giveUp(ctx, resilience.ReasonOf(refusal), refusal)
		}
	}
	hint := resilience.RetryAfter(l.err)
	if l.config.MaxRetryAfter >= 0 && hint > l.config.MaxRetryAfter {
		return l.giveUp(ctx, resilience.ReasonRetryAfterTooLong, nil)
	}
	if !l.worthwhile() {
		return l.giveUp(ctx, resilience.ReasonUnlikely, nil)
	}
	delay := l.pause(l.attempts-1, l.prev, hint)
	if deadline, ok := ctx.Deadline(); ok && delay >= time.Until(deadline)-l.config.MinAttempt {
		return l.giveUp(ctx, resilience.ReasonTooLate, nil)
	}
	if !l.pay(ctx) {
		return l.giveUp(ctx, resilience.ReasonBudget, nil)
	}
	l.observe(ctx, resilience.Event{
		Kind: resilience.EventRetry, Verdict: l.verdict, Attempt: l.attempts, Delay: delay, Err: l.err,
	})
	sleep(ctx, delay)
	if ctx.Err() != nil {
		l.settle()
		return l.giveUp(ctx, endReason(ctx), context.Cause(ctx))
	}
	l.prev = delay
	return nil
}

// worthwhile reports whether another attempt is likely enough to help, or is to be made to
// find that out.
func (l *loop) worthwhile() bool {
	if l.learner == nil || l.explores || !l.learner.unlikely(l.attempts, l.maxRetries) {
		return true
	}
	l.explores = l.learner.explore()
	return l.explores
}

// pay takes a token for the next attempt, and reports whether it may be made.
func (l *loop) pay(ctx context.Context) bool {
	if l.budget == nil {
		return true
	}
	payment := l.budget.Withdraw()
	l.paid = payment == budget.FromBank || payment == budget.FromFloor
	l.owed = l.paid
	if payment == budget.InShadow {
		l.observe(ctx, resilience.Event{
			Kind: resilience.EventShadow, Verdict: l.verdict, Reason: resilience.ReasonBudget,
			Attempt: l.attempts, Err: l.err,
		})
	}
	return payment != budget.Refused
}

// settle gives back the token of an attempt that was never made.
func (l *loop) settle() {
	if l.owed {
		l.owed = false
		l.budget.Refund()
	}
}

// failed takes note of another attempt's error. It returns nil if the loop goes on, and else
// the final error.
func (l *loop) failed(ctx context.Context, err error) error {
	verdict := l.Policy.verdict(err)
	l.learn(ctx, l.attempts, l.explores, verdict, err)
	if (verdict == resilience.Rejected || verdict == resilience.Canceled) && resilience.Unasked(err) {
		l.owed = l.paid // the dependency never saw this attempt
		l.settle()
		if verdict == resilience.Canceled {
			return l.giveUp(ctx, resilience.ReasonCanceled, context.Cause(ctx))
		}
		return l.refused(ctx, err)
	}
	l.attempts++
	l.err, l.verdict = err, verdict
	switch {
	case verdict.Failure():
		return nil
	case verdict == resilience.Canceled:
		return l.giveUp(ctx, resilience.ReasonCanceled, context.Cause(ctx))
	case verdict == resilience.Rejected: // by a loop further in, after it had asked
		return l.refused(ctx, err)
	}
	return l.giveUp(ctx, resilience.ReasonPermanent, nil)
}

func (l *loop) giveUp(ctx context.Context, reason resilience.Reason, cause error) error {
	return l.finish(ctx, l.verdict, reason, cause)
}

func (l *loop) refused(ctx context.Context, cause error) error {
	return l.finish(ctx, resilience.Rejected, resilience.ReasonOf(cause), cause)
}

// finish builds and reports the final error. verdict is the last attempt's.
func (l *loop) finish(ctx context.Context, verdict resilience.Verdict, reason resilience.Reason, cause error) error {
	e := &Error{
		Pipeline: l.pipeline, Reason: reason, Attempts: l.attempts, Elapsed: l.start.Elapsed(),
		Err: l.err, Cause: cause, verdict: l.verdict,
	}
	l.observe(ctx, resilience.Event{
		Kind: resilience.EventGiveUp, Verdict: verdict, Reason: reason, Attempt: l.attempts, Elapsed: e.Elapsed, Err: e,
	})
	return e
}

// endReason says why a ctx ended.
func endReason(ctx context.Context) resilience.Reason {
	if ctx.Err() == context.DeadlineExceeded { //nolint:errorlint // Err documents these very values
		return resilience.ReasonTooLate
	}
	return resilience.ReasonCanceled
}
