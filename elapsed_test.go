package holdfast_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// elapsed has the Elapsed of the last event of each kind.
type elapsed map[resilience.EventKind]time.Duration

func (l elapsed) Observe(_ context.Context, e resilience.Event) { l[e.Kind] = e.Elapsed }

// An attempt's Elapsed does not include the wait for a place, for a bulkhead inside or outside of
// the loop, with and without a bound. The call's Elapsed does.
func TestAttemptElapsedLeavesTheWaitOut(t *testing.T) {
	for _, wait := range []time.Duration{time.Minute, -1} {
		for _, inside := range []bool{false, true} {
			for _, behind := range []bool{false, true} { // a guard, or a bulkhead
				synctest.Test(t, func(t *testing.T) {
					seen := elapsed{}
					b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: wait})
					require.NoError(t, err)
					require.NoError(t, b.Acquire(t.Context()))
					time.AfterFunc(5*time.Second, func() { b.Release(t.Context(), nil) })
					var waits resilience.Stage = b
					if behind {
						waits = &gate{wait: func() { time.Sleep(5 * time.Second) }}
					}
					stages := []resilience.Stage{holdfast.Observe(seen), waits, plain(1)}
					if inside {
						stages = []resilience.Stage{holdfast.Observe(seen), plain(1), waits}
					}
					p := newPipeline(t, stages...)
					require.NoError(t, p.Do(t.Context(), func(context.Context) error { time.Sleep(time.Second); return nil }))
					require.Equal(t, time.Second, seen[resilience.EventAttempt])
					require.Equal(t, 6*time.Second, seen[resilience.EventCall])
				})
			}
		}
	}
}

// A second attempt that has to wait for its place is measured from when it has it.
func TestALaterAttemptsElapsedLeavesTheWaitOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := elapsed{}
		b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
		require.NoError(t, err)
		p := newPipeline(t, holdfast.Observe(seen), plain(1), b)
		attempts := 0
		require.NoError(t, p.Do(t.Context(), func(context.Context) error {
			time.Sleep(time.Second)
			if attempts++; attempts == 1 {
				time.AfterFunc(50*time.Millisecond, func() { _ = b.Acquire(context.Background()) })
				time.AfterFunc(5*time.Second, func() { b.Release(context.Background(), nil) })
				return errFlaky
			}
			return nil
		}))
		require.Equal(t, time.Second, seen[resilience.EventAttempt])
		require.Equal(t, 7*time.Second, seen[resilience.EventCall])
	})
}

// An observed call under a ctx that ends sooner than the pipeline's deadlines reports how long it
// took, the first time and later.
func TestElapsedUnderAShorterCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := elapsed{}
		p := newPipeline(t, holdfast.Observe(seen), deadline.In(10*time.Second), retry.Config{})
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			require.NoError(t, p.Do(ctx, func(context.Context) error { time.Sleep(time.Second); return nil }))
			cancel()
			require.Equal(t, time.Second, seen[resilience.EventAttempt])
			require.Equal(t, time.Second, seen[resilience.EventCall])
		}
	})
}
