package demo

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/media-gateway/holdfast/resilience"
)

// Outcome is how a call ended for its caller.
type Outcome int

// The outcomes. Only Good counts as goodput.
const (
	Good        Outcome = iota // succeeded within the caller's deadline
	TimedOut                   // its last attempt, or the call itself, ran out of time
	TurnedAway                 // last answered 503
	Failed                     // last answered 500, or ended by another error
	Refused                    // refused by the client itself: the breaker was open
	Interrupted                // ended by the end of the play; not in any other figure

	numOutcomes = iota
)

var outcomeNames = [numOutcomes]string{"good", "timed_out", "turned_away", "failed", "refused", "interrupted"}

// String returns the outcome in snake case.
func (o Outcome) String() string { return outcomeNames[o] }

// Call is one entry of a client's ledger.
type Call struct {
	At       time.Duration // when it arrived, since the start
	Latency  time.Duration // how long its caller waited
	Attempts int           // how often a request was sent for it
	Outcome  Outcome
}

// outcome returns how a call ended. The dependency's last answer counts more than the reason why
// the client stopped, so that the clients can be compared. A call without an attempt was refused.
func outcome(err error, attempts int, inTime, playOver bool) Outcome {
	switch e, ok := errors.AsType[*resilience.Error](err); {
	case err == nil && inTime:
		return Good
	case playOver:
		return Interrupted
	case err == nil:
		return TimedOut
	case attempts == 0:
		return Refused
	case ok && e.Status == http.StatusServiceUnavailable:
		return TurnedAway
	case ok:
		return Failed
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return Refused
	}
	return Failed
}

// ledger records every call of one client, and totals for the screen.
type ledger struct {
	mu    sync.Mutex
	calls []Call

	inFlight, ended, good, attempts, dropped atomic.Int64
}

func (l *ledger) enter(c Call) {
	if c.Outcome == Good {
		l.good.Add(1)
	}
	l.ended.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
}
