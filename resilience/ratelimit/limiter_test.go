package ratelimit_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/policytest"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

var (
	errFlaky = resilience.MarkTransient(errors.New("flaky"))
	errFull  = errors.New("full")
)

func newLimiter(t *testing.T, c ratelimit.Config) *ratelimit.Limiter {
	t.Helper()
	l, err := ratelimit.New(c)
	require.NoError(t, err)
	return l
}

// admitted is how many of so many calls pass at once.
func admitted(t *testing.T, l *ratelimit.Limiter, calls int) (n int) {
	t.Helper()
	for range calls {
		if err := l.Acquire(t.Context()); err == nil {
			n++
		} else {
			require.ErrorIs(t, err, ratelimit.ErrLimited)
		}
	}
	return n
}

func TestConformance(t *testing.T) {
	for name, c := range map[string]ratelimit.Config{
		"no wait": {Rate: 10, Burst: 50}, "a wait": {Rate: 10, Burst: 50, MaxWait: 10 * sec}, "endless": {Rate: 10, Burst: 50, MaxWait: -1},
		"one": {Rate: 1, Burst: 1, MaxWait: -1}, "unlimited": {Rate: -1},
	} {
		t.Run(name, func(t *testing.T) {
			policytest.TestGuard(t, func() resilience.Guard { return newLimiter(t, c) })
		})
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		give ratelimit.Config
		want ratelimit.Config
		err  string
	}{
		"zero":           {give: ratelimit.Config{}, err: "ratelimit: Rate is 0; want 1e-06 to 1e+09, or -1 for no limit"},
		"a rate":         {give: ratelimit.Config{Rate: 100}, want: ratelimit.Config{Rate: 100, Burst: 100}},
		"rounded up":     {give: ratelimit.Config{Rate: 1.25}, want: ratelimit.Config{Rate: 1.25, Burst: 2}},
		"below one":      {give: ratelimit.Config{Rate: 0.01}, want: ratelimit.Config{Rate: 0.01, Burst: 1}},
		"the least":      {give: ratelimit.Config{Rate: 1e-6}, want: ratelimit.Config{Rate: 1e-6, Burst: 1}},
		"the most":       {give: ratelimit.Config{Rate: 1e9, Burst: 1, MaxWait: -1}, want: ratelimit.Config{Rate: 1e9, Burst: 1, MaxWait: -1}},
		"the most burst": {give: ratelimit.Config{Rate: 1e9}, want: ratelimit.Config{Rate: 1e9, Burst: 1e9}},
		"no limit":       {give: ratelimit.Config{Rate: -1}, want: ratelimit.Config{Rate: -1, Burst: 1}},
		"too low":        {give: ratelimit.Config{Rate: 0.99e-6}, err: "ratelimit: Rate is 9.9e-07; want 1e-06 to 1e+09, or -1 for no limit"},
		"too high":       {give: ratelimit.Config{Rate: 1.1e9}, err: "ratelimit: Rate is 1.1e+09; want 1e-06 to 1e+09, or -1 for no limit"},
		"no number":      {give: ratelimit.Config{Rate: math.NaN()}, err: "ratelimit: Rate is NaN; want 1e-06 to 1e+09, or -1 for no limit"},
		"all at once": {give: ratelimit.Config{Rate: -2, Burst: -1, MaxWait: -2}, err: "ratelimit: Rate is -2; want 1e-06 to 1e+09, or -1 for no limit\n" +
			"ratelimit: Burst is -1; want 1 to 2147483647, or 0 for the calls of one second\n" +
			"ratelimit: MaxWait is -2ns; want a positive duration, such as 500ms, 0 for no wait, or -1 to wait as long as the ctx lives"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := ratelimit.New(c.give)
			if c.err != "" {
				require.EqualError(t, err, c.err)
				require.Nil(t, l)
				p, err := c.give.Build()
				require.EqualError(t, err, c.err)
				require.Nil(t, p)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, l.Config())
			again, err := c.want.Resolve()
			require.NoError(t, err)
			require.Equal(t, c.want, again)
			p, err := c.give.Build()
			require.NoError(t, err)
			require.Equal(t, c.want, p.(*ratelimit.Limiter).Config())
			same, err := l.Build()
			require.NoError(t, err)
			require.Same(t, l, same)
		})
	}
}

func TestString(t *testing.T) {
	for want, c := range map[string]ratelimit.Config{
		"ratelimit 100/s":                     {Rate: 100},
		"ratelimit 0.5/s":                     {Rate: 0.5},
		"ratelimit 100/s (burst 20)":          {Rate: 100, Burst: 20},
		"ratelimit 100/s (wait 50ms)":         {Rate: 100, Burst: 100, MaxWait: 50 * ms},
		"ratelimit 2/s (burst 1, wait)":       {Rate: 2, Burst: 1, MaxWait: -1},
		"ratelimit 1000000/s (burst 1)":       {Rate: 1e6, Burst: 1},
		"ratelimit unlimited":                 {Rate: -1, Burst: 7, MaxWait: -1},
		"ratelimit 0.000001/s (burst 2)":      {Rate: 1e-6, Burst: 2},
		"ratelimit 100/s (burst 20, wait 1s)": {Rate: 100, Burst: 20, MaxWait: sec},
	} {
		require.Equal(t, want, newLimiter(t, c).String())
	}
}

