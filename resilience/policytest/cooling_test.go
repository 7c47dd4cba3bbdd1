package policytest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// cooling is a Guard of one place, which is taken for a minute longer than its call.
type cooling struct {
	refuses bool // who comes meanwhile; else they wait

	mu    sync.Mutex
	taken bool
	free  time.Time
}

func (g *cooling) Acquire(ctx context.Context) error {
	for !g.take() {
		if g.refuses {
			return errors.New("not yet")
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (g *cooling) take() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken || time.Now().Before(g.free) {
		return false
	}
	g.taken = true
	return true
}

func (g *cooling) Release(context.Context, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken, g.free = false, time.Now().Add(time.Minute)
}

func (g *cooling) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }

// The checks let a Guard that counts over time recover before they ask again.
func TestGuardsThatRecoverOverTimePass(t *testing.T) {
	for name, refuses := range map[string]bool{"waits": false, "refuses": true} {
		t.Run(name, func(t *testing.T) {
			TestGuard(t, func() resilience.Guard { return &cooling{refuses: refuses} })
		})
	}
}
