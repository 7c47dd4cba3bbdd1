package results_test

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
	"github.com/media-gateway/holdfast/storm"
)

// Source: the arithmetic of a queue, as in TestDepositRule. 10 workers, load ρ; all of them stand
// still for D. An attempt that comes then waits for ρD, and for 1-ρ less with each second. It is
// given up after 1 s, and succeeds if it waits for less than a, which is 1 s less its own work.
//
// No retries: all is well when ρD - (1-ρ)t = a, so that with a patience of t the longest stall is
// D* = (a + (1-ρ)t)/ρ. It has no other bound: without retries, a queue empties.
//
// Retries at once: the first to come in a stall waits longest, for D. Those of the first
// (D-a)/(1-ρ) wait for more than a, and come again 1 s after they came. As long as they do, 2ρ
// arrives, and the wait grows from D - (1-ρ)·1 s by (2ρ-1)(D-a)/(1-ρ). If that is more than a, all
// attempts time out, and all come again, for ever. So D* = a + (1-ρ)²/ρ · 1 s.
//
// Trials: 2 seeds a row. Band of their mean: half a Step, since D* is the multiple below, and a
// Step more; without retries, also three standard errors of what comes in by chance, 80·45 ±
// √(80·45) calls, of which each 20 are a second of t.
func TestCriticalDuration(t *testing.T) {
	const rho, patience, limit, a, step = 0.8, 30.0, 1.0, 0.9, 250 * time.Millisecond
	seeds := max(1, seedsOf(t, 2))
	noRetries := (a + (1-rho)*patience) / rho
	chance := math.Sqrt(80*45) / 20 * (1 - rho) / rho
	retries := a + (1-rho)*(1-rho)/rho*limit
	for _, row := range []struct {
		name         string
		want, within float64 // seconds
		stages       []resilience.Stage
	}{
		{"no retries", noRetries, step.Seconds() + 3*chance/math.Sqrt(float64(seeds)), nil},
		{"retries alone", retries, step.Seconds(), []resilience.Stage{atOnce(2)}},
	} {
		d, err := storm.Bisection{Step: step, Seeds: seeds}.CriticalDuration(storm.Scenario{
			Load: storm.Poisson(rho * 100), For: 15*time.Second + patience*time.Second, Clients: 10,
			Server: storm.Server{Workers: 10, Service: storm.Fixed(100 * time.Millisecond)},
		}, storm.Trigger{At: 10 * time.Second, CapacityLoss: 1}, func() storm.Doer {
			return holdfast.Must(holdfast.New("p", append(row.stages, deadline.In(time.Second))...))
		})
		require.NoError(t, err)
		var found estimate
		for _, s := range d.Seeds {
			require.False(t, s.Saturated)
			found.add(s.Duration.Seconds() + step.Seconds()/2)
		}
		t.Logf("%-14s %v; mean %.2f ± %.2f s, in theory %.2f s", row.name, d, found.mean(), found.stdErr(), row.want)
		require.InDelta(t, row.want, found.mean(), row.within, row.name)
	}
}

// The table "How long a trouble it survives" of docs/storms.md: which policy bears how long a stall
// at a load of 0.8, with ten clients, if a minute is left to come back. It takes some minutes, so
// only a night plays it (HOLDFAST_STORM_SEEDS). Trials: 5 seeds. Band: the figures of the table, by
// as much as seeds vary.
func TestCriticalDurationOfPolicies(t *testing.T) {
	if os.Getenv("HOLDFAST_STORM_SEEDS") == "" {
		t.Skip("some minutes long; HOLDFAST_STORM_SEEDS=1 plays it")
	}
	all, attempt := deadline.In(10*time.Second), deadline.In(time.Second)
	arrivals := budget.Config{Ratio: 0.2, DepositOn: budget.Arrival}
	arrivalsOnly := arrivals
	arrivalsOnly.Floor = -1
	for _, row := range []struct {
		name        string
		least, most float64 // seconds, of the median
		stages      []resilience.Stage
	}{
		{"retries alone", 0.75, 1.25, []resilience.Stage{all, retry.Aggressive(), attempt}},
		{"budget, 20 % of arrivals", 0.75, 1.75, []resilience.Stage{all, arrivals, retry.Aggressive(), attempt}},
		{"budget, 20 % of arrivals, no Floor", 2.5, 4.5, []resilience.Stage{all, arrivalsOnly, retry.Aggressive(), attempt}},
		{"budget, 20 % of successes", 8, 17, []resilience.Stage{all, budget.Config{Ratio: 0.2}, retry.Aggressive(), attempt}},
		{"no retries", 13, 17, []resilience.Stage{all, attempt}},
		{"Standard", 32, 32, holdfast.Standard()},
		{"Critical", 32, 32, holdfast.Critical()},
	} {
		d, err := storm.CriticalDuration(storm.Scenario{
			Load: storm.Poisson(160), For: 70 * time.Second, Clients: 10,
			Server: storm.Server{
				Workers: 10, Service: storm.Exponential(50 * time.Millisecond), Hop: storm.Exponential(2 * time.Millisecond),
			},
		}, storm.Trigger{At: 10 * time.Second, CapacityLoss: 1}, func() storm.Doer {
			return holdfast.Must(holdfast.New("p", row.stages...))
		})
		require.NoError(t, err)
		t.Logf("%-35s %v", row.name, d)
		got := d.Median().Duration.Seconds()
		require.GreaterOrEqual(t, got, row.least, row.name)
		require.LessOrEqual(t, got, row.most, row.name)
	}
}
