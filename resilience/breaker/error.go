package breaker

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// ErrOpen is what every refusal of a breaker is, by errors.Is.
var ErrOpen = errors.New("circuit breaker is open")

// OpenError is a breaker's refusal: the dependency was not asked. It is ErrOpen by errors.Is,
// and gobreaker.ErrOpenState, or gobreaker.ErrTooManyRequests when the breaker is half-open
// and all its probes are under way. One is built per opening, and shared by all its refusals.
type OpenError struct {
	Name  string // the breaker's
	State State  // open, half-open or isolated
	Why   error  // it opened: "10 failures in a row (ConsecutiveFailures is 10)"; nil if it is half-open, or isolated by Isolate
	until mono.Time
}

// Error returns "payments: circuit breaker is open; next probe in 3.2s".
func (e *OpenError) Error() string {
	if e == nil {
		return "a nil *breaker.OpenError"
	}
	s := "circuit breaker is " + e.State.String()
	if e.Name != "" {
		s = e.Name + ": " + s
	}
	switch e.State {
	case StateOpen:
		s += "; next probe in " + e.RetryAfter().Round(time.Millisecond).String()
	case StateHalfOpen:
		s += "; all probes are under way"
	case StateIsolated:
		s += " " + byWhom(e.Why)
	default: // a closed one refuses nothing
	}
	return s
}

// RetryAfter returns how long it is until the breaker probes, 0 if that is not known.
func (e *OpenError) RetryAfter() time.Duration {
	if e == nil || e.State != StateOpen {
		return 0
	}
	return max(0, time.Duration(e.until-mono.Now()))
}

// Is reports whether target is ErrOpen or gobreaker's error for the same thing.
func (e *OpenError) Is(target error) bool {
	if e == nil {
		return false
	}
	switch target { //nolint:errorlint // Is compares, by contract
	case ErrOpen:
		return true
	case gobreaker.ErrOpenState:
		return e.State != StateHalfOpen
	case gobreaker.ErrTooManyRequests:
		return e.State == StateHalfOpen
	}
	return false
}

// Verdict returns Rejected.
func (e *OpenError) Verdict() resilience.Verdict {
	if e == nil {
		return resilience.Unclassified
	}
	return resilience.Rejected
}

// StopReason returns ReasonBreakerOpen.
func (e *OpenError) StopReason() resilience.Reason {
	if e == nil {
		return resilience.ReasonUnclassified
	}
	return resilience.ReasonBreakerOpen
}

// Lasts reports whether the breaker was isolated by hand, on itself or for a whole fleet, and so
// refuses until somebody resets it, or the order is over: waiting does not help. A retry loop that
// is Patient asks for it.
func (e *OpenError) Lasts() bool { return e != nil && e.State == StateIsolated }
