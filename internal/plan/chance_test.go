package plan_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// A real breaker trips after as many outcomes as the formula says, on the mean of many runs.
func TestRunLengthIsWhatABreakerDoes(t *testing.T) {
	const lives = 2000
	for _, c := range []struct {
		inARow  int
		failing float64
	}{{1, 0.5}, {3, 0.5}, {5, 0.5}, {3, 0.2}, {10, 0.8}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			b, err := breaker.New(breaker.Config{FailureRatio: -1, ConsecutiveFailures: c.inARow, Window: time.Hour})
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(7, uint64(c.inARow)))
			trials := 0
			for range lives {
				for b.State() == breaker.StateClosed {
					trials++
					_ = b.Do(t.Context(), func(context.Context) error {
						if rng.Float64() < c.failing {
							return errDown
						}
						return nil
					})
				}
				b.Reset()
			}
			require.InEpsilon(t, plan.RunLength(c.inARow, c.failing), float64(trials)/lives, 0.08)
		})
	}
	require.InDelta(t, 2046, plan.RunLength(10, 0.5), 1e-6)
	require.InDelta(t, 1110, plan.RunLength(3, 0.1), 1e-6)
	require.InDelta(t, 7, plan.RunLength(7, 1), 0)
	require.True(t, math.IsInf(plan.RunLength(7, 0), 1))
	require.Zero(t, plan.RunLength(0, 0.5))
}

func TestAtLeast(t *testing.T) {
	require.InDelta(t, 1-math.Exp(-2), plan.AtLeast(1, 2), 1e-12)
	require.InDelta(t, 1-3*math.Exp(-2), plan.AtLeast(2, 2), 1e-12)
	require.InDelta(t, 1, plan.AtLeast(0, 2), 0)
	require.Zero(t, plan.AtLeast(1, 0))
	require.InDelta(t, 0.5, plan.AtLeast(10_000, 10_000), 0.01)
	require.InDelta(t, plan.AtLeast(10_000, 9900), plan.AtLeast(10_001, 9901), 0.001) // exact beside normal
	require.InDelta(t, 1, plan.AtLeast(5, 1e9), 1e-9)
	require.Zero(t, plan.AtLeast(2_000_000_000, 5))
}

// The window drops an outcome that took as long as it: attempts that hang longer never open a
// breaker by FailureRatio alone.
func TestAWindowShorterThanAnAttemptIsBlind(t *testing.T) {
	for _, buckets := range []int{1, 2, 10} {
		for _, c := range []struct {
			takes time.Duration
			opens bool
		}{{3 * time.Second, false}, {2*time.Second + 1, false}, {2 * time.Second, false}, {900 * ms, true}} {
			synctest.Test(t, func(t *testing.T) {
				b, err := breaker.Config{Window: 2 * time.Second, Buckets: buckets, MinRequests: 1, ConsecutiveFailures: -1}.Resolve()
				require.NoError(t, err)
				p := holdfast.Must(holdfast.New("p", retry.Config{MaxRetries: retry.None}, b))
				for range 30 {
					_ = p.Do(t.Context(), func(ctx context.Context) error { pass(ctx, c.takes); return errDown })
				}
				opened := p.Snapshot().Breakers[0].State != breaker.StateClosed
				require.Equal(t, c.opens, opened, "%d buckets, %v", buckets, c.takes)
				require.Equal(t, !c.opens, plan.Breaker{Config: b}.Blind(c.takes), "%d buckets, %v", buckets, c.takes)
			})
		}
	}
}

// Failures in a row count over any time: they open a breaker even if they are rare, or hang for
// longer than the window.
func TestFailuresInARowCountOverAnyTime(t *testing.T) {
	for _, c := range []struct{ every, takes time.Duration }{{1100 * ms, 0}, {time.Hour, 0}, {0, time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			b := breaker.Config{FailureRatio: -1, ConsecutiveFailures: 11, Window: 10 * time.Second}
			p := holdfast.Must(holdfast.New("p", b))
			for made := range 11 {
				require.Equal(t, breaker.StateClosed, p.Snapshot().Breakers[0].State, "%d of %v", made, c)
				_ = p.Do(t.Context(), func(ctx context.Context) error { pass(ctx, c.takes); return errDown })
				if made < 10 {
					pass(t.Context(), c.every)
				}
			}
			require.Equal(t, breaker.StateOpen, p.Snapshot().Breakers[0].State, "%v", c)
		})
	}
}

