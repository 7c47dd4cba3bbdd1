package policytest

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

// doorman is a TicketGuard that notes whether somebody came by Admit who did not come by Wrap.
type doorman struct {
	*bulkhead.Bulkhead
	byHand *atomic.Bool
}

type wrapped struct{}

func (g doorman) Admit(ctx context.Context) (resilience.Ticket, error) {
	if ctx.Value(wrapped{}) == nil {
		g.byHand.Store(true)
	}
	return resilience.Ticket{}, g.Acquire(ctx)
}

func (g doorman) Done(ctx context.Context, _ resilience.Ticket, err error) { g.Release(ctx, err) }

func (g doorman) Wrap(next resilience.Func) resilience.Func {
	guarded := resilience.WrapGuard(g, next)
	return func(ctx context.Context) error { return guarded(context.WithValue(ctx, wrapped{}, true)) }
}

// A TicketGuard is tried by both of its ways in.
func TestATicketGuardIsTriedByAdmit(t *testing.T) {
	var byHand atomic.Bool
	TestGuard(t, func() resilience.Guard {
		b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 2})
		require.NoError(t, err)
		return doorman{b, &byHand}
	})
	require.True(t, byHand.Load())
}
