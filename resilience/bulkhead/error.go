package bulkhead

import (
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// ErrFull is what every refusal of a bulkhead is, by errors.Is.
var ErrFull = errors.New("bulkhead is full")

// FullError is a bulkhead's refusal. It is ErrFull by errors.Is. A bulkhead builds its refusals
// once, when it is made.
type FullError struct {
	MaxConcurrent int
	MaxWait       time.Duration // that was waited in vain; 0 for none
	Queued        int           // how many waited already, where no more may; else 0
}

// Error returns "bulkhead is full: 64 calls in flight", with the wait if there was one, and with
// how many wait if no more may.
func (e *FullError) Error() string {
	if e == nil {
		return "a nil *bulkhead.FullError"
	}
	s := fmt.Sprintf("%v: %s in flight", ErrFull, plural(e.MaxConcurrent, "call", "calls"))
	if e.Queued > 0 {
		s += fmt.Sprintf(", and %s (QueueLimit)", plural(e.Queued, "more waits", "more wait"))
	}
	if e.MaxWait > 0 {
		s += fmt.Sprintf(", and none ended within %v", e.MaxWait)
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Is reports whether target is ErrFull.
func (e *FullError) Is(target error) bool { return e != nil && target == ErrFull } //nolint:errorlint // Is compares, by contract

// Verdict returns Rejected.
func (e *FullError) Verdict() resilience.Verdict {
	if e == nil {
		return resilience.Unclassified
	}
	return resilience.Rejected
}

// StopReason returns ReasonBulkheadFull.
func (e *FullError) StopReason() resilience.Reason {
	if e == nil {
		return resilience.ReasonUnclassified
	}
	return resilience.ReasonBulkheadFull
}