// The boundaries of the bucket.
func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 10, Burst: 3})
		require.Equal(t, 3, admitted(t, l, 5), "a new bucket is full")
		require.Equal(t, ratelimit.Stats{Rate: 10, Burst: 3, Rejected: 2}, l.Stats())

		time.Sleep(100*ms - 2) // the bank rounds down to the nanosecond
		require.Zero(t, admitted(t, l, 1), "too soon")
		time.Sleep(2)
		require.Equal(t, 1, admitted(t, l, 2), "at the very moment")
		time.Sleep(250 * ms)
		require.InDelta(t, 2.5, l.Stats().Tokens, 1e-6)
		require.Equal(t, 2, admitted(t, l, 3), "the half one stays")
		time.Sleep(50 * ms)
		require.Equal(t, 1, admitted(t, l, 2))
		time.Sleep(time.Hour)
		require.InDelta(t, 3, l.Stats().Tokens, 0)
		require.Equal(t, 3, admitted(t, l, 5), "no more than the burst is saved")
	})
}

func TestBurstOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 2, Burst: 1})
		for range 10 {
			require.Equal(t, 1, admitted(t, l, 3))
			time.Sleep(500 * ms)
		}
		time.Sleep(time.Hour)
		require.Equal(t, 1, admitted(t, l, 3))
	})
}

func TestLessThanOneASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 0.1})
		require.Equal(t, 1, admitted(t, l, 2))
		time.Sleep(10*sec - 1)
		require.Zero(t, admitted(t, l, 1))
		time.Sleep(1)
		require.Equal(t, 1, admitted(t, l, 2))

		rare := newLimiter(t, ratelimit.Config{Rate: 1e-6, MaxWait: -1})
		require.NoError(t, rare.Acquire(t.Context()))
		start := time.Now()
		require.NoError(t, rare.Acquire(t.Context()))
		require.Equal(t, 1_000_000*sec, time.Since(start))
	})
}

func TestUnlimited(t *testing.T) {
	l := newLimiter(t, ratelimit.Config{Rate: -1, Burst: 1, MaxWait: sec})
	require.Equal(t, 1000, admitted(t, l, 1000))
	require.Equal(t, ratelimit.Stats{Rate: -1, Burst: 1, Tokens: 1}, l.Stats())
}

func TestRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 4, Burst: 1})
		require.NoError(t, l.Acquire(t.Context()))
		time.Sleep(50 * ms)
		err := l.Acquire(t.Context())
		require.EqualError(t, err, "rate limit reached: 4/s; next token in 200ms")
		var limited *ratelimit.LimitedError
		require.ErrorAs(t, err, &limited)
		require.Equal(t, 200*ms, limited.RetryAfter())
		require.Equal(t, 200*ms, resilience.RetryAfter(err))
		require.Equal(t, []any{4.0, 1, time.Duration(0), false}, []any{limited.Rate, limited.Burst, limited.MaxWait, limited.Deadline})
		require.Equal(t, resilience.Rejected, resilience.Classify(err))
		require.Equal(t, resilience.ReasonRateLimited, resilience.ReasonOf(err))
		require.Equal(t, "rate_limited", resilience.ReasonOf(err).String())
		require.True(t, resilience.ReasonOf(err).AtLimit())
		require.True(t, resilience.Unasked(err))
		require.NotErrorIs(t, err, errFull)

		time.Sleep(150 * ms)
		require.Equal(t, 50*ms, resilience.RetryAfter(err), "it counts down")
		again := l.Acquire(t.Context())
		require.Same(t, limited, again, "for those who come until a token does")
		time.Sleep(resilience.RetryAfter(err))
		require.Zero(t, resilience.RetryAfter(err))
		require.NoError(t, l.Acquire(t.Context()), "it was true")
		time.Sleep(sec)
		require.Zero(t, resilience.RetryAfter(err))

		err = l.Acquire(t.Context())
		require.NoError(t, err)
		err = l.Acquire(t.Context())
		require.NotSame(t, limited, err, "another token")
		require.Equal(t, 250*ms, resilience.RetryAfter(err))
	})
}

func TestNilAndZero(t *testing.T) {
	var none *ratelimit.Limiter
	for want, l := range map[string]*ratelimit.Limiter{
		"ratelimit: a nil *Limiter; make one with ratelimit.New": none,
		"ratelimit: a zero Limiter; make one with ratelimit.New": {},
	} {
		require.EqualError(t, l.Acquire(t.Context()), want)
		l.Release(t.Context(), errFull)
		l.Release(t.Context(), resilience.MarkRejected(errFull))
		_, err := l.Build()
		require.EqualError(t, err, want)
		require.EqualError(t, l.Update(ratelimit.Config{Rate: 1}), want)
		require.ErrorContains(t, l.Wrap(func(context.Context) error { panic("ran") })(t.Context()), want)
		require.Zero(t, l.Stats())
		require.Zero(t, l.Config())
		require.Equal(t, "ratelimit 0/s", l.String())
	}
	var nothing *ratelimit.LimitedError
	require.Equal(t, "a nil *ratelimit.LimitedError", nothing.Error())
	require.Zero(t, nothing.RetryAfter())
	require.NotErrorIs(t, nothing, ratelimit.ErrLimited)
	require.Equal(t, resilience.Unclassified, resilience.Classify(nothing))
	require.Equal(t, resilience.ReasonUnclassified, resilience.ReasonOf(nothing))
}

// However many take at once, on the real clock, no more pass than the rate and the burst allow.
func TestNoMorePassThanThereAreTokens(t *testing.T) {
	const rate, burst = 20_000, 50
	l := newLimiter(t, ratelimit.Config{Rate: rate, Burst: burst})
	var mu sync.Mutex
	passed := 0
	start := time.Now()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20_000 {
				if l.Acquire(t.Context()) == nil {
					mu.Lock()
					passed++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	most := burst + rate*time.Since(start).Seconds()
	require.LessOrEqual(t, float64(passed), most)
	require.GreaterOrEqual(t, passed, burst)
	require.EqualValues(t, 160_000-passed, l.Stats().Rejected)
}
