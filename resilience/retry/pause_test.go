package retry_test

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func hinted(d time.Duration) error { return resilience.MarkOverload(errRefused, d) }

// pauses returns how long each of so many callers paused who began together and were told hint,
// in order. A caller whose call was given up is not among them.
func pauses(t *testing.T, p *retry.Policy, callers int, hint, left time.Duration) (all []time.Duration) {
	t.Helper()
	start := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			ctx, attempts := t.Context(), 0
			if left > 0 {
				bounded, cancel := context.WithTimeout(ctx, left)
				defer cancel()
				ctx = bounded
			}
			_ = p.Do(ctx, func(ctx context.Context) error {
				if attempts++; attempts == 1 {
					return hinted(hint)
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, time.Since(start))
				if ctx.Err() != nil {
					t.Errorf("an attempt began under a ctx that had ended")
				}
				return nil
			})
		})
	}
	wg.Wait()
	slices.Sort(all)
	return all
}

// mostWithin returns how many of the sorted times lie within one span, wherever it begins.
func mostWithin(span time.Duration, sorted []time.Duration) (most int) {
	first := 0
	for i, at := range sorted {
		for at-sorted[first] >= span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// Callers who were told the same moment do not all come back at it.
func TestARetryAfterSpreads(t *testing.T) {
	const callers = 1000
	for name, c := range map[string]struct {
		config      retry.Config
		hint, left  time.Duration
		from, below time.Duration // every pause is in [from, below)
	}{
		"over half of it": {retry.Default(), 2 * time.Second, 0, 2 * time.Second, 3 * time.Second},
		"over the backoff, if that is longer": {
			retry.Config{BaseDelay: 4 * time.Second, Jitter: retry.EqualJitter}, time.Second, 0, time.Second, 5 * time.Second,
		},
		"full jitter":         {retry.Config{Jitter: retry.FullJitter}, 2 * time.Second, 0, 2 * time.Second, 3 * time.Second},
		"decorrelated jitter": {retry.Config{Jitter: retry.DecorrelatedJitter}, 2 * time.Second, 0, 2 * time.Second, 3 * time.Second},
		"proportional jitter": {retry.Config{Jitter: retry.ProportionalJitter(0.1)}, 2 * time.Second, 0, 2 * time.Second, 3 * time.Second},
		"beyond MaxDelay":     {retry.Config{MaxDelay: time.Second}, 20 * time.Second, 0, 20 * time.Second, 30 * time.Second},
		"beyond MaxRetryAfter, which is about the hint itself": {
			retry.Config{MaxRetryAfter: 2 * time.Second}, 2 * time.Second, 0, 2 * time.Second, 3 * time.Second,
		},
		"cut to the deadline": {retry.Default(), 2 * time.Second, 2800 * time.Millisecond, 2 * time.Second, 2800 * time.Millisecond},
		"cut to MinAttempt before it": {
			retry.Config{MinAttempt: 300 * time.Millisecond}, 2 * time.Second, 3100 * time.Millisecond, 2 * time.Second, 2800 * time.Millisecond,
		},
		"not cut by a deadline that is far off": {retry.Default(), 2 * time.Second, time.Hour, 2 * time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := pauses(t, newPolicy(t, c.config), callers, c.hint, c.left)
				require.Len(t, all, callers)
				require.GreaterOrEqual(t, all[0], c.from, "no pause is shorter than the hint")
				require.Less(t, all[callers-1], c.below)
				require.LessOrEqual(t, mostWithin(10*time.Millisecond, all), callers/20)
				require.Less(t, all[0], c.from+(c.below-c.from)/10, "spread from the hint on")
				require.Greater(t, all[callers-1], c.below-(c.below-c.from)/5, "and over all of it")
			})
		})
	}
}

func TestNoJitterSpreadsNoRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, withoutJitter(retry.Default()))
		for hint, want := range map[time.Duration]time.Duration{
			0: 100 * time.Millisecond, 1: 100 * time.Millisecond, 100*time.Millisecond - 1: 100 * time.Millisecond,
			100*time.Millisecond + 1: 100*time.Millisecond + 1, 2 * time.Second: 2 * time.Second,
		} {
			all := pauses(t, p, 100, hint, 0)
			require.Equal(t, want, all[0], hint)
			require.Equal(t, want, all[99], hint)
		}
	})
}

