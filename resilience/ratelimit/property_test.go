package ratelimit_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// arrival is a call of a random episode.
type arrival struct {
	came, over time.Time
	deadline   time.Time // of its ctx; zero: none
	canceled   bool
	err        error
}

// Whatever comes, leaves, is given back and is changed: in no stretch of time more calls pass than
// the burst and the rate allow, who came first passes first, nobody waits longer than allowed, and
// nobody waits while there is a token.
func TestRandomEpisodes(t *testing.T) {
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) { episode(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func episode(t *testing.T, rng *rand.Rand) {
	t.Helper()
	pick := func(of ...float64) float64 { return of[rng.IntN(len(of))] }
	c := ratelimit.Config{
		Rate: pick(0.5, 3, 10, 70, 1000), Burst: 1 + rng.IntN(8), MaxWait: []time.Duration{0, -1, 50 * ms, sec}[rng.IntN(4)],
	}
	most := c // the highest rate and burst that were in force
	l := newLimiter(t, c)
	var mu sync.Mutex
	var calls []*arrival
	var passed []*arrival
	back := 0
	var all sync.WaitGroup
	for range 120 {
		time.Sleep(time.Duration(rng.ExpFloat64() * float64(sec) / (c.Rate * pick(0.5, 2, 10))))
		switch n := rng.IntN(20); {
		case n == 0:
			c.Rate *= pick(0.5, 2)
			c.Burst = 1 + rng.IntN(8)
			most.Rate, most.Burst = max(most.Rate, c.Rate), max(most.Burst, c.Burst)
			require.NoError(t, l.Update(c))
		case n == 1:
			back++
			l.Release(t.Context(), resilience.MarkRejected(errFull))
		default:
			a := &arrival{came: time.Now()}
			ctx, cancel := context.WithCancel(t.Context())
			if rng.IntN(4) == 0 {
				ctx, cancel = context.WithTimeout(t.Context(), time.Duration(rng.ExpFloat64()*3*float64(sec)/c.Rate))
				a.deadline, _ = ctx.Deadline()
			}
			if a.canceled = rng.IntN(6) == 0; a.canceled {
				time.AfterFunc(time.Duration(rng.ExpFloat64()*2*float64(sec)/c.Rate), cancel)
			}
			calls = append(calls, a)
			all.Go(func() {
				defer cancel()
				err := l.Acquire(ctx)
				mu.Lock()
				defer mu.Unlock()
				a.err, a.over = err, time.Now()
				if err == nil {
					passed = append(passed, a)
				}
			})
		}
		synctest.Wait()
		if s := l.Stats(); s.Waiting > 0 {
			require.Less(t, s.Tokens, 1.0, "somebody waits")
		}
	}
	all.Wait()
	require.Zero(t, l.Stats().Waiting)
	require.NotEmpty(t, passed)
	for i, a := range passed {
		if i > 0 {
			require.False(t, a.came.Before(passed[i-1].came), "somebody overtook")
		}
		require.True(t, a.deadline.IsZero() || a.over.Before(a.deadline), "too late to begin")
		if c.MaxWait >= 0 {
			require.LessOrEqual(t, a.over.Sub(a.came), c.MaxWait+ms/1000, "waited too long")
		}
		for j, b := range passed[i:] {
			allowed := float64(most.Burst+back) + most.Rate*(b.over.Sub(a.over)+2*time.Nanosecond).Seconds() + 1e-6
			require.LessOrEqual(t, float64(j+1), allowed, "of %d", len(passed))
		}
	}
	for _, a := range calls {
		if a.err != nil && !a.canceled && (a.deadline.IsZero() || a.over.Before(a.deadline)) {
			require.ErrorIs(t, a.err, ratelimit.ErrLimited)
		}
		if a.err != nil && c.MaxWait == 0 {
			require.Equal(t, a.came, a.over, "nobody waits")
		}
	}
}
