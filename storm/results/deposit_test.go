package results_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/storm"
)

// Source: the arithmetic of a queue. 10 workers take 100 ms on average (exponential), 100 attempts
// a second. An outage of 4 s leaves a queue in which all attempts time out (2 s), while the server
// works it off. A budget that is fed by arrivals then pays for ratio retries a call, so that
// ρ·(1+ratio) arrives: at ρ = 0.9 and a ratio of 0.2 that is 1.08 of what the server can do, and
// the queue grows for ever. Fed by successes, the budget is spent at once, ρ arrives, and the queue
// empties. Without the outage, nobody times out. At ρ = 0.7, where 0.84 arrives, both recover.
// Trials: 1 seed a row, 8 at night. Band, for the last 30 s of 150, in every seed: stuck, a goodput
// below 0.01 and an amplification of 1.2 within 0.01; recovered, a goodput above 0.99 and an
// amplification below 1.01.
func TestDepositRule(t *testing.T) {
	const ratio, length = 0.2, 150 * time.Second
	t.Log("  ρ  fed by    recovered   after  at the end: goodput      A  queue")
	type rowOf struct {
		rho   float64
		on    budget.DepositOn
		stuck bool
	}
	for _, row := range raced([]rowOf{
		{0.9, budget.Arrival, true},
		{0.9, budget.Success, false},
		{0.7, budget.Arrival, false},
		{0.7, budget.Success, false},
	}, 0, 1) {
		var goodput, amplification, queue, after estimate
		seeds := seedsOf(t, 8)
		for seed := range seeds {
			report := storm.Run(t, storm.Scenario{
				Name: row.on.String(), Seed: uint64(seed), For: length,
				Load: storm.Poisson(row.rho * 100),
				Server: storm.Server{
					Workers: 10, Service: storm.Exponential(100 * time.Millisecond), Hop: storm.Fixed(time.Millisecond),
				},
				Triggers: []storm.Trigger{{At: 20 * time.Second, For: 4 * time.Second, CapacityLoss: 1}},
			}, func() storm.Doer {
				return holdfast.Must(holdfast.New("queue",
					budget.Config{Ratio: ratio, Floor: -1, DepositOn: row.on}, atOnce(3), deadline.In(2*time.Second)))
			})
			end := report.Between(length-30*time.Second, length)
			goodput.add(end.Goodput())
			amplification.add(end.Amplification())
			queue.add(end.Queue)
			if d, ok := report.Recovered(); ok {
				after.add(d.Seconds())
			}
			if row.stuck {
				require.Less(t, end.Goodput(), 0.01, "ρ %v, %v, seed %d", row.rho, row.on, seed)
				require.InDelta(t, 1+ratio, end.Amplification(), 0.01, "ρ %v, %v, seed %d", row.rho, row.on, seed)
			} else {
				require.Greater(t, end.Goodput(), 0.99, "ρ %v, %v, seed %d", row.rho, row.on, seed)
				require.Less(t, end.Amplification(), 1.01, "ρ %v, %v, seed %d", row.rho, row.on, seed)
			}
		}
		recovered := "never"
		if after.n > 0 {
			recovered = fmt.Sprintf("%.1f s", after.mean())
		}
		t.Logf("%.1f  %-8v      %d of %d  %6s              %.3f  %.3f  %5.0f", row.rho, row.on,
			after.n, seeds, recovered, goodput.mean(), amplification.mean(), queue.mean())
	}
}
