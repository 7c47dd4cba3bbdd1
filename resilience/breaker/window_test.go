package breaker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// counting is the Config of a breaker that counts, and never opens.
func counting(window time.Duration, buckets int) breaker.Config {
	return breaker.Config{Window: window, Buckets: buckets, MinRequests: 1_000_000_000, ConsecutiveFailures: -1}
}

// One outcome counts from when its call began, for at most the window, and at least for the window
// less one part: whether the buckets divide it or not.
func TestAnOutcomeCountsForAsLongAsSaid(t *testing.T) {
	for _, c := range []struct {
		window  time.Duration
		buckets int
	}{
		{10 * time.Second, 1}, {10 * time.Second, 2}, {10 * time.Second, 3}, {10 * time.Second, 7}, {10 * time.Second, 10},
		{time.Second, 10_000}, {7, 7}, {11, 7}, {19, 10}, {1, 1}, {time.Hour + 1, 13},
	} {
		for range 20 {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, counting(c.window, c.buckets))
				time.Sleep(time.Duration(rand.Int64N(3 * int64(c.window))))
				began := time.Now()
				times(t, 1, b, failing)
				require.EqualValues(t, 1, b.Counts().Failures)
				part := c.window / time.Duration(c.buckets)
				time.Sleep(c.window - part - 1)
				require.EqualValues(t, 1, b.Counts().Failures, "%v", c)
				for b.Counts().Failures > 0 {
					time.Sleep(max(1, part/16))
					require.LessOrEqual(t, time.Since(began), c.window+part/16, "%v", c)
				}
				require.Zero(t, b.Counts().Requests, "%v", c)
			})
		}
	}
}

// At the boundary: what began with the breaker counts until the very last nanosecond of the window.
func TestTheWindowEndsToTheNanosecond(t *testing.T) {
	for _, buckets := range []int{1, 2, 3, 7, 10} {
		synctest.Test(t, func(t *testing.T) {
			b := newBreaker(t, counting(10*time.Second, buckets))
			times(t, 1, b, failing)
			times(t, 1, b, working)
			time.Sleep(10*time.Second - 1)
			require.EqualValues(t, 2, b.Counts().Requests, buckets)
			time.Sleep(1)
			require.Zero(t, b.Counts().Requests, buckets)
		})
	}
}

// An outcome belongs to the part in which its call began. That of a call which takes as long as the
// window is dropped, and spoils no other part.
func TestALateOutcomeSpoilsNothing(t *testing.T) {
	for _, buckets := range []int{1, 2, 3, 10} {
		for _, late := range []resilience.Func{working, failing} {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, counting(10*time.Second, buckets))
				for _, takes := range []time.Duration{9999 * time.Millisecond, 10 * time.Second, 11 * time.Second, 20 * time.Second, time.Hour} {
					go func() {
						_ = b.Do(t.Context(), func(ctx context.Context) error { time.Sleep(takes); return late(ctx) })
					}()
				}
				time.Sleep(9999 * time.Millisecond)
				synctest.Wait()
				require.EqualValues(t, 1, b.Counts().Requests)
				time.Sleep(time.Millisecond)
				synctest.Wait()
				require.Zero(t, b.Counts().Requests)
				for range 3 {
					times(t, 4, b, working)
					time.Sleep(time.Second)
					synctest.Wait()
				}
				require.EqualValues(t, 12, b.Counts().Requests, buckets)
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				require.Zero(t, b.Counts().Requests)
			})
		}
	}
}

// Sums are exact once the calls in flight have reported, whoever calls at once, and however often
// parts turn meanwhile.
func TestSumsAreExact(t *testing.T) {
	const callers, calls = 8, 20_000
	for _, buckets := range []int{1, 4, 10, 33} {
		b := newBreaker(t, counting(time.Hour, buckets))
		var wg sync.WaitGroup
		for caller := range callers {
			wg.Go(func() {
				for i := range calls {
					op := working
					if (i+caller)%4 == 0 {
						op = failing
					}
					_ = b.Do(context.Background(), op)
				}
			})
		}
		wg.Wait()
		counts := b.Counts()
		require.EqualValues(t, callers*calls, counts.Requests)
		require.EqualValues(t, callers*calls/4, counts.Failures)
		require.EqualValues(t, callers*calls*3/4, counts.Successes)
	}
}

