package retry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
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
	// ErrUnclassified is an ErrNotRetryable: nobody has said what the error means.
	ErrUnclassified = fmt.Errorf("%w: nobody has said what it means", ErrNotRetryable)
)

// Error says why a retry loop stopped. errors.Is and errors.As find in it the reason's sentinel,
// the last error of the dependency, and the cause for which the caller's ctx ended.
type Error struct {
	Pipeline string            // "" outside of a pipeline
	Reason   resilience.Reason // why it stopped
	Attempts int               // how many attempts reached the dependency
	Waits    int               // how many turns of a Patient call had no attempt, since that was refused
	// Elapsed is the time since the call began. In a bare loop it counts from the end of the first
	// attempt, and so it does in a pipeline that nobody observes, under a ctx that ends before the
	// pipeline's own deadlines: until then nothing had gone wrong, and nothing else needed a look
	// at the clock, which takes longer than all the rest of such a call.
	Elapsed time.Duration
	Err     error // the last error of the dependency; if there was no attempt, the ctx's, or the last refusal
	Cause   error // what ended the ctx (context.Cause), or the refusal of a stage inside; else nil

	judged resilience.Judgment // of Err
	ended  error               // the ctx's error, if it had ended; Cause may be another
	sent   bool                // an attempt may have reached the dependency
	doubt  bool                // it must not be made twice, and may have been carried out
}

// notStarted returns the error of a call that was not made, since ctx had ended before it began.
func notStarted(ctx context.Context, pipeline string) *Error {
	return &Error{
		Pipeline: pipeline, Reason: endReason(ctx), Err: ctx.Err(), Cause: context.Cause(ctx),
		judged: resilience.Judgment{Dependency: resilience.Canceled, Retry: resilience.Canceled}, ended: ctx.Err(),
	}
}

// Error returns it all on one line: "payments: retry budget exhausted (after 2 attempts in 153ms):
// connection refused". At its end it says whether the call may have been carried out, where it must
// not be made twice and the reason is another.
func (e *Error) Error() string {
	if e == nil {
		return "a nil *retry.Error"
	}
	var b strings.Builder
	why := e.why().Error()
	if e.Attempts == 0 && e.Reason == resilience.ReasonTooLate {
		why = "no time was left" // the sentinel's text speaks of another attempt
	}
	if e.Pipeline != "" && !strings.HasPrefix(why, e.Pipeline+": ") { // a refusal may say it already
		b.WriteString(e.Pipeline + ": ")
	}
	b.WriteString(why)
	switch {
	case e.Attempts == 0 && e.sentinel() == nil: // a patient call that was refused until the end
		fmt.Fprintf(&b, " (no attempt in %v)", e.Elapsed.Round(time.Microsecond))
	case e.Attempts == 0:
		b.WriteString(" before the first attempt")
	default:
		b.WriteString(" (after " + count(e.Attempts, "attempt"))
		if e.Waits > 0 {
			b.WriteString(" and " + count(e.Waits, "wait"))
		}
		fmt.Fprintf(&b, " in %v)", e.Elapsed.Round(time.Microsecond))
	}
	if e.Err != nil && (e.sentinel() != nil || !foreign.Same(e.Err, e.Cause)) { // else why says it
		text := e.Err.Error()
		if e.Reason == resilience.ReasonOutcomeUnknown {
			text = strings.TrimPrefix(text, why+": ") // an adapter's error says it too
		}
		b.WriteString(": " + text)
	}
	if e.endedBy() != nil && !foreign.Is(e.Err, e.Cause) {
		b.WriteString(" (" + e.Cause.Error() + ")")
	}
	if e.doubt && e.Reason != resilience.ReasonOutcomeUnknown && !errors.Is(e.Err, resilience.ErrOutcomeUnknown) {
		b.WriteString("; " + resilience.ErrOutcomeUnknown.Error())
	}
	return b.String()
}

// count returns "1 attempt", "2 attempts".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
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
	case resilience.ReasonUnclassified:
		return ErrUnclassified
	case resilience.ReasonOutcomeUnknown:
		return resilience.ErrOutcomeUnknown
	default: // a refusal: Cause is the sentinel
		return nil
	}
}

// Unwrap returns the reason's sentinel, the last error of the dependency, what ended the ctx and
// its cause.
func (e *Error) Unwrap() []error {
	if e == nil {
		return nil
	}
	all := make([]error, 0, 5)
	for _, err := range [...]error{e.sentinel(), e.Err, e.ended, e.Cause} {
		if err != nil {
			all = append(all, err)
		}
	}
	if e.doubt && e.Reason != resilience.ReasonOutcomeUnknown {
		all = append(all, resilience.ErrOutcomeUnknown)
	}
	return all
}

// Origin returns the last error of the dependency: see [resilience.Origin].
func (e *Error) Origin() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Timeout reports whether the dependency's last error was a timeout, as url.Error and others ask.
func (e *Error) Timeout() bool {
	if e == nil {
		return false
	}
	return foreign.Timeout(e.Err)
}

// StopReason returns Reason.
func (e *Error) StopReason() resilience.Reason {
	if e == nil {
		return resilience.ReasonUnclassified
	}
	return e.Reason
}

// Verdict is what the error means to a retry loop further out: the last error's verdict where
// another try may help, and Rejected where this loop was kept from trying, since what kept it (a
// spent budget, an open breaker) is there to keep others from it as well. It is Permanent where the
// outcome is unknown (see resilience.MarkOnce), also if the deadline came first.
func (e *Error) Verdict() resilience.Verdict {
	if e == nil {
		return resilience.Unclassified
	}
	switch e.Reason {
	case resilience.ReasonCanceled:
		return resilience.Canceled
	case resilience.ReasonPermanent, resilience.ReasonOutcomeUnknown:
		return resilience.Permanent
	case resilience.ReasonUnclassified:
		return resilience.Unclassified
	case resilience.ReasonExhausted:
		return e.judged.Retry
	case resilience.ReasonTooLate:
		if e.doubt {
			return resilience.Permanent
		}
		if e.Attempts > 0 {
			return e.judged.Retry
		}
	default: // a stage, or this loop, keeps calls out
	}
	return resilience.Rejected
}

// DependencyVerdict is what the error says about the dependency, whatever stopped the loop. A
// breaker around the loop counts by it. It is Canceled if there was no attempt.
func (e *Error) DependencyVerdict() resilience.Verdict {
	switch {
	case e == nil:
		return resilience.Unclassified
	case e.Attempts == 0:
		return resilience.Canceled
	}
	return e.judged.Dependency
}

// NoRetry reports whether the call must not be made again: it may have been carried out, and must
// not be twice.
func (e *Error) NoRetry() bool {
	if e == nil {
		return false
	}
	return e.doubt || resilience.NoRetry(e.Err)
}

// Unasked reports whether no attempt reached the dependency.
func (e *Error) Unasked() bool { return e != nil && e.Attempts == 0 }

// Unsent reports whether every attempt provably never reached the dependency.
func (e *Error) Unsent() bool { return e != nil && !e.sent }
