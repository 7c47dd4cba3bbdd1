package retry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// Why a loop stopped, beside budget.ErrExhausted, deadline.ErrTooLate and the error of the
// stage that refused (breaker.ErrOpen, bulkhead.ErrFull).
var (
	ErrExhausted         = errors.New("retries exhausted")
	ErrNotRetryable      = errors.New("the error is not worth a retry")
	ErrCanceled          = errors.New("the caller gave up")
	ErrRetryAfterTooLong = errors.New("the dependency asked for a longer pause than allowed (MaxRetryAfter)")
	ErrUnlikely          = errors.New("another attempt is unlikely to help")
)

// Error says why a retry loop stopped. errors.Is and errors.As find in it the reason's sentinel,
// the last error of the dependency, and the cause for which the caller's ctx ended.
type Error struct {
	Pipeline string            // "" outside of a pipeline
	Reason   resilience.Reason // why it stopped
	Attempts int               // how many attempts reached the dependency
	// Elapsed is the time since the call began, where the clock was read at that time: in a
	// pipeline that is observed, or whose own deadline ends the call, or whose caller has
	// none. Elsewhere (a bare loop; a pipeline under a ctx that ends before its own deadlines)
	// it counts from the end of the first attempt: until then nothing had gone wrong, and a
	// look at the clock takes longer than all the rest of such a call.
	Elapsed time.Duration
	Err     error // the last error of the dependency; the ctx's error if there was no attempt
	Cause   error // what ended the ctx (context.Cause), or the refusal of a stage inside; else nil

	verdict resilience.Verdict // of Err
}

// NotStarted returns the error of a call that was not made, since ctx had ended before it began.
func NotStarted(ctx context.Context, pipeline string) *Error {
	return &Error{
		Pipeline: pipeline, Reason: endReason(ctx), Err: ctx.Err(), Cause: context.Cause(ctx),
		verdict: resilience.Canceled,
	}
}

// Error returns it all on one line:
// "payments: retry budget exhausted (after 2 attempts in 153ms): connection refused".
func (e *Error) Error() string {
	var b strings.Builder
	why := e.why().Error()
	if e.Pipeline != "" && !strings.HasPrefix(why, e.Pipeline+": ") { // a refusal may say it already
		b.WriteString(e.Pipeline + ": ")
	}
	b.WriteString(why)
	switch e.Attempts {
	case 0:
		b.WriteString(" before the first attempt")
	case 1:
		fmt.Fprintf(&b, " (after 1 attempt in %v)", e.Elapsed.Round(time.Microsecond))
	default:
		fmt.Fprintf(&b, " (after %d attempts in %v)", e.Attempts, e.Elapsed.Round(time.Microsecond))
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.endedBy() != nil && !errors.Is(e.Err, e.Cause) {
		b.WriteString(" (" + e.Cause.Error() + ")")
	}
	return b.String()
}

// why returns the error that names the reason.
func (e *Error) why() error {
	if s := e.sentinel(); s != nil {
		return s
	}
	if e.Cause != nil {
		return e.Cause
	}
	return errors.New(e.Reason.String())
}

// endedBy returns Cause where it is not the reason itself.
func (e *Error) endedBy() error {
	if e.sentinel() == nil {
		return nil
	}
	return e.Cause
}

func (e *Error) sentinel() error {
	switch e.Reason {
	case resilience.ReasonExhausted:
		return ErrExhausted
	case resilience.ReasonBudget:
		return budget.ErrExhausted
	case resilience.ReasonTooLate:
		return deadline.ErrTooLate
	case resilience.ReasonCanceled:
		return ErrCanceled
	case resilience.ReasonPermanent:
		return ErrNotRetryable
	case resilience.ReasonRetryAfterTooLong:
		return ErrRetryAfterTooLong
	case resilience.ReasonUnlikely:
		return ErrUnlikely
	}
	return nil // a refusal: Cause is the sentinel
}

// Unwrap returns the reason's sentinel, the last error of the dependency, and the cause.
func (e *Error) Unwrap() []error {
	all := make([]error, 0, 3)
	for _, err := range [...]error{e.sentinel(), e.Err, e.Cause} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// Timeout reports whether the dependency's last error was a timeout, as url.Error and others ask.
func (e *Error) Timeout() bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](e.Err)
	return ok && t.Timeout()
}

// StopReason returns Reason.
func (e *Error) StopReason() resilience.Reason { return e.Reason }

// Verdict is what the error means to a retry loop further out: the last error's verdict where
// another try may help, and Rejected where this loop was kept from trying, since what
// kept it (a spent budget, an open breaker) is there to keep others from it as well.
func (e *Error) Verdict() resilience.Verdict {
	switch e.Reason {
	case resilience.ReasonCanceled:
		return resilience.Canceled
	case resilience.ReasonPermanent:
		return resilience.Permanent
	case resilience.ReasonExhausted:
		return e.verdict
	case resilience.ReasonTooLate:
		if e.Attempts > 0 {
			return e.verdict
		}
	}
	return resilience.Rejected
}

// DependencyVerdict is what the error says about the dependency, whatever stopped the loop. A
// breaker around the loop counts by it.
func (e *Error) DependencyVerdict() resilience.Verdict {
	if e.Reason == resilience.ReasonCanceled || e.Attempts == 0 {
		return resilience.Canceled
	}
	if d, ok := errors.AsType[dependencyError](e.Err); ok { // it knows better than the loop, to which it may be Permanent
		return d.DependencyVerdict()
	}
	return e.verdict
}

type dependencyError interface {
	error
	DependencyVerdict() resilience.Verdict
}
