package retry

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// These run outside of a bubble on purpose: the timers of a bubble are not pooled.

// slept sleeps for d under ctx, and returns how long that took.
func slept(ctx context.Context, d time.Duration) time.Duration {
	start := time.Now()
	sleep(ctx, d)
	return time.Since(start)
}

// A pooled timer takes its time, whatever it was used for before, and whether it had run out then.
func TestPooledTimersStartAnew(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // for a timer that never fires
	defer cancel()
	ended, end := context.WithCancel(ctx)
	end()
	for range 100 {
		require.Less(t, slept(ended, 30*time.Minute), 30*time.Minute, "an ended ctx ends it")
		for _, d := range []time.Duration{1, time.Microsecond, time.Millisecond} {
			took := slept(ctx, d)
			require.GreaterOrEqual(t, took, d)
			require.Less(t, took, 30*time.Minute, "it is the old time that ran out")
		}
		bothAtOnce, end := context.WithTimeout(ctx, time.Microsecond)
		sleep(bothAtOnce, time.Microsecond)
		end()
	}
}

// Between two uses the pool's timers run for nobody.
func TestPooledTimersAreGivenBackStopped(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for range 10 {
		sleep(t.Context(), 1)
		sleep(ended, time.Hour)
		timer := timers.Get().(*time.Timer) //nolint:forcetypeassert // the pool holds nothing else
		require.False(t, timer.Stop(), "it ran in the pool")
		require.Empty(t, timer.C)
		timers.Put(timer)
	}
}

func TestNoPauseNeedsNoTimer(t *testing.T) {
	never := neverDone{t.Context(), t}
	sleep(never, 0)
	sleep(never, -time.Hour)
}

// neverDone is a ctx that nobody is to wait for.
type neverDone struct {
	context.Context //nolint:containedctx // it is one
	t               *testing.T
}

func (c neverDone) Done() <-chan struct{} {
	c.t.Error("it waits")
	return nil
}

// Timers of the pool stay out of bubbles, and those of a bubble out of the pool.
func TestTimersDoNotCrossABubble(t *testing.T) {
	for range 10 {
		require.GreaterOrEqual(t, slept(t.Context(), time.Microsecond), time.Microsecond)
		synctest.Test(t, func(t *testing.T) {
			require.Equal(t, 100*time.Hour, slept(t.Context(), 100*time.Hour))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.Equal(t, time.Second, slept(ctx, time.Hour))
		})
	}
}
