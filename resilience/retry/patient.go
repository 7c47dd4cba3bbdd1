package retry

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/internal/lazyctx"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// patience is how a Patient loop waits for what was refused to it: a retry by the budget, an
// attempt by a stage inside.
type patience struct {
	refusal error // why the last turn passed without an attempt; nil if it did not
	passed  int   // turns without an attempt
	queued  bool  // the call counts in waiting
}

// waiting counts the calls of a policy that wait.
type waiting struct{ calls atomic.Int64 }

// join adds a call, unless limit are waiting already. A limit of 0 is none.
func (w *waiting) join(limit int) bool {
	if w == nil {
		return true
	}
	if n := w.calls.Add(1); limit > 0 && n > int64(limit) {
		w.calls.Add(-1)
		return false
	}
	return true
}

func (w *waiting) leave() {
	if w != nil {
		w.calls.Add(-1)
	}
}

// turns is how many turns the call has used: attempts, and pauses in the place of one.
func (l *loop) turns() int { return l.attempts + l.patience.passed }

// decidePatiently is decide for a loop that is Patient: it pauses first, and then asks whether an
// attempt may be made. If not, it pauses again, as after an attempt that failed.
func (l *loop) decidePatiently(ctx context.Context, limit *lazyctx.Later) error {
	paused := time.Duration(0)
	for {
		delay, stop := l.nextPause(ctx)
		if stop != nil {
			return stop
		}
		if l.patience.refusal != nil {
			l.observe(ctx, resilience.Event{
				Kind: resilience.EventWait, Verdict: l.judged.Retry, Reason: reasonOf(l.patience.refusal),
				Attempt: l.attempts, Delay: delay, Err: l.patience.refusal,
			})
		}
		if stop := l.sleep(ctx, limit, delay); stop != nil {
			return stop
		}
		paused += delay
		refusal := l.notReady()
		if refusal == nil && !l.payAgain(ctx) {
			refusal = budget.ErrExhausted
		}
		if refusal == nil {
			if l.attempts > 0 {
				l.observe(ctx, resilience.Event{
					Kind: resilience.EventRetry, Verdict: l.judged.Retry, Attempt: l.attempts, Delay: paused, Err: l.err,
				})
			}
			return nil
		}
		if stop := l.refuse(ctx, refusal); stop != nil {
			return stop
		}
	}
}

// nextPause returns how long to pause before the loop asks again, or the final error.
func (l *loop) nextPause(ctx context.Context) (time.Duration, error) {
	refusal := l.patience.refusal
	if refusal != nil {
		l.patience.passed++
	}
	if stop := l.goesOn(ctx); stop != nil {
		return 0, stop
	}
	hint, stop := l.hint(ctx)
	switch {
	case stop != nil:
		return 0, stop
	case refusal != nil:
		hint = resilience.RetryAfter(refusal)
	case !l.worthwhile():
		return 0, l.giveUp(ctx, resilience.ReasonUnlikely, nil)
	}
	delay, fits := l.pause(ctx, hint)
	if !fits {
		return 0, l.giveUp(ctx, resilience.ReasonTooLate, nil)
	}
	l.prev = delay
	return delay, nil
}

// payAgain is pay for an attempt that may be the call's first, which costs nothing.
func (l *loop) payAgain(ctx context.Context) bool { return l.attempts == 0 || l.pay(ctx) }

// refuse takes note of a refusal, after which the loop pauses and asks again. It returns the final
// error if the call must not wait: since the refusal lasts, or too many calls wait.
func (l *loop) refuse(ctx context.Context, refusal error) error {
	l.patience.refusal = refusal
	if lasts(refusal) {
		return l.refusedForGood(ctx, refusal)
	}
	if l.patience.queued {
		return nil
	}
	if !l.waiting.join(l.config.QueueLimit) {
		return l.refusedForGood(ctx, refusal)
	}
	l.patience.queued = true
	return nil
}

// refusedForGood ends a loop that waits no longer.
func (l *loop) refusedForGood(ctx context.Context, refusal error) error {
	if l.attempts == 0 {
		l.err = refusal
	}
	if refusal == budget.ErrExhausted { //nolint:errorlint // identity: set by decidePatiently
		return l.finish(ctx, l.judged.Retry, resilience.ReasonBudget, nil)
	}
	return l.finish(ctx, resilience.Rejected, resilience.ReasonOf(refusal), refusal)
}

// reasonOf returns the reason of a refusal.
func reasonOf(refusal error) resilience.Reason {
	if refusal == budget.ErrExhausted { //nolint:errorlint // identity: set by decidePatiently
		return resilience.ReasonBudget
	}
	return resilience.ReasonOf(refusal)
}

// leave ends what a loop has begun and its end left open.
func (l *loop) leave() {
	l.settle()
	if l.patience.queued {
		l.patience.queued = false
		l.waiting.leave()
	}
}

// waitsFor reports whether the loop is Patient and err, which ended an attempt, a refusal that may
// be none a moment later: the breaker opens again, a place comes free.
func (p *Policy) waitsFor(ctx context.Context, j resilience.Judgment, err error) bool {
	if !p.config.Patient || j.Retry != resilience.Rejected || ctx.Err() != nil || !resilience.Unasked(err) || lasts(err) {
		return false
	}
	switch reasonOf(err) {
	case resilience.ReasonBreakerOpen, resilience.ReasonBulkheadFull, resilience.ReasonRateLimited:
		return true
	default:
		return false
	}
}

// lasts reports whether err says that it will be so until somebody changes it by hand.
func lasts(err error) bool {
	lasts, _ := foreign.Ask(err, lasting.Lasts)
	return lasts
}

type lasting interface {
	error
	Lasts() bool
}
