package plan_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
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

var errDown = resilience.MarkTransient(errors.New("down"))

// outage makes so many calls a second for a while, evenly. All fail at once. It returns the number
// of attempts.
func outage(t *testing.T, p *holdfast.Pipeline, rps float64, lasts time.Duration) (calls, attempts int) {
	t.Helper()
	return outageWith(t, errDown, p, rps, lasts)
}

func outageWith(t *testing.T, err error, p *holdfast.Pipeline, rps float64, lasts time.Duration) (calls, attempts int) {
	t.Helper()
	var ran atomic.Int64
	for at := time.Duration(0); at < lasts; at += time.Duration(float64(time.Second) / rps) {
		calls++
		go func() { _ = p.Do(context.Background(), func(context.Context) error { ran.Add(1); return err }) }()
		pass(t.Context(), time.Duration(float64(time.Second)/rps))
		synctest.Wait()
	}
	pass(t.Context(), time.Minute) // for the last to end
	synctest.Wait()
	return calls, int(ran.Load())
}

// A pooled budget has a share of the floor in each pod. If the pods are not known, or it is not
// pooled, it has all of it.
func TestAPooledFloorIsDivided(t *testing.T) {
	pooled, alone := planOf(t, budget.Config{Floor: 6, Fleet: true}, retry.Default()), planOf(t, budget.Config{Floor: 6}, retry.Default())
	for pods, floor := range map[int]float64{-1: 6, 0: 6, 1: 6, 2: 3, 60: 0.1} {
		pooled.Pods, alone.Pods = pods, pods
		require.InDelta(t, floor, pooled.Floor(), 1e-12, pods)
		require.InDelta(t, 6, alone.Floor(), 0, pods)
		require.InDelta(t, 1+floor/100, pooled.Sustained(100), 1e-12, pods)
		require.InDelta(t, 1.06, alone.Sustained(100), 1e-12, pods)
	}
	off := planOf(t, budget.Config{Floor: -1, Fleet: true}, retry.Default())
	off.Pods = 3
	require.Zero(t, off.Floor())
	require.Zero(t, (plan.Plan{Pods: 3}).Floor())
}

// A real pipeline in a real outage makes as many attempts as the closed form says.
func TestAmplificationIsWhatAPipelineDoes(t *testing.T) {
	const lasts = 200 * time.Second
	for _, rps := range []float64{0.5, 4, 20} {
		for name, bank := range map[string][]resilience.Stage{
			"none":       nil,
			"shadow":     {budget.Config{Shadow: true}},
			"floor 1":    {budget.Config{Burst: 10}},
			"floor 7":    {budget.Config{Floor: 7}},
			"no floor":   {budget.Config{Floor: -1}},
			"empty":      {budget.Config{Ratio: -1, Floor: -1, Initial: -1}},
			"five":       {budget.Config{Ratio: -1, Floor: -1, Initial: 5}},
			"only floor": {budget.Config{Ratio: -1, Initial: -1}},
			"arrivals":   {budget.Config{DepositOn: budget.Arrival, Ratio: 0.5}},
			"very high":  {budget.Config{DepositOn: budget.Arrival, Ratio: 50}},
		} {
			t.Run(fmt.Sprint(name, " ", rps), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					stages := slices.Concat(bank, []resilience.Stage{retry.Custom(3, 10*ms, time.Second, false)})
					p := planOf(t, stages...)
					calls, attempts := outage(t, holdfast.Must(holdfast.New("p", stages...)), rps, lasts)
					retries := float64(attempts - calls)
					require.LessOrEqual(t, retries, p.Paid(rps, lasts+time.Second))
					sustained := p.Sustained(rps)
					burst := 0.0
					if p.Limited() {
						burst = p.Bank() + p.Floor() + 1
					}
					if rps < p.Floor() { // the floor saves a second's worth, and has to forfeit more than that: at the most, then
						require.LessOrEqual(t, retries, (sustained-1)*float64(calls)+burst)
						return
					}
					require.InDelta(t, (sustained-1)*float64(calls), retries, burst+0.02*retries)
				})
			})
		}
	}
}

// Likewise where all attempts fail slowly, and a retry costs more.
func TestAmplificationWhereAllFailSlowly(t *testing.T) {
	const lasts, rps = 400 * time.Second, 4
	slowly := resilience.MarkOverload(errors.New("too much to do"), 0)
	for name, c := range map[string]budget.Config{
		"no price":      {},
		"floor 1":       {SlowCost: 5},
		"part of one":   {SlowCost: 2.5, Floor: 2},
		"large floor":   {SlowCost: 5, Floor: 7},
		"all of burst":  {SlowCost: 10},
		"no floor":      {SlowCost: 5, Floor: -1},
		"rich deposits": {SlowCost: 5, Ratio: 3, DepositOn: budget.AnySuccess, RefundOnSuccess: true},
		"arrivals":      {SlowCost: 5, DepositOn: budget.Arrival, Ratio: 0.5},
		"shadow":        {SlowCost: 5, Shadow: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stages := []resilience.Stage{c, retry.Custom(3, 10*ms, time.Second, false)}
				p := planOf(t, stages...)
				calls, attempts := outageWith(t, slowly, holdfast.Must(holdfast.New("p", stages...)), rps, lasts)
				retries := float64(attempts - calls)
				require.LessOrEqual(t, retries, p.PaidSlow(rps, lasts+time.Second))
				require.InDelta(t, (p.SustainedSlow(rps)-1)*float64(calls), retries, p.Bank()+p.Floor()+2+0.02*retries)
				require.LessOrEqual(t, p.SustainedSlow(rps), p.Sustained(rps))
			})
		})
	}
}

