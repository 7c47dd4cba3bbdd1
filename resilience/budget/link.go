package budget

import (
	"context"
	"sync/atomic"

	"github.com/media-gateway/holdfast/resilience"
)

// Spender is a policy that, told of a Budget around it, deposits and withdraws by itself: a
// retry loop.
type Spender interface {
	resilience.Policy
	SpendsBudget()
}

// Link returns a Policy that does nothing if a Spender stands inside, since that is told of b
// by its own Link; else b itself.
func (b *Budget) Link(l resilience.Links) resilience.Policy {
	for _, p := range l.Inner {
		if _, ok := p.(Spender); ok {
			return resilience.PolicyFunc(func(next resilience.Func) resilience.Func { return next })
		}
	}
	return b
}

// claim is the ctx by which a bare Budget makes itself known to the retry loop inside it.
type claim struct {
	context.Context
	budget  *Budget
	retried atomic.Bool
}

type claimKey struct{}

func (c *claim) Value(key any) any {
	if key == (claimKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// ForRetry returns the budget that a bare Budget around the call made known in ctx, or nil.
// It is for retry loops, to be called when the first attempt has failed: the Budget then
// knows that the call, even if it succeeds in the end, deposits nothing.
func ForRetry(ctx context.Context) *Budget {
	c, ok := ctx.Value(claimKey{}).(*claim)
	if !ok {
		return nil
	}
	c.retried.Store(true)
	return c.budget
}
