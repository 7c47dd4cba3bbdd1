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

func TestUpdateKeepsTheTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 10, Burst: 10})
		require.Equal(t, 7, admitted(t, l, 7))
		require.NoError(t, l.Update(ratelimit.Config{Rate: 100, Burst: 100}))
		require.InDelta(t, 3, l.Stats().Tokens, 0, "a higher burst does not fill the bucket")
		time.Sleep(10 * ms)
		require.InDelta(t, 4, l.Stats().Tokens, 1e-9, "by the new rate from now on")
		require.NoError(t, l.Update(ratelimit.Config{Rate: 1, Burst: 2}))
		require.InDelta(t, 2, l.Stats().Tokens, 0, "cut to the new burst")
		require.Equal(t, ratelimit.Config{Rate: 1, Burst: 2}, l.Config())
		require.ErrorContains(t, l.Update(ratelimit.Config{Burst: -2}), "Rate is 0")
		require.Equal(t, ratelimit.Config{Rate: 1, Burst: 2}, l.Config())
		require.InDelta(t, 2, l.Stats().Tokens, 0)
		require.Equal(t, 2, admitted(t, l, 3))
	})
}

func TestUpdateOfARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 1})
		require.NoError(t, l.Acquire(t.Context()))
		require.Equal(t, sec, resilience.RetryAfter(l.Acquire(t.Context())))
		require.NoError(t, l.Update(ratelimit.Config{Rate: 10}))
		require.Equal(t, 100*ms, resilience.RetryAfter(l.Acquire(t.Context())), "the new rate")
	})
}

// Those who wait go by the new rate from the moment of the change.
func TestUpdateWhileWaiting(t *testing.T) {
	for name, c := range map[string]struct {
		to   ratelimit.Config
		at   []time.Duration // when each has its token; 0: it is refused, at the change
		rest float64
	}{
		"faster":       {to: ratelimit.Config{Rate: 10, Burst: 1}, at: []time.Duration{550 * ms, 650 * ms, 750 * ms}},
		"slower":       {to: ratelimit.Config{Rate: 0.5, Burst: 1}, at: []time.Duration{1500 * ms, 3500 * ms, 0}},
		"far slower":   {to: ratelimit.Config{Rate: 0.01, Burst: 1}, at: []time.Duration{0, 0, 0}},
		"the same":     {to: ratelimit.Config{Rate: 1, Burst: 1}, at: []time.Duration{sec, 2 * sec, 3 * sec}},
		"unlimited":    {to: ratelimit.Config{Rate: -1}, at: []time.Duration{500 * ms, 500 * ms, 500 * ms}},
		"a burst":      {to: ratelimit.Config{Rate: 1, Burst: 9}, at: []time.Duration{sec, 2 * sec, 3 * sec}},
		"no more wait": {to: ratelimit.Config{Rate: 1, Burst: 1, MaxWait: 1}, at: []time.Duration{sec, 2 * sec, 3 * sec}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newLine(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: 4 * sec})
				for i := range 4 {
					q.join(t.Context(), i)
				}
				time.Sleep(500 * ms)
				require.NoError(t, q.l.Update(c.to))
				synctest.Wait()
				for i, at := range c.at {
					if at == 0 {
						require.ErrorIs(t, q.err(i+1), ratelimit.ErrLimited, i)
						require.Equal(t, 500*ms, q.when(i+1), "at once")
					}
				}
				time.Sleep(time.Minute)
				for i, at := range c.at {
					if at != 0 {
						require.NoError(t, q.err(i+1))
						require.Equal(t, at, q.when(i+1), i)
					}
				}
				require.Zero(t, q.l.Stats().Waiting)
			})
		})
	}
}

// Who may no longer wait does not overtake those who still do, and is told when it is its turn.
func TestUpdateToNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, ratelimit.Config{Rate: 10, Burst: 1, MaxWait: -1})
		for i := range 3 {
			q.join(t.Context(), i)
		}
		require.NoError(t, q.l.Update(ratelimit.Config{Rate: 10, Burst: 1}))
		require.Equal(t, 300*ms, resilience.RetryAfter(q.l.Acquire(t.Context())), "two are before it")
		time.Sleep(sec)
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2}, q.served())
	})
}

