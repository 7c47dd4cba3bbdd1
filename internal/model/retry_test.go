package model_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/model"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var errCanceled, errTimeout = context.Canceled, context.DeadlineExceeded

// outcome is how a call ended.
type outcome struct {
	began, ended time.Time
	deadline     time.Time // zero: none
	callers      time.Time // the deadline of the caller's ctx, likewise
	own          bool      // a deadline of the pipeline's own is the one that counts
	canceled     time.Time // zero: never
	unnoticed    bool      // the deadline passed before canceled, and nobody looked in between
	err          error
	panicked     bool
	atEnd        budget.Stats
}

// tied reports whether the call and its ctx ended at the same nanosecond: which was first is
// chance.
func (o outcome) tied() bool { return o.ended.Equal(o.deadline) }

// ending is how the call's ctx had ended by t.
func (o outcome) ending(t time.Time) model.Ending {
	canceled := !o.canceled.IsZero() && !t.Before(o.canceled)
	switch {
	case canceled && (o.deadline.IsZero() || o.canceled.Before(o.deadline) || o.unnoticed):
		return model.Canceled
	case !o.deadline.IsZero() && !t.Before(o.deadline):
		return model.RanOut
	}
	return model.Lives
}

// makeCall makes one call.
func (l *retryLoop) makeCall(c retryCall) (o outcome) {
	time.Sleep(c.Wait)
	l.call, l.attempts, l.shut, l.stepsLeft, l.events = c, nil, false, c.Attempts, nil
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.began = time.Now()
	if c.Timeout > 0 {
		o.deadline = o.began.Add(c.Timeout)
		o.callers = o.deadline
		cause := error(nil)
		if c.Cause {
			cause = errCause
		}
		var stop context.CancelFunc
		ctx, stop = context.WithDeadlineCause(ctx, o.deadline, cause)
		defer stop()
	}
	switch {
	case c.Cancel < 0:
		o.canceled = o.began
		cancel()
	case c.Cancel > 0:
		o.canceled = o.began.Add(c.Cancel)
		defer time.AfterFunc(c.Cancel, cancel).Stop()
	}
	if s := l.setup; s.Outer > 0 && (o.deadline.IsZero() || o.began.Add(s.Outer).Before(o.deadline)) {
		o.deadline, o.own = o.began.Add(s.Outer), true
	}
	switch c.Mark {
	case "once":
		ctx = resilience.MarkOnce(ctx)
	case "idempotent":
		ctx = resilience.MarkIdempotent(ctx)
	}
	defer func() {
		if p := recover(); p != nil {
			if p != any(errPlain) {
				panic(p)
			}
			o.panicked = true
		}
		o.ended, o.atEnd = time.Now(), l.stats()
		// Which came first is not known where no Done was asked for: then the caller goes first.
		o.unnoticed = o.own && len(l.attempts) > 0 && o.deadline.Before(o.canceled) && errors.Is(l.last().ctxErr, errCanceled)
	}()
	o.err = l.do(ctx, l.op)
	return o
}

// payer is who paid between two looks at a budget's counts.
func payer(before, after budget.Stats) budget.Payer {
	switch {
	case after.Withdrawals > before.Withdrawals:
		return budget.FromBank
	case after.FloorPaid > before.FloorPaid:
		return budget.FromFloor
	case after.ShadowRefused > before.ShadowRefused:
		return budget.InShadow
	}
	return budget.Refused
}

// answer is what came of an attempt.
func (a seen) answer() model.Answer {
	switch {
	case a.refused:
		return model.Rejects
	case a.cut:
		return model.Unknown
	}
	return a.step.Answer
}

// told is an attempt in the model's words.
func (l *retryLoop) told(o outcome, a seen) model.Attempt {
	t := model.Attempt{
		Began: a.began, Ended: a.ended, RefusedFor: resilience.ReasonRejected,
		CtxEnded: o.ending(a.ended) != model.Lives, GateShut: a.step.Gate,
	}
	answer := a.answer()
	j := l.assess(o, a)
	t.Verdict, t.Dependency = j.Retry, j.Dependency
	var timeout interface{ Timeout() bool }
	t.RanOut = errors.Is(a.ctxErr, errTimeout) || errors.Is(a.err, errTimeout) || errors.As(a.err, &timeout) && timeout.Timeout()
	t.NoRetry = answer == model.NoRetry
	t.Unsent = answer == model.Dial
	t.Refused = answer == model.Rejects
	if model.Hinted(answer) {
		t.Hint = a.step.Hint
	}
	if stopped := (*retry.Error)(nil); a.ended.Equal(o.deadline) && errors.As(o.err, &stopped) {
		t.CtxEnded = stopped.Reason == resilience.ReasonTooLate
	}
	t.RetryIf = l.twin.Config.RetryIf != nil && l.twin.Config.RetryIf(a.err)
	return t
}

