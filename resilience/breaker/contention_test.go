package breaker_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Pins: a call that had passed the gate when the breaker opened does not turn it half-open on
// its way in.
func TestOpenStaysOpenUnderContention(t *testing.T) {
	failure := resilience.MarkTransient(errors.New("down"))
	for range 200 {
		b, err := breaker.New(breaker.Config{ConsecutiveFailures: 3, FailureRatio: -1, OpenFor: time.Hour, MaxOpenFor: time.Hour})
		require.NoError(t, err)
		var opened, late atomic.Int32
		start := make(chan struct{})
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				<-start
				for range 20 {
					_ = b.Do(context.Background(), func(context.Context) error {
						if b.State() == breaker.StateHalfOpen {
							late.Add(1)
						}
						return failure
					})
					if b.State() != breaker.StateClosed {
						opened.Add(1)
					}
				}
			})
		}
		close(start)
		wg.Wait()
		require.Positive(t, opened.Load())
		require.Zero(t, late.Load(), "calls ran as probes before it was time")
		require.Equal(t, breaker.StateOpen, b.State())
		require.Greater(t, b.RetryAfter(), 59*time.Minute)
	}
}

// Pins: a call that had passed the gate when the breaker was isolated does not bring it back.
func TestIsolatedStaysIsolatedUnderContention(t *testing.T) {
	for range 200 {
		b, err := breaker.New(breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: 1, MaxOpenFor: 1})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range 50 {
					_ = b.Do(context.Background(), func(context.Context) error {
						if i%2 == 0 {
							return errDown
						}
						return nil
					})
					_, _ = b.State(), b.Counts()
				}
			})
		}
		wg.Go(b.Isolate)
		wg.Wait()
		require.Equal(t, breaker.StateIsolated, b.State())
		require.ErrorIs(t, b.Do(context.Background(), working), breaker.ErrOpen)
	}
}