// The time until failures in a row open a breaker, compared with real pipelines in outages with
// random arrivals.
func TestOpensAfterBesideARealBreaker(t *testing.T) {
	const lives = 40
	shut := breaker.Config{FailureRatio: -1, ConsecutiveFailures: 20}
	for name, stages := range map[string][]resilience.Stage{
		"no retries":       {shut},
		"no budget":        {retry.Config{MaxRetries: 3}, shut},
		"around the loop":  {shut, retry.Config{MaxRetries: 3}},
		"preset's budget":  {budget.Config{Ratio: 0.3, Floor: 0.5, Burst: 5}, retry.Aggressive(), shut},
		"default budget":   {budget.Config{}, retry.Config{}, shut},
		"no floor":         {budget.Config{Floor: -1, Burst: 5}, retry.Gentle(), shut},
		"high floor":       {budget.Config{Floor: 7, Burst: 1}, retry.Config{MaxRetries: 2}, shut},
		"fed by arrivals":  {budget.Config{DepositOn: budget.Arrival, Ratio: 0.5, Burst: 5, Floor: -1}, retry.Config{}, shut},
		"budget in shadow": {budget.Config{Shadow: true}, retry.Config{}, shut},
	} {
		for _, rps := range []float64{0.05, 0.5, 20} {
			t.Run(fmt.Sprint(name, " ", rps), func(t *testing.T) {
				plan := planOf(t, stages...)
				want := plan.OpensAfter(plan.Breakers[0], rps)
				var took time.Duration
				synctest.Test(t, func(t *testing.T) {
					rng := rand.New(rand.NewPCG(3, 3))
					for range lives {
						p := holdfast.Must(holdfast.New("p", stages...))
						began := time.Now()
						for p.Snapshot().Breakers[0].State == breaker.StateClosed {
							pass(t.Context(), time.Duration(rng.ExpFloat64()/rps*float64(time.Second)))
							go func() { _ = p.Do(context.Background(), func(context.Context) error { return errDown }) }()
							synctest.Wait()
						}
						took += time.Since(began)
						pass(t.Context(), time.Hour)
					}
				})
				// Retries come after pauses, so that it may take a little longer.
				require.InDelta(t, want.Seconds(), took.Seconds()/lives, 0.25*want.Seconds()+1)
			})
		}
	}
	require.Equal(t, plan.Forever, planOf(t, breaker.Config{}).OpensAfter(plan.Breaker{}, 1))
	require.Equal(t, plan.Forever, planOf(t, breaker.Config{}).OpensAfter(planOf(t, shut).Breakers[0], 0))
}

// The chance that a window holds so many outcomes, compared with a real breaker in an outage with
// random arrivals.
func TestOutcomesBesideARealBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.Config{FailureRatio: -1, ConsecutiveFailures: 1_000_000, MinRequests: 1}
		p := holdfast.Must(holdfast.New("p", b))
		rng := rand.New(rand.NewPCG(1, 1))
		const rps, atLeast = 1.0, 12
		looked, had := 0, 0
		for range 20_000 {
			pass(t.Context(), time.Duration(rng.ExpFloat64()/rps*float64(time.Second)))
			_ = p.Do(t.Context(), func(context.Context) error { return errDown })
			looked++
			if p.Snapshot().Breakers[0].Counts.Failures >= atLeast {
				had++
			}
		}
		r, err := b.Resolve()
		require.NoError(t, err)
		chance, mean := planOf(t, b).Outcomes(plan.Breaker{Config: r}, rps, 0, atLeast-1) // the arrival itself is one
		require.InDelta(t, 10, mean, 1e-9)
		// The window forgets a tenth at a time, so it holds 9.5 s on average: the plan's bound is
		// above.
		require.LessOrEqual(t, float64(had)/float64(looked), chance)
		require.Greater(t, float64(had)/float64(looked), chance-0.1)
	})
}

func TestOutcomesCountRetries(t *testing.T) {
	b, err := breaker.Config{}.Resolve()
	require.NoError(t, err)
	p := planOf(t, retry.Config{MaxRetries: 3}, breaker.Config{})
	chance, mean := p.Outcomes(plan.Breaker{Config: b}, 1, 0, 20)
	require.InDelta(t, 40, mean, 1e-9)
	require.InDelta(t, plan.AtLeast(5, 10), chance, 1e-12) // five calls are 20 attempts
	_, mean = p.Outcomes(plan.Breaker{Config: b, PerCall: true}, 1, 0, 20)
	require.InDelta(t, 10, mean, 1e-9)
	chance, _ = p.Outcomes(plan.Breaker{Config: b}, 0, 0, 20)
	require.Zero(t, chance)
}

// If attempts hang as long as the window, only those count that the call's deadline ends sooner.
func TestWhatTheDeadlineCutsStillCounts(t *testing.T) {
	for _, c := range []struct {
		deadline time.Duration
		failures uint64
	}{{2 * time.Second, 1}, {2351 * ms, 0}} { // four attempts and 350 ms of pauses: the fourth has 150 ms, or all its 500
		synctest.Test(t, func(t *testing.T) {
			p := holdfast.Must(holdfast.New("p", deadline.In(c.deadline), retry.Custom(3, 50*ms, time.Second, false),
				breaker.Config{Window: 500 * ms, ConsecutiveFailures: 5}, deadline.In(500*ms)))
			_ = p.Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			require.Equal(t, c.failures, p.Snapshot().Breakers[0].Counts.Failures, "%v", c.deadline)
		})
	}
}
