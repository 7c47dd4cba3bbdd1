package results_test

import (
	"slices"
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

// Source: Marc Brooker's simulator of timeouts and retries in an open system, which has no client
// that waits for others: latency 1 s + 10 ms for each attempt in flight, fixed when it arrives and
// counting itself; hops exp(0.1 s); attempts give up after 3 s, and the server goes on working for
// them; load 80 - 1.6·|t-25| calls a second over 80 s. The source waits U(0, 20 s) and U(0, 40 s)
// where it jitters. Trials: 1 seed a row, 12 at night. Band: collapsed, that is, fewer than half of
// the calls begun from 45 s to 60 s succeed, in every seed; or in none.
func TestCollapseByRamp(t *testing.T) {
	attempt := []resilience.Stage{deadline.In(3 * time.Second)}
	full := retry.Config{MaxRetries: 2, BaseDelay: 20 * time.Second, MaxDelay: 40 * time.Second, Jitter: retry.FullJitter}
	brief := retry.Config{MaxRetries: 2, BaseDelay: 100 * time.Millisecond, Jitter: retry.FullJitter}
	bank := budget.Config{Ratio: 0.1, Floor: -1, Burst: 10}
	arrival := bank
	arrival.DepositOn = budget.Arrival

	t.Log("tries                              collapsed  goodput at 45…60 s      A")
	type rowOf struct {
		name      string
		collapses bool
		stages    []resilience.Stage
	}
	for _, row := range raced([]rowOf{
		{"one", false, nil},
		{"three, at once", true, []resilience.Stage{atOnce(2)}},
		{"three, full jitter of 20 and 40 s", true, []resilience.Stage{full}},
		{"three, full jitter of 0.1 and 0.2 s", true, []resilience.Stage{brief}},
		{"three, budget fed by successes", false, []resilience.Stage{bank, atOnce(2)}},
		{"three, budget fed by arrivals", false, []resilience.Stage{arrival, atOnce(2)}},
		{"three, default budget", false, []resilience.Stage{budget.Config{}, atOnce(2)}},
	}, 0, 3, 5) {
		var goodput, amplification estimate
		least, most, collapsed := 1.0, 0.0, 0
		seeds := seedsOf(t, 12)
		for seed := range seeds {
			report := storm.Run(t, storm.Scenario{
				Name: row.name, Seed: uint64(seed), For: 80 * time.Second,
				Load: storm.Poisson(40).RampTo(80, 25*time.Second).RampTo(0, 75*time.Second),
				Server: storm.Server{
					Service: storm.Fixed(1010 * time.Millisecond), PerInFlight: 10 * time.Millisecond,
					Hop: storm.Exponential(100 * time.Millisecond),
				},
			}, func() storm.Doer {
				return holdfast.Must(holdfast.New("ramp", slices.Concat(row.stages, attempt)...))
			})
			late := report.Between(45*time.Second, 60*time.Second)
			goodput.add(late.Goodput())
			least, most = min(least, late.Goodput()), max(most, late.Goodput())
			amplification.add(report.Total.Amplification())
			if late.Goodput() < 0.5 {
				collapsed++
			}
		}
		t.Logf("%-36s %2d of %2d  %.3f (%.3f…%.3f)  %.3f", row.name, collapsed, seeds, goodput.mean(), least, most, amplification.mean())
		want := 0
		if row.collapses {
			want = seeds
		}
		require.Equal(t, want, collapsed, "seeds in which %s collapsed", row.name)
	}
}