// naive keeps every outcome, and does by the documentation what the breaker does with buckets.
type naive struct {
	config   breaker.Config
	start    time.Time
	outcomes []naiveOutcome
	row      int
}

type naiveOutcome struct {
	began        time.Time
	failed, slow bool
}

// part returns how many parts of the window have passed until at.
func (n *naive) part(at time.Time) int64 {
	return int64(at.Sub(n.start)) * int64(n.config.Buckets) / int64(n.config.Window)
}

// outcome returns whether it opens the breaker.
func (n *naive) outcome(began time.Time, failed bool) bool {
	now := time.Now()
	slow := n.config.SlowCallDuration > 0 && now.Sub(began) > n.config.SlowCallDuration
	n.outcomes = append(n.outcomes, naiveOutcome{began, failed, slow})
	if n.row++; !failed {
		n.row = 0
	}
	requests, failures, slows := n.sums(now)
	return requests >= n.config.MinRequests && slows > 0 && float64(slows)/float64(requests) >= n.config.SlowCallRatio ||
		n.config.ConsecutiveFailures > 0 && n.row >= n.config.ConsecutiveFailures ||
		requests >= n.config.MinRequests && requests > 0 && float64(failures)/float64(requests) >= n.config.FailureRatio
}

func (n *naive) sums(now time.Time) (requests, failures, slows int) {
	for _, o := range n.outcomes {
		if n.part(now)-n.part(o.began) < int64(n.config.Buckets) {
			requests++
			if o.failed {
				failures++
			}
			if o.slow {
				slows++
			}
		}
	}
	return requests, failures, slows
}

// Beside a model without buckets: the same sums, and it opens at the same outcome, be it a success.
func TestTheWindowBesideANaiveOne(t *testing.T) {
	opened, bySuccess := 0, 0
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			c := breaker.Config{
				Window: time.Duration(1 + rng.IntN(2000)), Buckets: 1 + rng.IntN(12), MinRequests: 1 + rng.IntN(30),
				FailureRatio: float64(1+rng.IntN(100)) / 100, ConsecutiveFailures: -1 + rng.IntN(2)*(2+rng.IntN(20)),
			}
			c.Window = max(c.Window, time.Duration(c.Buckets))
			if rng.IntN(2) == 0 {
				c.SlowCallDuration, c.SlowCallRatio = 1+pick(rng, int(c.Window)), float64(1+rng.IntN(100))/100
			}
			failing100 := rng.IntN(101)
			b := newBreaker(t, c)
			c = b.Config()
			model := naive{config: c, start: time.Now()}
			for i := range 300 {
				takes, pause := pick(rng, int(c.Window)), pick(rng, int(c.Window)/10+1)
				failed := rng.IntN(100) < failing100
				began := time.Now()
				_ = b.Do(t.Context(), func(context.Context) error {
					time.Sleep(takes)
					if failed {
						return errDown
					}
					return nil
				})
				if rng.IntN(20) == 0 { // what says nothing is as if it had not been
					times(t, 1, b, returning(resilience.MarkRejected(errDown)))
				}
				opens := model.outcome(began, failed)
				require.Equal(t, opens, b.State() != breaker.StateClosed, "seed %d, call %d, %+v: %+v", seed, i, c, b.Counts())
				if opens {
					opened++
					if !failed {
						bySuccess++
					}
					return
				}
				time.Sleep(pause)
				requests, failures, slows := model.sums(time.Now())
				require.EqualValues(t, slows, b.Counts().Slow)
				require.EqualValues(t, requests, b.Counts().Requests, "seed %d, call %d, %+v", seed, i, c)
				require.EqualValues(t, failures, b.Counts().Failures)
				require.EqualValues(t, model.row, b.Counts().ConsecutiveFailures)
			}
		})
	}
	require.Greater(t, opened, 40)
	require.Greater(t, bySuccess, 2)
}