// assess judges an attempt as the loop has to, under the call's ctx.
func (l *retryLoop) assess(o outcome, a seen) resilience.Judgment {
	ctx := o.ending(a.ended)
	if ctx == model.Lives && a.ctxErr != nil {
		ctx = model.RanOut // the attempt's own limit
	}
	return model.Assess(a.answer(), a.step.Hint, ctx, l.setup.Classified)
}

// alone judges an attempt under its own ctx, as who looks at attempts has to.
func (l *retryLoop) alone(a seen) resilience.Verdict {
	ctx := map[error]model.Ending{nil: model.Lives, errCanceled: model.Canceled, errTimeout: model.RanOut}[a.ctxErr]
	return model.Assess(a.answer(), a.step.Hint, ctx, l.setup.Classified).Dependency
}

// compare goes through what was seen, and asks the model at each step what has to come next.
func (l *retryLoop) compare(o outcome) error {
	call := model.Call{Began: o.began, Deadline: o.deadline, OnlyUnsent: l.setup.Config.OnlyUnsent}
	switch l.call.Mark {
	case "once":
		call.OnlyUnsent = true
	case "idempotent":
		call.OnlyUnsent = false
	}
	switch o.ending(o.began) {
	case model.Canceled:
		call.Ended = context.Canceled
	case model.RanOut:
		call.Ended = context.DeadlineExceeded
	}
	is := resilience.ReasonNone
	if o.err != nil {
		is = resilience.ReasonOf(o.err)
	}
	next := l.twin.Begin(call)
	at := o.began
	for i, a := range l.attempts {
		if !next.Again {
			return fmt.Errorf("attempt %d is made; the model ends before it, for %v", i+1, next.Reason)
		}
		pause := a.began.Sub(at)
		if !next.Pause.Has(pause) {
			return fmt.Errorf("before attempt %d: %w", i+1, differ("pause", pause, next.Pause))
		}
		if i > 0 {
			l.twin.Paused(pause)
		}
		at = a.ended
		if o.panicked && i == len(l.attempts)-1 {
			return l.compareTokens(o)
		}
		did := model.Did{Reason: is, Payer: payer(a.atEnd, o.atEnd)}
		if i < len(l.attempts)-1 {
			did = model.Did{Payer: payer(a.atEnd, l.attempts[i+1].atBegin)}
		}
		next = l.twin.After(l.told(o, a), did)
	}
	if next.Again && !(next.Ends && next.Reason == is) {
		if by := o.ending(o.ended); by != model.Canceled || o.ended.Sub(at) > next.Pause.Most || o.canceled.Before(at) {
			return fmt.Errorf("it ends after attempt %d (%w); the model goes on after %+v", len(l.attempts), o.err, next.Pause)
		}
		next = l.twin.GaveUp(context.Canceled)
		at = o.canceled
	}
	if !o.ended.Equal(at) {
		return differ("time of the end", o.ended.Sub(o.began), at.Sub(o.began))
	}
	return errors.Join(l.compareEnd(o, next.Reason), l.compareTokens(o))
}

func (l *retryLoop) compareTokens(o outcome) error {
	if l.bank != nil && o.atEnd != l.twin.Bank.Stats() {
		return differ("budget", o.atEnd, l.twin.Bank.Stats())
	}
	return nil
}

func TestRetryIsWhatItsDocumentationSays(t *testing.T) {
	ends := map[resilience.Reason]int{}
	live := func(e episode[retrySetup, retryCall], done *int) error { return liveRetry(e, done, ends) }
	experiment[retrySetup, retryCall]{operations: 150_000, generate: generateRetry, live: live}.run(t)
	for _, r := range []resilience.Reason{
		resilience.ReasonNone, resilience.ReasonExhausted, resilience.ReasonBudget, resilience.ReasonTooLate,
		resilience.ReasonCanceled, resilience.ReasonPermanent, resilience.ReasonRetryAfterTooLong, resilience.ReasonRejected,
		resilience.ReasonUnclassified, resilience.ReasonOutcomeUnknown,
	} {
		require.Greater(t, ends[r], suite.Tries(100), "the operations come to every end; %v: %v", r, ends)
	}
}

func liveRetry(e episode[retrySetup, retryCall], done *int, ends map[resilience.Reason]int) error {
	l, err := newRetryLoop(e.setup)
	if err != nil {
		return err
	}
	for i, c := range e.ops {
		o := l.makeCall(c)
		*done += 1 + len(l.attempts)
		ends[resilience.ReasonOf(o.err)]++
		if err := l.compare(o); err != nil {
			return fmt.Errorf("call %d, %v: %w", i, c, err)
		}
	}
	return nil
}
