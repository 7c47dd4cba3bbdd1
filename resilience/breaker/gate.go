package breaker

import (
	"errors"

	"github.com/sony/gobreaker/v2"
)

// gate is a gobreaker that has opened. It decides how many probes may pass in a round. When it is
// time to probe, and what becomes of a round, is not its affair: its own open time is a nanosecond,
// it is told failure only for the outcome that loses the round, and it is dropped when one is won.
//
// The machine's mu is held for all of it, so that gobreaker's lock is always free.
type gate struct {
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
}

// What gobreaker is told; a success is nil.
var (
	errFailure  = errors.New("failure")
	errExcluded = errors.New("excluded")
)

func newGate(name string, probes int) *gate {
	g := &gate{}
	g.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: name, MaxRequests: uint32(probes), Timeout: 1,
		ReadyToTrip: func(gobreaker.Counts) bool { return true },
		IsExcluded:  func(err error) bool { return err == errExcluded }, //nolint:errorlint // identity: the machine's own signal
	})
	if done, err := g.enter(); err == nil { // always: it is closed
		done(errFailure)
	}
	return g
}

// enter asks for a place for a probe. It returns how its outcome is told, or gobreaker's error:
// ErrTooManyRequests, or ErrOpenState in the nanosecond in which a round failed.
func (g *gate) enter() (done func(error), err error) { return g.breaker.Allow() }
