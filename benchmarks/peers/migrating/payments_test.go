package migrating_test

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// Order and Receipt are what the calls of the pages are about.
type (
	Order   struct{ ID string }
	Receipt struct{ ID string }
)

var (
	errDeclined = errors.New("card declined")
	errLater    = errors.New("try again later")
	errBusy     = errors.New("busy")
	errPending  = errors.New("not settled yet")
)

// payer is the client of a payment provider. What it answers is a script: one answer for each
// attempt, the last one for all others.
type payer struct {
	script   []error
	attempts int
	hang     bool // until ctx ends
}

func (p *payer) Charge(ctx context.Context, order Order) (*Receipt, error) {
	p.attempts++
	if p.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if len(p.script) == 0 {
		return &Receipt{ID: order.ID}, nil
	}
	if err := p.script[min(p.attempts, len(p.script))-1]; err != nil {
		return nil, err
	}
	return &Receipt{ID: order.ID}, nil
}

// settler is a client whose charge is settled after some attempts.
type settler struct{ after, attempts int }

func (s *settler) Charge(_ context.Context, order Order) (receipt *Receipt, settled bool, err error) {
	s.attempts++
	return &Receipt{ID: order.ID}, s.attempts >= s.after, nil
}

// down is a dependency that refuses connections, which Holdfast knows to be worth a retry.
var down error = syscall.ECONNREFUSED

// A door is a library, set up: it lets calls pass, repeats them, or does not.
type door func(ctx context.Context, op resilience.Func) error

// through returns the door of a pipeline.
func through(t *testing.T, stages ...resilience.Stage) door {
	t.Helper()
	p, err := holdfast.New("payments", stages...)
	require.NoError(t, err)
	return p.Do
}

// send makes n calls, each of which answers err, and returns how many reached the dependency.
func send(d door, n int, err error) (reached int) {
	for range n {
		_ = d(context.Background(), func(context.Context) error {
			reached++
			return err
		})
	}
	return reached
}

// sendCanceled makes n calls whose callers hang up while they are under way.
func sendCanceled(d door, n int) (reached int) {
	for range n {
		ctx, cancel := context.WithCancel(context.Background())
		_ = d(ctx, func(ctx context.Context) error {
			reached++
			cancel()
			return ctx.Err()
		})
		cancel()
	}
	return reached
}
