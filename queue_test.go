package holdfast_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// gate is a Guard that runs a func while a call waits, and records what its Release gets.
type gate struct {
	wait func()
	errs []error
}

func (g *gate) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }
func (g *gate) Build() (resilience.Policy, error)         { return g, nil }
func (g *gate) Acquire(context.Context) error             { g.wait(); return nil }
func (g *gate) Release(_ context.Context, err error)      { g.errs = append(g.errs, err) }

// The op never runs under a ctx that ended in a queue: for every kind of queue, and for the first
// and later attempts.
func TestNoOpOnceTheCtxHasEndedInTheQueue(t *testing.T) {
	g, c := &gate{}, &clerk{}
	told := map[string]func(attempt int) error{
		"a guard":              func(attempt int) error { return g.errs[attempt-1] },
		"a guard with tickets": func(attempt int) error { return c.done[c.ticket(int64(attempt))] },
	}
	for name, stage := range map[string]resilience.Stage{"a guard": g, "a guard with tickets": c} {
		for _, attempt := range []int{1, 2} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var d diary
				waits, runs := 0, 0
				g.wait = func() {
					if waits++; waits == attempt {
						cancel()
					}
				}
				g.errs, c.done, c.issued = nil, nil, 0
				c.admit = func(context.Context) error { g.wait(); return nil }
				p := newPipeline(t, holdfast.Observe(&d), budget.Config{Floor: -1}, plain(3), stage)
				err := p.Do(ctx, func(context.Context) error { runs++; return errFlaky })
				require.ErrorIs(t, err, context.Canceled, name)
				require.Equal(t, attempt-1, runs, name)
				require.ErrorIs(t, told[name](attempt), context.Canceled, name)
				require.True(t, resilience.Unasked(told[name](attempt)), name)
				require.InDelta(t, 10, p.Snapshot().Budget.Tokens, 0, "a token that paid for nothing is back")
				require.EqualValues(t, attempt-1, p.Snapshot().Attempts, name)
				require.Empty(t, p.Snapshot().Denials, "nobody denied it: the caller left")
				if attempt == 2 {
					require.Equal(t, []string{
						"attempt attempt=1 transient", "retry attempt=1 transient delay=100ms",
						"give_up attempts=1 transient canceled elapsed=100ms", "call attempts=1 canceled canceled elapsed=100ms",
					}, d.take(), name)
				} else {
					require.Equal(t, []string{"give_up attempts=0 canceled canceled", "call attempts=0 canceled canceled"}, d.take(), name)
				}
			})
		}
	}
}

// A call whose ctx ends right after it got its place does not run, and the place is free again.
// (With a second processor it could wake between the two and be in time, so the test uses one.)
func TestNoOpOnceTheCtxHasEndedWithThePlace(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rounds = 100
	for _, wait := range []time.Duration{time.Minute, -1} {
		inTime := 0
		for range rounds {
			synctest.Test(t, func(t *testing.T) {
				b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: wait})
				require.NoError(t, err)
				p := newPipeline(t, b, retry.Config{})
				require.NoError(t, b.Acquire(t.Context()))
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- p.Do(ctx, func(context.Context) error { inTime++; return nil }) }()
				synctest.Wait()
				b.Release(t.Context(), nil)
				cancel()
				if err := <-done; err != nil {
					require.ErrorIs(t, err, context.Canceled)
				}
				require.Equal(t, bulkhead.Stats{MaxConcurrent: 1}, b.Stats())
			})
		}
		require.Less(t, inTime, rounds/2)
	}
}
