package traps_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Pins: an observer may ask the breaker and the pipeline anything, and even call through them: it
// runs outside every lock, and hears the changes in order.
func TestObserverMayAskTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := breaker.New(breaker.Config{ConsecutiveFailures: 3, HalfOpenProbes: 1, OpenFor: time.Second, MaxOpenFor: time.Second})
		require.NoError(t, err)
		var p *holdfast.Pipeline
		var mu sync.Mutex
		var heard []string
		nosy := resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
			_, _, _, _ = b.State(), b.Counts(), b.RetryAfter(), p.Snapshot()
			if e.Kind == resilience.EventBreaker {
				_ = p.Do(ctx, working)
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, fmt.Sprintf("%v → %v", e.From, e.To))
			}
		})
		p, err = holdfast.New("payments", holdfast.Observe(nosy), b)
		require.NoError(t, err)

		for range 3 {
			_ = p.Do(t.Context(), failing)
		}
		time.Sleep(b.RetryAfter())
		require.ErrorIs(t, p.Do(t.Context(), failing), errRefused)
		time.Sleep(b.RetryAfter())
		require.NoError(t, p.Do(t.Context(), working))
		require.Equal(t, []string{
			"closed → open", "open → half-open", "half-open → open", "open → half-open", "half-open → closed",
		}, heard)
	})
}

// Pins: however many calls change the state at once, each change is told once, and each begins
// where the one before ended.
func TestChangesAreToldInOrder(t *testing.T) {
	b, err := breaker.New(breaker.Config{
		ConsecutiveFailures: 2, HalfOpenProbes: 1, OpenFor: time.Nanosecond, MaxOpenFor: time.Nanosecond,
	})
	require.NoError(t, err)
	var mu sync.Mutex
	last, told := breaker.StateClosed, 0
	watch := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind != resilience.EventBreaker {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if e.From != last {
			t.Errorf("%v → %v after a change to %v", e.From, e.To, last)
		}
		last = e.To
		told++
	})
	p, err := holdfast.New("payments", holdfast.Observe(watch), b)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 300 {
				op := working
				if i/10%2 == 0 {
					op = failing
				}
				_ = p.Do(t.Context(), op)
			}
		})
	}
	wg.Wait()
	require.Positive(t, told)
}
