package ratelimit_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// line is calls that wait for a limiter, and what became of each.
type line struct {
	l     *ratelimit.Limiter
	start time.Time
	order []int // of those who were admitted
	at    map[int]time.Duration
	errs  map[int]error
	mu    sync.Mutex
}

func newLine(t *testing.T, c ratelimit.Config) *line {
	t.Helper()
	return &line{l: newLimiter(t, c), start: time.Now(), at: map[int]time.Duration{}, errs: map[int]error{}}
}

// join sends a call, and returns when it waits, or is over.
func (q *line) join(ctx context.Context, i int) {
	go func() {
		err := q.l.Acquire(ctx)
		q.mu.Lock()
		defer q.mu.Unlock()
		q.at[i], q.errs[i] = time.Since(q.start), err
		if err == nil {
			q.order = append(q.order, i)
		}
	}()
	synctest.Wait()
}

// served returns those who were admitted so far, in order.
func (q *line) served() []int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.order)
}

// when returns after how long a call was over.
func (q *line) when(i int) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.at[i]
}

// err returns what became of a call.
func (q *line) err(i int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.errs[i]
}

func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, ratelimit.Config{Rate: 10, Burst: 2, MaxWait: -1})
		for i := range 7 {
			q.join(t.Context(), i)
		}
		require.Equal(t, ratelimit.Stats{Rate: 10, Burst: 2, Waiting: 5}, q.l.Stats())
		time.Sleep(250 * ms)
		require.Equal(t, []int{0, 1, 2, 3}, q.served())
		q.join(t.Context(), 7) // half a token is there, and three wait
		time.Sleep(sec)
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7}, q.served())
		for i, want := range []time.Duration{0, 0, 100, 200, 300, 400, 500, 600} {
			require.Equal(t, want*ms, q.when(i), i)
		}
		require.Zero(t, q.l.Stats().Waiting)
	})
}

// Nobody overtakes those who wait, not even where a token is there.
func TestNobodyOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, ratelimit.Config{Rate: 10, Burst: 1, MaxWait: -1})
		q.join(t.Context(), 0)
		q.join(t.Context(), 1)
		time.Sleep(100*ms - 1)
		q.join(t.Context(), 2)
		q.join(t.Context(), 3)
		time.Sleep(sec)
		require.Equal(t, []int{0, 1, 2, 3}, q.served())
	})
}

func TestMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for maxWait, waits := range map[time.Duration]bool{
			0: false, 1: false, 250*ms - 1: false, 250 * ms: true, 250*ms + 1: true, time.Hour: true, -1: true,
		} {
			l := newLimiter(t, ratelimit.Config{Rate: 4, Burst: 1, MaxWait: maxWait})
			require.NoError(t, l.Acquire(t.Context()))
			start := time.Now()
			err := l.Acquire(t.Context())
			if waits {
				require.NoError(t, err, maxWait)
				require.Equal(t, 250*ms, time.Since(start), maxWait)
				continue
			}
			require.Zero(t, time.Since(start), "%v: it is refused at once", maxWait)
			require.ErrorIs(t, err, ratelimit.ErrLimited)
			require.Equal(t, 250*ms, resilience.RetryAfter(err), maxWait)
			require.EqualValues(t, 1, l.Stats().Rejected)
		}
	})
}

// Who waits counts: MaxWait is compared with the time of one's own token.
func TestTheQueueIsAsLongAsMaxWaitAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, ratelimit.Config{Rate: 100, Burst: 1, MaxWait: 50 * ms})
		for i := range 10 {
			q.join(t.Context(), i)
		}
		require.Equal(t, ratelimit.Stats{Rate: 100, Burst: 1, Waiting: 5, Rejected: 4}, q.l.Stats())
		require.EqualError(t, q.err(9), "rate limit reached: 100/s; no token within 50ms; next token in 60ms")
		time.Sleep(sec)
		require.Equal(t, []int{0, 1, 2, 3, 4, 5}, q.served())
	})
}

func TestTheDeadlineOfTheCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for left, waits := range map[time.Duration]bool{
			1: false, 250*ms - 1: false, 250 * ms: false, 250*ms + 1: true, time.Hour: true,
		} {
			for _, maxWait := range []time.Duration{-1, time.Minute} {
				l := newLimiter(t, ratelimit.Config{Rate: 4, Burst: 1, MaxWait: maxWait})
				require.NoError(t, l.Acquire(t.Context()))
				ctx, cancel := context.WithTimeout(t.Context(), left)
				start := time.Now()
				err := l.Acquire(ctx)
				cancel()
				if waits {
					require.NoError(t, err, left)
					require.Equal(t, 250*ms, time.Since(start), left)
					continue
				}
				require.Zero(t, time.Since(start), "%v: what cannot be in time is not waited for", left)
				require.EqualError(t, err, "rate limit reached: 4/s; no token before the call's time was up; next token in 250ms")
				require.Equal(t, resilience.ReasonRateLimited, resilience.ReasonOf(err))
				require.NotErrorIs(t, err, context.DeadlineExceeded, "it has not passed")
				require.Zero(t, l.Stats().Waiting)
			}
		}
	})
}

// The sooner of MaxWait and the deadline is what the refusal names.
func TestWhatATokenIsTooLateFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 1, MaxWait: 100 * ms})
		require.NoError(t, l.Acquire(t.Context()))
		for left, byDeadline := range map[time.Duration]bool{50 * ms: true, 100 * ms: true, 200 * ms: false} {
			ctx, cancel := context.WithTimeout(t.Context(), left)
			var limited *ratelimit.LimitedError
			require.ErrorAs(t, l.Acquire(ctx), &limited)
			require.Equal(t, byDeadline, limited.Deadline, left)
			cancel()
		}
	})
}

func TestAThousandWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, ratelimit.Config{Rate: 100, Burst: 1, MaxWait: -1})
		var want []int
		for i := range 1001 {
			q.join(t.Context(), i)
			want = append(want, i)
		}
		require.Equal(t, 1000, q.l.Stats().Waiting)
		time.Sleep(5 * sec)
		synctest.Wait()
		require.Len(t, q.served(), 501)
		time.Sleep(5 * sec)
		synctest.Wait()
		require.Equal(t, want, q.served())
		require.Equal(t, 10*sec, q.when(1000))
	})
}

// At a rate beyond what timers can tell apart, one look serves all who are due.
func TestManyDueAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, ratelimit.Config{Rate: 1e9, Burst: 1, MaxWait: -1})
		for i := range 100 {
			q.join(t.Context(), i)
		}
		time.Sleep(sec)
		require.Len(t, q.served(), 100)
		require.True(t, slices.IsSorted(q.served()))
	})
}

// Outside of a bubble, with timers that come late.
func TestTheRealClock(t *testing.T) {
	l := newLimiter(t, ratelimit.Config{Rate: 2000, Burst: 1, MaxWait: -1})
	start := time.Now()
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%3 == 0 {
				go cancel()
			}
			if err := l.Acquire(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.GreaterOrEqual(t, time.Since(start), 39*sec/2000, "40 at the least, and one token was there")
	require.Zero(t, l.Stats().Waiting)
}