// A call whose deadline the new rate cannot meet is refused for that reason; those behind it move
// up, and may still be in time.
func TestUpdateRefusesOnlyThoseWhoAreTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, ratelimit.Config{Rate: 10, Burst: 1, MaxWait: -1})
		q.join(t.Context(), 0)
		hasty, cancel := context.WithTimeout(t.Context(), sec)
		defer cancel()
		q.join(hasty, 1)
		patient, cancel := context.WithTimeout(t.Context(), 3*sec)
		defer cancel()
		q.join(patient, 2)
		require.NoError(t, q.l.Update(ratelimit.Config{Rate: 0.5, Burst: 1, MaxWait: -1}))
		synctest.Wait()
		require.EqualError(t, q.err(1), "rate limit reached: 0.5/s; no token before the call's time was up; next token in 2s")
		time.Sleep(2 * sec)
		synctest.Wait()
		require.Equal(t, []int{0, 2}, q.served())
		require.EqualValues(t, 1, q.l.Stats().Rejected)
	})
}

// A refusal names the MaxWait with which its own call came, whatever is in force by now.
func TestARefusalSaysWhatItsCallMayWait(t *testing.T) {
	for name, c := range map[string]struct {
		to   time.Duration
		left time.Duration // until the call's own deadline
		want string
	}{
		"shorter":     {to: 1, want: "rate limit reached: 0.01/s; no token within 4s; next token in 1m35s"},
		"none":        {to: 0, want: "rate limit reached: 0.01/s; no token within 4s; next token in 1m35s"},
		"longer":      {to: time.Hour, want: "rate limit reached: 0.01/s; no token within 4s; next token in 1m35s"},
		"for ever":    {to: -1, want: "rate limit reached: 0.01/s; no token within 4s; next token in 1m35s"},
		"by deadline": {to: 1, left: 3 * sec, want: "rate limit reached: 0.01/s; no token before the call's time was up; next token in 1m35s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newLine(t, ratelimit.Config{Rate: 0.5, Burst: 1, MaxWait: 4 * sec})
				require.NoError(t, q.l.Acquire(t.Context()))
				ctx := t.Context()
				if c.left > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.left)
					defer cancel()
				}
				q.join(ctx, 0)
				time.Sleep(100 * ms)
				require.NoError(t, q.l.Update(ratelimit.Config{Rate: 0.01, Burst: 1, MaxWait: c.to}))
				synctest.Wait()
				var limited *ratelimit.LimitedError
				require.ErrorAs(t, q.err(0), &limited)
				require.Equal(t, 4*sec, limited.MaxWait)
				require.EqualError(t, limited, c.want)
				if c.to >= 0 && c.to < time.Minute {
					require.ErrorAs(t, q.l.Acquire(t.Context()), &limited)
					require.Equal(t, c.to, limited.MaxWait, "whoever comes now")
				}
			})
		})
	}
}

// From no limit to one, and back.
func TestUpdateOfNoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: -1})
		require.Equal(t, 50, admitted(t, l, 50))
		require.NoError(t, l.Update(ratelimit.Config{Rate: 1, Burst: 1}))
		require.Equal(t, 1, admitted(t, l, 5))
		require.NoError(t, l.Update(ratelimit.Config{Rate: -1}))
		require.Equal(t, 50, admitted(t, l, 50))
	})
}

func TestUpdateFromManyGoroutines(t *testing.T) {
	l := newLimiter(t, ratelimit.Config{Rate: 1e6, Burst: 10, MaxWait: -1})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 500 {
				if err := l.Update(ratelimit.Config{Rate: float64(1e5 * (1 + (i+n)%5)), Burst: 1 + n%7, MaxWait: -1}); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 500 {
				if err := l.Acquire(t.Context()); err != nil {
					t.Error(err)
				}
				_, _ = l.Stats(), l.String()
			}
		})
	}
	all.Wait()
	require.Zero(t, l.Stats().Waiting)
}
