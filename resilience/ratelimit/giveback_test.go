package ratelimit_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// What never reached the dependency used nothing up of its quota.
func TestWhatIsGivenBack(t *testing.T) {
	for name, c := range map[string]struct {
		op   resilience.Func
		back bool
	}{
		"success":              {func(context.Context) error { return nil }, false},
		"failure":              {func(context.Context) error { return errFlaky }, false},
		"unclassified":         {func(context.Context) error { return errFull }, false},
		"refused further in":   {func(context.Context) error { return resilience.MarkRejected(errFull) }, true},
		"ended before it ran":  {resilience.NotStarted, true},
		"ended while it ran":   {func(context.Context) error { return context.Canceled }, false},
		"panicked":             {func(context.Context) error { panic(errFull) }, false},
		"its goroutine exited": {func(context.Context) error { runtime.Goexit(); return nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(t, ratelimit.Config{Rate: 1, Burst: 2})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() {
					defer func() { _ = recover() }()
					_ = l.Wrap(func(ctx context.Context) error {
						if name == "ended before it ran" {
							cancel()
						}
						return c.op(ctx)
					})(ctx)
				}()
				synctest.Wait()
				require.Equal(t, map[bool]float64{true: 2, false: 1}[c.back], l.Stats().Tokens)
			})
		})
	}
}

// A bucket never holds more than its burst, whoever gives back what.
func TestGivingBackNeverOverfills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 10, Burst: 3})
		refused := resilience.MarkRejected(errFull)
		for range 5 {
			l.Release(t.Context(), refused)
		}
		require.InDelta(t, 3, l.Stats().Tokens, 0)
		require.Equal(t, 3, admitted(t, l, 5))
		l.Release(t.Context(), refused)
		require.Equal(t, 1, admitted(t, l, 2))
		time.Sleep(290 * ms)
		l.Release(t.Context(), refused)
		require.InDelta(t, 3, l.Stats().Tokens, 0, "2.9 and one more")
	})
}

// A token that comes back while somebody waits is cut at Burst, too: the bank may have held a part
// of one.
func TestWhatIsGivenBackToAWaiterIsCut(t *testing.T) {
	for _, waits := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: -1})
			require.NoError(t, l.Acquire(t.Context()))
			passed := make(chan time.Time, 2)
			call := func() {
				if l.Acquire(t.Context()) == nil {
					passed <- time.Now()
				}
			}
			if waits {
				go call()
				go call()
			}
			time.Sleep(999 * time.Millisecond)
			l.Release(t.Context(), resilience.MarkRejected(errFull))
			if !waits {
				go call()
				go call()
			}
			first, second := <-passed, <-passed
			require.Equal(t, time.Second, second.Sub(first), "somebody waits: %t", waits)
		})
	}
}
