package ratelimit

import (
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// ErrLimited is what every refusal of a limiter is, by errors.Is.
var ErrLimited = errors.New("rate limit reached")

// LimitedError is a limiter's refusal: the dependency was not asked. It is ErrLimited by errors.Is.
// One is built when the first call is refused after a token was taken, and shared by all that are
// refused until the next token is, and have the same MaxWait.
type LimitedError struct {
	Rate     float64       // calls a second
	Burst    int           // the most calls at once
	MaxWait  time.Duration // that would not have been enough, as of when the call came; 0 if calls do not wait
	Deadline bool          // it is the ctx that ends before a token comes, and not MaxWait
	token    time.Time     // when one comes
}

// Error returns "rate limit reached: 100/s; next token in 12ms", and, if calls may wait, how long
// that was in vain: "rate limit reached: 100/s; no token within 5ms; next token in 12ms". The next
// token comes nearer from one look to the next.
func (e *LimitedError) Error() string {
	if e == nil {
		return "a nil *ratelimit.LimitedError"
	}
	late := "" // as of the refusal: it stays true while the next token comes nearer
	switch {
	case e.Deadline:
		late = "; no token before the call's time was up"
	case e.MaxWait > 0:
		late = fmt.Sprintf("; no token within %v", e.MaxWait)
	}
	return fmt.Sprintf("%v: %s%s; next token in %v", ErrLimited, perSecond(e.Rate), late, e.RetryAfter().Round(time.Microsecond))
}

// RetryAfter returns how long it is from now until a token comes that no call waits for. Whoever is
// there first gets it.
func (e *LimitedError) RetryAfter() time.Duration {
	if e == nil {
		return 0
	}
	return max(0, time.Until(e.token))
}

// Is reports whether target is ErrLimited.
func (e *LimitedError) Is(target error) bool { return e != nil && target == ErrLimited } //nolint:errorlint // Is compares, by contract

// Verdict returns Rejected.
func (e *LimitedError) Verdict() resilience.Verdict {
	if e == nil {
		return resilience.Unclassified
	}
	return resilience.Rejected
}

// StopReason returns ReasonRateLimited.
func (e *LimitedError) StopReason() resilience.Reason {
	if e == nil {
		return resilience.ReasonUnclassified
	}
	return resilience.ReasonRateLimited
}
