package holdfast_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestRefusedUpdateChangesNothing(t *testing.T) {
	p := newPipeline(t, budget.Config{Burst: 5}, retry.Config{})
	before := p.Snapshot()
	err := p.Update(budget.Config{Burst: 7}, retry.Config{MaxRetries: -9}, breaker.Config{FailureRatio: math.NaN()})
	require.ErrorContains(t, err, "MaxRetries is -9")
	require.ErrorContains(t, err, "FailureRatio is NaN")
	require.Equal(t, before, p.Snapshot())
}

func TestUpdateKeepsTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trip := breaker.Config{ConsecutiveFailures: 1}
		bank := budget.Config{Burst: 4, Floor: -1}
		p := newPipeline(t, bank, retry.Config{MaxRetries: 2}, trip)
		require.Error(t, p.Do(t.Context(), func(context.Context) error { return errFlaky }))
		require.Equal(t, breaker.StateOpen, p.Snapshot().Breakers[0].State)

		// another loop, and another classifier: the breaker stays open
		trip.Classify = func(error) resilience.Verdict { return resilience.Transient }
		require.NoError(t, p.Update(bank, retry.Config{MaxRetries: 1}, trip))
		require.Equal(t, breaker.StateOpen, p.Snapshot().Breakers[0].State)
		require.Contains(t, p.String(), "retry 1×")

		// other numbers: they are for the next time
		trip.ConsecutiveFailures = 2
		require.NoError(t, p.Update(bank, retry.Config{MaxRetries: 1}, trip))
		require.Equal(t, breaker.StateOpen, p.Snapshot().Breakers[0].State)
		p.Breakers()[0].Reset()
		require.Error(t, p.Do(t.Context(), func(context.Context) error { return errors.New("unknown") }))
		require.Equal(t, uint64(1), p.Snapshot().Breakers[0].Counts.Failures, "the new classifier is in force")
	})
}

func TestUpdateOfABudgetKeepsItsBank(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, budget.Config{Burst: 10, Floor: -1}, plain(4))
		require.Error(t, p.Do(t.Context(), func(context.Context) error { return errFlaky }))
		require.InDelta(t, 6, p.Snapshot().Budget.Tokens, 0)
		require.NoError(t, p.Update(budget.Config{Burst: 20, Ratio: 0.5, Floor: -1}, plain(4)))
		require.InDelta(t, 6, p.Snapshot().Budget.Tokens, 0, "raising the burst does not fill it")
		require.Equal(t, 20, p.Snapshot().Budget.Burst)
		require.NoError(t, p.Update(budget.Config{Burst: 3, Floor: -1}, plain(4)))
		require.InDelta(t, 3, p.Snapshot().Budget.Tokens, 0)
	})
}

func TestUpdateDoesNotTouchASharedBudget(t *testing.T) {
	shared, err := budget.New(budget.Config{Burst: 10})
	require.NoError(t, err)
	p := newPipeline(t, shared, retry.Config{})
	require.NoError(t, p.Update(budget.Config{Burst: 3}, retry.Config{}))
	require.Equal(t, 10, shared.Config().Burst)
	require.Equal(t, 3, p.Snapshot().Budget.Burst)
}

func TestCallsInFlightFinishOnTheOldStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, plain(3))
		op, runs := failing(math.MaxInt, errFlaky)
		done := make(chan error)
		go func() { done <- p.Do(context.Background(), op) }()
		time.Sleep(50 * time.Millisecond)
		require.NoError(t, p.Update(retry.Custom(0, 1, 1, false)))
		require.ErrorIs(t, <-done, retry.ErrExhausted)
		require.Equal(t, 4, *runs)
		op, runs = failing(math.MaxInt, errFlaky)
		require.Error(t, p.Do(t.Context(), op))
		require.Equal(t, 1, *runs)
	})
}

// An observer is told of an update when it is over, and under no lock: an observer that changes the
// pipeline itself must not hang.
func TestAnObserverOfAnUpdateMayChangeThePipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *holdfast.Pipeline
		updates := 0
		reacting := resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
			if e.Kind != resilience.EventUpdate || e.Change != nil {
				return
			}
			if updates++; updates == 1 {
				tune(t, p, holdfast.Tuning{Budget: func(c *budget.Config) { c.Burst = 7 }})
				p.Watch(resilience.ObserverFunc(func(context.Context, resilience.Event) {}))()
				require.NoError(t, p.Update(budget.Config{Burst: 8}, retry.Config{}))
			}
		})
		p = newPipeline(t, holdfast.Observe(reacting), budget.Config{Burst: 5}, retry.Config{})
		require.NoError(t, p.Update(holdfast.Observe(reacting), budget.Config{Burst: 6}, retry.Config{}))
		require.Equal(t, 1, updates, "the second update left the observer out")
		require.Equal(t, 8, p.Snapshot().Budget.Burst)
	})
}

func TestUpdateUnderLoadLosesNoCall(t *testing.T) {
	p := newPipeline(t, bulkhead.Config{MaxConcurrent: 100}, budget.Config{}, retry.Config{}, breaker.Config{})
	var ran atomic.Uint64
	var wg sync.WaitGroup
	const callers, calls = 4, 2000
	for range callers {
		wg.Go(func() {
			for range calls {
				if p.Do(context.Background(), func(context.Context) error { return nil }) == nil {
					ran.Add(1)
				}
			}
		})
	}
	for i := range 200 {
		require.NoError(t, p.Update(bulkhead.Config{MaxConcurrent: 100}, budget.Config{Burst: 5 + i%3},
			retry.Config{MaxRetries: 1 + i%4}, breaker.Config{MinRequests: 10 + i%2}))
	}
	wg.Wait()
	s := p.Snapshot()
	require.Equal(t, uint64(callers*calls), ran.Load())
	require.Equal(t, uint64(callers*calls), s.Calls)
	require.Equal(t, uint64(callers*calls), s.Attempts)
	require.Zero(t, s.Live)
	require.Zero(t, s.Bulkheads[0].InUse)
}