// A hint that fits the deadline is waited for, if only by a nanosecond; one that does not ends the
// call at once. What is spread on top never ends it.
func TestARetryAfterAtTheDeadline(t *testing.T) {
	const hint = 2 * time.Second
	for name, c := range map[string]struct {
		config   retry.Config
		left     time.Duration
		attempts int
		longest  time.Duration
	}{
		"ends before the hint":          {retry.Default(), hint - 1, 1, 0},
		"ends with the hint":            {retry.Default(), hint, 1, 0},
		"leaves a nanosecond":           {retry.Default(), hint + 1, 2, hint},
		"leaves half the spread":        {retry.Default(), hint + hint/4, 2, hint + hint/4 - 1},
		"leaves just the spread":        {retry.Default(), hint + hint/2, 2, hint + hint/2 - 1},
		"MinAttempt does not fit":       {retry.Config{MinAttempt: time.Second}, hint + time.Second, 1, 0},
		"MinAttempt just fits":          {retry.Config{MinAttempt: time.Second}, hint + time.Second + 1, 2, hint},
		"a MinAttempt out of reach":     {retry.Config{MinAttempt: math.MaxInt64}, time.Hour, 1, 0},
		"without jitter, with the hint": {withoutJitter(retry.Default()), hint, 1, 0},
		"without jitter, just fits":     {withoutJitter(retry.Default()), hint + 1, 2, hint},
		"without jitter, backoff does not fit": {
			withoutJitter(retry.Config{BaseDelay: 3 * time.Second}), 3 * time.Second, 1, 0,
		},
		"a backoff that would not fit is cut": {retry.Config{BaseDelay: time.Hour, MaxDelay: time.Hour}, hint + 1, 2, hint},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), c.left)
					defer cancel()
					s := play(hinted(hint))
					err := newPolicy(t, c.config).Do(ctx, s.op)
					require.Equal(t, c.attempts, s.attempts)
					require.NoError(t, ctx.Err(), "it answered before the deadline")
					if c.attempts == 1 {
						require.ErrorIs(t, err, deadline.ErrTooLate)
						require.Zero(t, time.Since(s.start), "without a pause")
						return
					}
					require.NoError(t, err)
					require.GreaterOrEqual(t, s.began[1], hint)
					require.LessOrEqual(t, s.began[1], c.longest)
				})
			}
		})
	}
}

// A hint of any length, with or without a limit, makes no pause that is negative or shorter.
func TestARetryAfterOfAnyLength(t *testing.T) {
	for _, hint := range []time.Duration{1, 2, 3, time.Hour, 100 * 365 * 24 * time.Hour, math.MaxInt64 / 4} {
		synctest.Test(t, func(t *testing.T) {
			s := play(hinted(hint))
			c := retry.Config{MaxRetryAfter: -1, BaseDelay: 1, MaxDelay: 1}
			require.NoError(t, newPolicy(t, c).Do(t.Context(), s.op))
			require.GreaterOrEqual(t, s.began[1], hint)
			require.LessOrEqual(t, s.began[1], hint+hint/2+1)
		})
	}
}

// The pause that EventRetry tells is the one that is made.
func TestEventRetryTellsTheSpreadPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told time.Duration
		linked := watched(newPolicy(t, retry.Default()), resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventRetry {
				told = e.Delay
			}
		}))
		s := play(hinted(2 * time.Second))
		require.NoError(t, linked.Wrap(s.op)(t.Context()))
		require.Equal(t, s.began[1], told)
		require.GreaterOrEqual(t, told, 2*time.Second)
	})
}

// A bare backoff of the longest duration there is, and no deadline: it is waited for.
func TestTheLongestPauseIsNotTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Hour, cancel)
		s := play(errDown)
		err := newPolicy(t, withoutJitter(retry.Config{BaseDelay: math.MaxInt64})).Do(ctx, s.op)
		require.ErrorIs(t, err, retry.ErrCanceled)
		require.Equal(t, time.Hour, time.Since(s.start))
	})
}