// pick returns no time at all, a little, or up to half as much again as most.
func pick(rng *rand.Rand, most int) time.Duration {
	switch rng.IntN(4) {
	case 0:
		return 0
	case 1:
		return time.Duration(rng.IntN(most/10 + 1))
	default:
		return time.Duration(rng.IntN(most*3/2 + 1))
	}
}

// A success may be what fills the window up to MinRequests, or what comes when the successes of
// before are forgotten.
func TestTheRatioIsDecidedAfterASuccessToo(t *testing.T) {
	t.Run("19 of 20", func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: -1})
		times(t, 19, b, failing)
		require.Equal(t, breaker.StateClosed, b.State())
		times(t, 1, b, working)
		require.Equal(t, breaker.StateOpen, b.State())
		require.EqualError(t, b.Why(), "19 of 20 outcomes in 10s failed (95%; FailureRatio is 50%)")
	})
	t.Run("the good ones are forgotten", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBreaker(t, breaker.Config{ConsecutiveFailures: -1})
			times(t, 100, b, working)
			time.Sleep(9 * time.Second)
			times(t, 30, b, failing)
			require.NoError(t, b.Do(t.Context(), func(context.Context) error { time.Sleep(500 * time.Millisecond); return nil }))
			require.Equal(t, breaker.StateClosed, b.State(), "30 of 131")
			require.NoError(t, b.Do(t.Context(), func(context.Context) error { time.Sleep(2 * time.Second); return nil }))
			require.Equal(t, breaker.StateOpen, b.State(), "30 of 32")
		})
	})
	t.Run("the bad ones are forgotten", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBreaker(t, breaker.Config{ConsecutiveFailures: -1})
			times(t, 19, b, failing)
			time.Sleep(9500 * time.Millisecond)
			require.NoError(t, b.Do(t.Context(), func(context.Context) error { time.Sleep(time.Second); return nil }))
			require.Equal(t, breaker.StateClosed, b.State(), "it began beside 19 failures, and ended alone")
		})
	})
}

// A share that is exactly the ratio opens, also where the product of the two is not a whole number
// in binary.
func TestExactlyAtTheRatio(t *testing.T) {
	for percent := 1; percent <= 100; percent++ {
		ratio := float64(percent) / 100
		t.Run(fmt.Sprint(percent), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, breaker.Config{FailureRatio: ratio, MinRequests: 100, ConsecutiveFailures: -1})
				times(t, 100-percent, b, working)
				times(t, percent-1, b, failing)
				require.Equal(t, breaker.StateClosed, b.State())
				times(t, 1, b, failing)
				require.Equal(t, breaker.StateOpen, b.State())

				b = due(t, breaker.Config{FailureRatio: ratio, MinRequests: 1, HalfOpenProbes: 100, ConsecutiveFailures: -1})
				times(t, 100-percent, b, working)
				times(t, percent-1, b, failing)
				require.Equal(t, breaker.StateHalfOpen, b.State(), b.Counts())
				times(t, 1, b, failing)
				require.Equal(t, breaker.StateOpen, b.State(), "lost, not closed")
			})
		})
	}
}

// One bucket: hangs of twice the window open it by their number in a row.
func TestOneBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Window: time.Second, Buckets: 1, ConsecutiveFailures: 5})
		for i := range 5 {
			require.Equal(t, breaker.StateClosed, b.State(), i)
			times(t, 1, b, func(context.Context) error { time.Sleep(2 * time.Second); return errDown })
		}
		require.Equal(t, breaker.StateOpen, b.State())
	})
}
