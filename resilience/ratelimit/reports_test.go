package ratelimit_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// What users of other rate limiters have reported, tried here. Two more are elsewhere: that a new
// limit does not hold for those who wait (SetLimit of x/time/rate) is TestUpdateWhileWaiting, and
// that time which seems to go back is paid twice (cadence-workflow/cadence#6030) is
// TestNoMorePassThanThereAreTokens.

// golang/go#56924, #69419: x/time/rate, CancelAt gives back less than was taken, or nothing, where
// somebody reserved later. Canceled in any order, the waits leave no debt.
func TestReportCanceledWaitsLeaveNoDebt(t *testing.T) {
	for name, order := range map[string][]int{
		"first to last": {1, 2, 3, 4}, "last to first": {4, 3, 2, 1}, "mixed": {2, 4, 1, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			q := newLine(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: -1})
			q.join(t.Context(), 0)
			cancels := map[int]context.CancelFunc{}
			for i := 1; i <= 4; i++ {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				cancels[i] = cancel
				q.join(ctx, i)
			}
			for _, i := range order {
				time.Sleep(100 * ms)
				cancels[i]()
				synctest.Wait()
			}
			time.Sleep(600*ms - 2)
			require.Zero(t, admittedAtOnce(t, q.l), name)
			time.Sleep(2)
			require.Equal(t, 1, admittedAtOnce(t, q.l), "%s: the next token comes when it would have come", name)
		})
	}
}

// admittedAtOnce is 1 if a call finds a token, else 0.
func admittedAtOnce(t *testing.T, l *ratelimit.Limiter) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	if l.Acquire(ctx) == nil {
		return 1
	}
	return 0
}

// hugalafutro/model-hotel#977 (x/time/rate, reserve and cancel): each refusal under concurrency
// took a token that it never gave back, so that a flood kept the limiter shut long after its end.
func TestReportAFloodOfRefusalsCostsNoTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, maxWait := range []time.Duration{0, 1, 100 * ms} {
			l := newLimiter(t, ratelimit.Config{Rate: 1, Burst: 5, MaxWait: maxWait})
			var all sync.WaitGroup
			for range 2000 {
				all.Go(func() { _ = l.Acquire(t.Context()) })
			}
			all.Wait()
			require.Equal(t, ratelimit.Stats{Rate: 1, Burst: 5, Rejected: 1995}, l.Stats())
			time.Sleep(sec)
			require.Equal(t, 1, admitted(t, l, 3))
		}
	})
}

// resilience4j#1283, #1968, #2194: a call that cannot have a permit within the timeout waits for
// the whole of it, and is refused then.
func TestReportWhatCannotBeInTimeIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 0.1, Burst: 1, MaxWait: 5 * sec})
		require.NoError(t, l.Acquire(t.Context()))
		start := time.Now()
		require.ErrorIs(t, l.Acquire(t.Context()), ratelimit.ErrLimited)
		require.Zero(t, time.Since(start))
	})
}

// resilience4j#2336: of 200 calls at 5/s with a timeout of 3 s, some went on after far longer than
// the timeout.
func TestReportNobodyWaitsLongerThanMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 5, Burst: 5, MaxWait: 3 * sec})
		var mu sync.Mutex
		passed, longest := 0, time.Duration(0)
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				start := time.Now()
				err := l.Acquire(t.Context())
				mu.Lock()
				defer mu.Unlock()
				longest = max(longest, time.Since(start))
				if err == nil {
					passed++
				}
			})
		}
		all.Wait()
		require.Equal(t, 20, passed, "the burst, and what comes in 3 s")
		require.Equal(t, 3*sec, longest)
	})
}

// uber-go/ratelimit#106, #119: after a time without calls the limiter did not limit any more.
func TestReportIdlenessIsNotSavedBeyondTheBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: -1})
		for i := range 25 {
			start := time.Now()
			require.NoError(t, l.Acquire(t.Context()))
			if i != 0 && i != 5 {
				require.Equal(t, sec, time.Since(start), i)
			}
			if i == 4 {
				time.Sleep(30 * sec)
			}
		}
	})
}

// golang/go#54541: what Wait returns where the deadline is too near says nothing by its type; a
// caller has to look at its text.
func TestReportARefusalIsToldApartFromAnEndedCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 1, MaxWait: -1})
		require.NoError(t, l.Acquire(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), 10*ms)
		defer cancel()
		var limited *ratelimit.LimitedError
		require.ErrorAs(t, l.Acquire(ctx), &limited)
		require.True(t, limited.Deadline)
		<-ctx.Done()
		err := l.Acquire(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, ratelimit.ErrLimited)
		require.Equal(t, resilience.ReasonTooLate, resilience.ReasonOf(l.Wrap(func(context.Context) error { return nil })(ctx)))
	})
}

// songzhibin97/gkit#134: a ctx that had ended before took a token with it.
func TestReportAnEndedCtxTakesNoToken(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := newLimiter(t, ratelimit.Config{Rate: 1e-6, Burst: 1, MaxWait: -1})
	require.ErrorIs(t, l.Acquire(ctx), context.Canceled)
	require.InDelta(t, 1, l.Stats().Tokens, 0)
}