func TestFailsSlowly(t *testing.T) {
	loop := retry.Config{}
	for _, c := range []struct {
		p     plan.Plan
		takes time.Duration
		want  bool
	}{
		{planOf(t, loop), time.Hour, false},
		{planOf(t, deadline.In(time.Minute), loop, deadline.In(time.Second)), 500 * ms, false},
		{planOf(t, deadline.In(time.Minute), loop, deadline.In(time.Second)), 500*ms + 1, true},
		{planOf(t, deadline.In(time.Second), loop), 501 * ms, true},
	} {
		require.Equal(t, c.want, c.p.FailsSlowly(c.takes), "%+v", c)
	}
	require.Equal(t, 1.0, planOf(t, loop).SlowCost())
}

// A breaker's window sees fewer outcomes if its attempts fail slowly.
func TestOutcomesOfSlowFailures(t *testing.T) {
	window := breaker.Config{Window: 10 * time.Second}
	p := planOf(t, budget.Config{SlowCost: 5, Burst: 10, Floor: -1}, retry.Config{MaxRetries: 100}, deadline.In(time.Second))
	_, quick := p.Outcomes(plan.Breaker{Config: window}, 1, 0, 20)
	_, slow := p.Outcomes(plan.Breaker{Config: window}, 1, time.Second, 20)
	require.InDelta(t, 10+10, quick, 1e-9)
	require.InDelta(t, 9+2, slow, 1e-9)
}

func TestBurstLasts(t *testing.T) {
	p := planOf(t, budget.Config{Burst: 1000, Floor: -1}, retry.Config{MaxRetries: 5})
	require.Equal(t, time.Second, p.BurstLasts(200))
	require.Equal(t, plan.Forever, p.BurstLasts(0))
	require.Equal(t, plan.Forever, planOf(t, budget.Config{Floor: 10}, retry.Config{}).BurstLasts(1))
	require.Equal(t, plan.Forever, planOf(t, retry.Config{}).BurstLasts(1))
	require.Equal(t, time.Duration(0), planOf(t, budget.Config{}, retry.Config{MaxRetries: retry.Unlimited}).BurstLasts(1))
}

// How many retries a bank pays for, and whether it runs dry: a bank without deposits pays for what
// it begins with.
func TestBank(t *testing.T) {
	loop := retry.Config{MaxRetries: 5}
	for _, test := range []struct {
		budget             budget.Config
		bank               float64
		runsDry, neverPaid bool
	}{
		{budget.Config{}, 10, false, false},
		{budget.Config{Initial: -1}, 10, false, false}, // successes fill it
		{budget.Config{Ratio: -1}, 10, false, false},
		{budget.Config{Ratio: -1, Initial: -1}, 0, false, false}, // the floor pays
		{budget.Config{Ratio: -1, Floor: -1, Initial: 3}, 3, true, false},
		{budget.Config{Ratio: -1, Floor: -1}, 10, true, false},
		{budget.Config{Ratio: -1, Floor: -1, Initial: -1}, 0, true, true},
		{budget.Config{Ratio: -1, Floor: -1, Initial: -1, DepositOn: budget.Arrival}, 0, true, true},
		{budget.Config{Ratio: -1, Floor: -1, Initial: -1, Shadow: true}, 0, false, false},
	} {
		p := planOf(t, test.budget, loop)
		require.InDelta(t, test.bank, p.Bank(), 0, test)
		require.Equal(t, []bool{test.runsDry, test.neverPaid}, []bool{p.RunsDry(), p.NeverPaid()}, test)
		s := p.OnlyPaid().Best()
		if test.neverPaid {
			require.Equal(t, []any{1, plan.NotPaid}, []any{s.Runs, s.Ending}, test)
			require.Equal(t, 6, p.Best().Runs, "unless that is asked for")
			require.Equal(t, 1, p.OnlyPaid().MostAttempts())
		} else {
			require.Equal(t, p.Best(), s, test)
		}
	}
	require.False(t, planOf(t, budget.Config{Ratio: -1, Floor: -1, Initial: -1}, retry.Config{MaxRetries: retry.None}).NeverPaid())
	require.Zero(t, planOf(t, loop).Bank())
	require.Equal(t, time.Duration(0), planOf(t, budget.Config{Ratio: -1, Floor: -1, Initial: -1}, loop).BurstLasts(1))
}

func TestMostAttempts(t *testing.T) {
	require.Equal(t, 1, planOf(t, breaker.Config{}).MostAttempts())
	require.Equal(t, 6, planOf(t, retry.Aggressive()).MostAttempts())
	require.Equal(t, plan.Unlimited, planOf(t, retry.Config{MaxRetries: retry.Unlimited}).MostAttempts())
	require.True(t, math.IsInf(planOf(t, retry.Config{MaxRetries: retry.Unlimited}).Unpaid(), 1))
	require.Equal(t, 1_000_001, planOf(t, retry.Config{MaxRetries: 1_000_000}).MostAttempts())
	// 1 s apart: at 0, 1 and 2 s, and the deadline is at 2.5 s.
	require.Equal(t, 3, planOf(t, deadline.In(2500*ms), retry.Config{
		MaxRetries: 9, BaseDelay: time.Second, Backoff: retry.Constant, Jitter: retry.NoJitter,
	}).MostAttempts())
	require.True(t, math.IsNaN(planOf(t, budget.Config{}, retry.Config{}).Sustained(0)))
}
