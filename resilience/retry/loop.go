package retry

import (
	"context"
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/internal/lazyctx"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/slow"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// loop is the state of one call after its first attempt failed. It lives on the caller's stack.
type loop struct {
	*Policy
	caller   context.Context // what the first attempt ran under: it does not know of limit
	start    mono.Time
	attempts int                 // that reached the dependency
	err      error               // the dependency's last
	judged   resilience.Judgment // of err
	prev     time.Duration       // the last pause
	sent     bool                // an attempt may have reached the dependency
	doubt    bool                // and may have been carried out
	payment  budget.Payment      // for the current attempt
	owed     bool                // and that attempt has not begun: it is given back if it never does
	explores bool                // it goes on though that is unlikely to help
	patience patience            // with what is refused for now
	began    mono.Time           // when the current attempt began; 0 if the budget does not ask
	slow     bool                // the last attempt was a slow failure
}

// Again goes on where the first attempt ended with err. It is for this module's pipelines, which
// run that attempt themselves, under ctx: nobody else can say when a call and its first attempt
// began, and what limit of time it has that ctx does not know of. The attempts after it run under a
// ctx that ends by the limit as well.
func (p *Policy) Again(ctx context.Context, start, first mono.Began, limit *lazyctx.Later, op resilience.Func, err error) error {
	if p.unmade() != nil {
		return err
	}
	caller := ctx
	ctx = limit.CtxIfOver(ctx)
	j := p.assess(ctx, err)
	p.learn(0, false, j)
	doubt := doubtful(j, err) && !p.mayRepeat(ctx)
	waits := p.waitsFor(ctx, j, err)
	if !j.Retry.Retryable() && !waits && !doubt && !hidesEnd(ctx, j, err) && !p.turnedDown(ctx, err) {
		return err
	}
	ctx = limit.Ctx(ctx)
	l := loop{Policy: p, caller: caller, start: start.OrNow(), began: first.Time()}
	defer l.leave() // whatever panics: a jitter, an observer
	switch {
	case waits:
		l.judged = j
		if stop := l.refuse(ctx, err); stop != nil {
			return stop
		}
	case j.Retry.Retryable():
		l.took(j, err)
		l.attempts = 1 // an error that is worth a retry was an attempt, whatever it says of itself
		l.price(ctx)
	default:
		l.err = err
		if !resilience.Unasked(err) {
			l.took(j, err)
		}
		return l.stop(ctx, j, err)
	}
	for {
		if stop := l.decide(ctx, limit); stop != nil {
			return stop
		}
		l.owed = false
		l.clock()
		err := op(ctx)
		if err == nil {
			l.succeeded()
			return nil
		}
		if stop := l.failed(ctx, err); stop != nil {
			return stop
		}
	}
}

// decide decides about one more attempt, pays for it and waits for its time. It returns nil
// if the attempt is to be made, and else the final error.
func (l *loop) decide(ctx context.Context, limit *lazyctx.Later) error {
	if l.config.Patient {
		return l.decidePatiently(ctx, limit)
	}
	if stop := l.goesOn(ctx); stop != nil {
		return stop
	}
	if refusal := l.notReady(); refusal != nil {
		return l.giveUp(ctx, resilience.ReasonOf(refusal), refusal)
	}
	hint, stop := l.hint(ctx)
	if stop != nil {
		return stop
	}
	if !l.worthwhile() {
		return l.giveUp(ctx, resilience.ReasonUnlikely, nil)
	}
	delay, fits := l.pause(ctx, hint)
	if !fits {
		return l.giveUp(ctx, resilience.ReasonTooLate, nil)
	}
	if !l.pay(ctx) {
		return l.giveUp(ctx, resilience.ReasonBudget, nil)
	}
	l.observe(ctx, resilience.Event{
		Kind: resilience.EventRetry, Verdict: l.judged.Retry, Attempt: l.attempts, Delay: delay, Err: l.err,
	})
	if stop := l.sleep(ctx, limit, delay); stop != nil {
		return stop
	}
	l.prev = delay
	return nil
}

// goesOn returns the final error if the call is over, must not be repeated, or has used all its
// turns.
func (l *loop) goesOn(ctx context.Context) error {
	if over := l.over(ctx); over != nil {
		return l.giveUp(over, endReason(over), context.Cause(over))
	}
	if l.doubt && !l.mayRepeat(ctx) {
		return l.giveUp(ctx, resilience.ReasonOutcomeUnknown, nil)
	}
	if l.turns() > l.maxRetries {
		return l.giveUp(ctx, resilience.ReasonExhausted, nil)
	}
	return nil
}

// notReady returns why a stage inside would refuse an attempt now; nil if none would.
func (l *loop) notReady() error {
	for _, g := range l.gates {
		if refusal := g.Ready(); refusal != nil {
			return refusal
		}
	}
	return nil
}

// hint returns the pause that the dependency asked for, or the final error if that is too long.
func (l *loop) hint(ctx context.Context) (time.Duration, error) {
	hint := resilience.RetryAfter(l.err)
	if l.config.MaxRetryAfter >= 0 && hint > l.config.MaxRetryAfter {
		return 0, l.giveUp(ctx, resilience.ReasonRetryAfterTooLong, nil)
	}
	return hint, nil
}

// sleep waits for delay. It returns the final error if the call is over before that.
func (l *loop) sleep(ctx context.Context, limit *lazyctx.Later, delay time.Duration) error {
	sleep(l.caller, limit.Cut(delay)) // an observer may have taken its time
	over := l.over(ctx)
	if over == nil {
		return nil
	}
	l.settle()
	return l.giveUp(over, endReason(over), context.Cause(over))
}

// over returns the ctx by whose end the call is over, nil if it is not. A ctx that is derived from
// the caller's may hear of its end a moment after the loop, which waits for the caller's itself.
func (l *loop) over(ctx context.Context) context.Context {
	if ctx.Err() == nil {
		ctx = l.caller
	}
	if ctx.Err() == nil {
		return nil
	}
	return ctx
}

// hidesEnd reports whether the caller gave up, and the first attempt's err does not say so.
func hidesEnd(ctx context.Context, j resilience.Judgment, err error) bool {
	return j.Retry == resilience.Canceled && !foreign.Same(resilience.Ended(ctx, j, err), err)
}

// turnedDown reports whether RetryIf said no of an err that says by itself that it is worth a
// retry: as it is, it would be retried further out, and nobody could tell why this loop ended.
func (p *Policy) turnedDown(ctx context.Context, err error) bool {
	return p.config.RetryIf != nil && resilience.Assess(ctx, p.classify, err).Retry.Retryable()
}

// mayRepeat reports whether a call may be made again that may have been carried out.
func (p *Policy) mayRepeat(ctx context.Context) bool {
	switch resilience.RepetitionOf(ctx) {
	case resilience.Idempotent:
		return true
	case resilience.Once:
		return false
	default:
		return !p.config.OnlyUnsent
	}
}

// doubtful reports whether an attempt that ended with err may have been carried out: unless it was
// not sent, or somebody has said that err is an answer.
func doubtful(j resilience.Judgment, err error) bool {
	return j.Dependency != resilience.Permanent && !resilience.Unsent(err)
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

// clock reads the clock before an attempt, if the budget asks how long it takes.
func (l *loop) clock() {
	l.began = 0
	if l.budget != nil && l.budget.PricesSlow() {
		l.began = mono.Now()
	}
}

// price finds out what the next attempt costs, from how the last one failed. An attempt may take as
// long as the deadline inside the loop says; without one, what was left of the call's time.
func (l *loop) price(ctx context.Context) {
	l.slow = false
	if l.budget == nil || !l.budget.PricesSlow() {
		return
	}
	var took, limit time.Duration
	if l.began != 0 {
		now := mono.Now()
		took, limit = time.Duration(now-l.began), l.limit
		if deadline, ok := ctx.Deadline(); ok && limit == 0 {
			left := min(mono.Left(deadline, now), math.MaxInt64/2) // their sum must not overflow
			limit = max(1, took+left)                              // 0 would be no limit
		}
	}
	l.slow = l.budget.Slow() || slow.Failure(l.judged, l.err, took, limit)
}

// pay takes the price of the next attempt, and reports whether it may be made.
func (l *loop) pay(ctx context.Context) bool {
	if l.budget == nil {
		return true
	}
	if l.slow {
		l.payment = l.budget.WithdrawSlow()
	} else {
		l.payment = l.budget.Withdraw()
	}
	l.owed = true
	if l.payment.Payer == budget.InShadow {
		l.observe(ctx, resilience.Event{
			Kind: resilience.EventShadow, Verdict: l.judged.Retry, Reason: resilience.ReasonBudget,
			Attempt: l.attempts, Err: l.err,
		})
	}
	return l.payment.Allowed()
}

// succeeded takes note of an attempt that succeeded, which may be the first that was let through.
func (l *loop) succeeded() {
	if l.attempts == 0 {
		l.Succeeded(mono.At(l.began))
		return
	}
	l.earned()
	l.learner.note(l.attempts, true, l.explores)
}

// settle gives back what was paid for an attempt that was never made.
func (l *loop) settle() {
	if l.owed {
		l.owed = false
		l.budget.Refund(l.payment)
	}
}

// earned tells the budget that the current attempt, a retry, has succeeded.
func (l *loop) earned() {
	if l.budget != nil {
		l.budget.RetrySucceeded(mono.At(l.began), l.payment)
	}
}

// failed takes note of another attempt's error. It returns nil if the loop goes on, and else
// the final error.
func (l *loop) failed(ctx context.Context, err error) error {
	j := l.assess(ctx, err)
	l.learn(l.attempts, l.explores, j)
	if !j.Retry.Retryable() && resilience.Unasked(err) {
		l.owed = l.budget != nil // the dependency never saw this attempt
		l.settle()
		if l.waitsFor(ctx, j, err) {
			return l.refuse(ctx, err)
		}
	} else {
		l.took(j, err)
		l.price(ctx)
	}
	if j.Retry.Retryable() {
		return nil
	}
	return l.stop(ctx, j, err)
}

// took takes note of an attempt that reached the dependency, as far as anybody knows.
func (l *loop) took(j resilience.Judgment, err error) {
	l.attempts++
	l.patience.refusal = nil
	l.err, l.judged = err, j
	l.sent = l.sent || !resilience.Unsent(err)
	l.doubt = l.doubt || doubtful(j, err)
}

// stop ends a loop whose last attempt ended with err, which is not to be retried.
func (l *loop) stop(ctx context.Context, j resilience.Judgment, err error) error {
	switch {
	case j.Retry == resilience.Canceled:
		return l.giveUp(ctx, resilience.ReasonCanceled, context.Cause(ctx))
	case j.Retry == resilience.Rejected: // by a stage, or by a loop further in after it had asked
		return l.refused(ctx, err)
	case l.doubt && !l.mayRepeat(ctx), foreign.Is(err, resilience.ErrOutcomeUnknown): // an adapter's word, or our own
		return l.giveUp(ctx, resilience.ReasonOutcomeUnknown, nil)
	case j.Retry == resilience.Unclassified:
		return l.giveUp(ctx, resilience.ReasonUnclassified, nil)
	}
	return l.giveUp(ctx, resilience.ReasonPermanent, nil)
}

// giveUp ends the loop for a reason of its own. But if it waited for what was refused, and may not
// go on waiting, then that is the reason.
func (l *loop) giveUp(ctx context.Context, reason resilience.Reason, cause error) error {
	if refusal := l.patience.refusal; refusal != nil && ctx.Err() == nil {
		switch reason {
		case resilience.ReasonExhausted, resilience.ReasonTooLate:
			return l.refusedForGood(ctx, refusal)
		default: // it would have stopped here anyway
		}
	}
	return l.finish(ctx, l.judged.Retry, reason, cause)
}

func (l *loop) refused(ctx context.Context, cause error) error {
	verdict, reason := resilience.Rejected, resilience.ReasonOf(cause)
	if reason == resilience.ReasonTooLate && ctx.Err() != nil { // no stage refused: the time ran out while the call waited for one
		verdict, cause = l.judged.Retry, context.Cause(ctx)
	}
	return l.finish(ctx, verdict, reason, cause)
}

// finish builds and reports the final error. verdict is the last attempt's.
func (l *loop) finish(ctx context.Context, verdict resilience.Verdict, reason resilience.Reason, cause error) error {
	e := &Error{
		Pipeline: l.pipeline, Reason: reason, Attempts: l.attempts, Waits: l.patience.passed, Elapsed: mono.Since(l.start),
		Err: l.err, Cause: cause, judged: l.judged, ended: ctx.Err(),
		sent: l.sent, doubt: l.doubt && !l.mayRepeat(ctx),
	}
	if l.attempts == 0 && e.Err == nil {
		e.Err = e.ended
	}
	l.observe(ctx, resilience.Event{
		Kind: resilience.EventGiveUp, Verdict: verdict, Reason: reason, Attempts: l.attempts, Elapsed: e.Elapsed, Err: e,
	})
	return e
}

// endReason says why a ctx ended. Err of a ctx of somebody's own may wrap the two errors that it
// documents. Whatever is no cancel ran out, as in resilience.Assess.
func endReason(ctx context.Context) resilience.Reason {
	if foreign.Is(ctx.Err(), context.Canceled) {
		return resilience.ReasonCanceled
	}
	return resilience.ReasonTooLate
}
