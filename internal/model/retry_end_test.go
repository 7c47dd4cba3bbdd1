package model_test

import (
	"context"
	"errors"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// sentinels of the reasons.
var sentinels = map[resilience.Reason]error{
	resilience.ReasonExhausted: retry.ErrExhausted, resilience.ReasonBudget: budget.ErrExhausted,
	resilience.ReasonTooLate: deadline.ErrTooLate, resilience.ReasonCanceled: retry.ErrCanceled,
	resilience.ReasonPermanent: retry.ErrNotRetryable, resilience.ReasonRetryAfterTooLong: retry.ErrRetryAfterTooLong,
	resilience.ReasonUnclassified: retry.ErrUnclassified, resilience.ReasonOutcomeUnknown: resilience.ErrOutcomeUnknown,
}

// untouched reports whether the op's own error comes back as it is: the first attempt ended the
// call by what it was, and not by what kept the loop from another.
func (l *retryLoop) untouched(o outcome, why resilience.Reason) bool {
	if len(l.attempts) != 1 {
		return false
	}
	a := l.attempts[0]
	switch verdict := l.assess(o, a).Retry; why {
	case resilience.ReasonRejected:
		return a.refused || verdict == resilience.Rejected
	case resilience.ReasonPermanent, resilience.ReasonUnclassified: // not one that RetryIf turned down
		return verdict == resilience.Permanent || verdict == resilience.Unclassified
	case resilience.ReasonCanceled:
		return verdict == resilience.Canceled && errors.Is(a.err, errCanceled) && !errors.Is(a.ctxErr, errTimeout) && !l.twin.InDoubt()
	}
	return false
}

// compareEnd compares the final error, and what observers were told.
func (l *retryLoop) compareEnd(o outcome, why resilience.Reason) error {
	if (o.err == nil) != (why == resilience.ReasonNone) {
		return differ("end", o.err, why)
	}
	if is := errors.Is(o.err, resilience.ErrOutcomeUnknown); is != l.twin.InDoubt() {
		return differ("outcome unknown", is, l.twin.InDoubt())
	}
	var stopped *retry.Error
	untouched := l.untouched(o, why)
	switch isError := errors.As(o.err, &stopped); {
	case o.err == nil:
	case isError == untouched:
		return differ("an *Error", isError, !untouched)
	case isError:
		if err := l.compareError(o, why, stopped); err != nil {
			return err
		}
	}
	if again := l.furtherOut(o); again.Retryable() {
		switch o.forTheCaller(why) {
		case resilience.ReasonExhausted, resilience.ReasonTooLate:
		case resilience.ReasonCanceled: // to one whose ctx lives, it was somebody else's cancel
		default:
			return differ("retryable further out", again, why)
		}
		if l.twin.InDoubt() {
			return differ("retryable further out", again, "in doubt")
		}
	}
	if l.setup.Form == "observed" {
		return l.compareEvents(o, why)
	}
	return nil
}

// furtherOut is the verdict of a loop around this one.
func (l *retryLoop) furtherOut(o outcome) resilience.Verdict {
	if !l.setup.Classified {
		return resilience.Assess(context.Background(), nil, o.err).Retry
	}
	return resilience.Assess(context.Background(), classifier(), o.err).Retry
}

// forTheCaller is why the whole call ended. The caller may have left after the pipeline's own
// deadline, which is what the loop sees, and before the op returned.
func (o outcome) forTheCaller(why resilience.Reason) resilience.Reason {
	left := !o.canceled.IsZero() && !o.ended.Before(o.canceled) && (o.callers.IsZero() || o.canceled.Before(o.callers))
	if o.err != nil && o.own && left {
		return resilience.ReasonCanceled
	}
	return why
}

func (l *retryLoop) compareError(o outcome, why resilience.Reason, e *retry.Error) error {
	if e.Reason != why {
		return differ("reason", e.Reason, why)
	}
	if is, want := resilience.ReasonOf(o.err), o.forTheCaller(why); is != want && !o.tied() {
		return differ("ReasonOf", is, want)
	}
	if sentinel := sentinels[why]; sentinel != nil && !errors.Is(o.err, sentinel) {
		return differ("errors.Is the reason's sentinel", o.err, sentinel)
	}
	if e.Attempts != l.twin.Attempts() {
		return differ("attempts", e.Attempts, l.twin.Attempts())
	}
	if is, want := e.Unasked(), l.twin.Attempts() == 0; is != want {
		return differ("unasked", is, want)
	}
	if err := l.compareLast(o, why, e); err != nil {
		return err
	}
	return l.compareElapsed(o, e)
}

// compareLast compares what the error says of the last attempt.
func (l *retryLoop) compareLast(o outcome, why resilience.Reason, e *retry.Error) error {
	dependency, retryAgain, unsent := resilience.Canceled, resilience.Rejected, true
	for i, a := range l.attempts {
		if told := l.told(o, a); !told.Refused {
			judged := l.assess(o, a)
			dependency, retryAgain = judged.Dependency, judged.Retry
			unsent = unsent && told.Unsent
			if i == len(l.attempts)-1 && a.err != nil && !errors.Is(o.err, a.err) {
				return differ("the last error", o.err, a.err)
			}
		}
	}
	if is := e.DependencyVerdict(); is != dependency {
		return differ("verdict on the dependency", is, dependency)
	}
	switch why {
	case resilience.ReasonCanceled:
		retryAgain = resilience.Canceled
	case resilience.ReasonBudget, resilience.ReasonRetryAfterTooLong, resilience.ReasonRejected:
		retryAgain = resilience.Rejected
	case resilience.ReasonTooLate, resilience.ReasonExhausted:
		if len(l.attempts) > 0 {
			retryAgain = retriedAs(retryAgain)
		}
	case resilience.ReasonOutcomeUnknown, resilience.ReasonPermanent:
		retryAgain = resilience.Permanent
	}
	if l.twin.InDoubt() && why != resilience.ReasonCanceled {
		retryAgain = resilience.Permanent
	}
	noRetry := l.twin.InDoubt() || len(l.attempts) > 0 && l.told(o, *l.last()).NoRetry
	if is := e.NoRetry(); is != noRetry {
		return differ("no retry", is, noRetry)
	}
	if is := e.Verdict(); is != retryAgain {
		return differ("verdict for a loop further out", is, retryAgain)
	}
	if is := e.Unsent(); is != unsent {
		return differ("unsent", is, unsent)
	}
	return nil
}

// compareElapsed: from when the call began, or from the end of the first attempt where nobody
// needed to know.
func (l *retryLoop) compareElapsed(o outcome, e *retry.Error) error {
	whole := o.ended.Sub(o.began)
	less := whole
	if len(l.attempts) > 0 {
		less = o.ended.Sub(l.attempts[0].ended)
	}
	known := l.setup.Form == "observed" || l.setup.Form == "pipeline" && (o.own || o.deadline.IsZero())
	switch {
	case known && e.Elapsed != whole:
		return differ("elapsed since the call began", e.Elapsed, whole)
	case l.setup.Form == "bare" && e.Elapsed != less:
		return differ("elapsed since the first attempt", e.Elapsed, less)
	case e.Elapsed != whole && e.Elapsed != less:
		return differ("elapsed", e.Elapsed, []time.Duration{less, whole})
	}
	return nil
}

// compareEvents compares the events of attempts, retries, the end of the loop and of the call.
func (l *retryLoop) compareEvents(o outcome, why resilience.Reason) error {
	var want []resilience.Event
	n := 0
	for i, a := range l.attempts {
		if told := l.told(o, a); told.Refused && a.refused {
			continue
		}
		n++
		want = append(want, resilience.Event{
			Kind: resilience.EventAttempt, Attempt: n, Verdict: l.alone(a), Elapsed: a.ended.Sub(a.began),
		})
		if i < len(l.attempts)-1 {
			want = append(want, resilience.Event{
				Kind: resilience.EventRetry, Attempt: n, Verdict: retriedAs(l.assess(o, a).Retry), Delay: l.attempts[i+1].began.Sub(a.ended),
			})
		}
	}
	if why == resilience.ReasonCanceled && len(l.attempts) > 0 && o.ended.After(l.attempts[len(l.attempts)-1].ended) {
		want = append(want, resilience.Event{Kind: resilience.EventRetry, Attempt: n, Delay: -1})
	}
	if stopped := (*retry.Error)(nil); errors.As(o.err, &stopped) {
		want = append(want, resilience.Event{Kind: resilience.EventGiveUp, Attempts: l.twin.Attempts(), Reason: why})
	}
	want = append(want, resilience.Event{Kind: resilience.EventCall, Attempts: n, Reason: o.forTheCaller(why), Elapsed: o.ended.Sub(o.began)})
	if len(l.events) != len(want) {
		return differ("events", short(l.events), short(want))
	}
	for i, w := range want {
		is := l.events[i]
		same := is.Kind == w.Kind && is.Attempt == w.Attempt && is.Attempts == w.Attempts && (is.Reason == w.Reason || l.alsoTooLate(o, is, w))
		switch w.Kind {
		case resilience.EventAttempt:
			same = same && is.Verdict == w.Verdict && is.Elapsed == w.Elapsed
		case resilience.EventRetry:
			same = same && (w.Delay < 0 || is.Verdict == w.Verdict && is.Delay == w.Delay)
		case resilience.EventCall:
			same = same && is.Elapsed == w.Elapsed
		}
		if !same {
			return differ("events", short(l.events), short(want))
		}
	}
	return nil
}

// alsoTooLate: of an error that must not be retried, and comes back after the deadline, both are
// true.
func (l *retryLoop) alsoTooLate(o outcome, is, want resilience.Event) bool {
	return o.tied() && is.Kind == resilience.EventCall || want.Reason == resilience.ReasonPermanent && is.Reason == resilience.ReasonTooLate &&
		is.Kind == resilience.EventCall && l.told(o, *l.last()).NoRetry
}

// retriedAs is the verdict by which an attempt is retried.
func retriedAs(v resilience.Verdict) resilience.Verdict {
	if v == resilience.Overload {
		return v
	}
	return resilience.Transient // also where RetryIf said so
}

type shortEvent struct {
	Kind           resilience.EventKind
	Attempt        int
	Attempts       int
	Verdict        resilience.Verdict
	Reason         resilience.Reason
	Delay, Elapsed time.Duration
}

func short(events []resilience.Event) (s []shortEvent) {
	for _, e := range events {
		s = append(s, shortEvent{e.Kind, e.Attempt, e.Attempts, e.Verdict, e.Reason, e.Delay, e.Elapsed})
	}
	return s
}
