package results_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/storm"
)

// Source: Marc Brooker, "Fixing retries with token buckets and circuit breakers", 2022, and the
// simulator behind its figures (mbrooker/simulator_example, retry_sim). Of 100 clients each makes
// 10 calls a second; attempts fail independently, and are repeated at once. Each client has a
// bucket of its own, which holds 5, is full, and gets 0.1 from each call begun: DepositOn Arrival.
// (The article's text has each success deposit; the simulator does not.) The clients do not know of
// each other, so 60 of them do here. The rows of DepositOn Success were not published; a bank that
// is always nearly empty pays for 0.1·(1-f) retries a call, and for what was in it at first.
// Trials: 100 s, some 60,000 calls a row, a quarter of them in a change; the standard error of S is
// at most 0.0021, that of A at most 0.0052. Band: 0.012 for S and 0.03 for A, 3 standard errors of
// a quarter of the trials.
func TestTokenBuckets(t *testing.T) {
	const rate, length, ratio, burst = 10, 100 * time.Second, 0.1, 5
	clients := sample(t, 60)
	arrival := budget.Config{Ratio: ratio, Floor: -1, Burst: burst, DepositOn: budget.Arrival}
	success := budget.Config{Ratio: ratio, Floor: -1, Burst: burst, DepositOn: budget.Success}
	fedBySuccess := func(f float64) float64 { return 1 + ratio*(1-f) + burst/(rate*length.Seconds()) }

	t.Log("   f  retries                      S   found       A   found")
	type rowOf struct {
		name              string
		bank              budget.Config
		f                 float64
		success, attempts float64
	}
	for _, row := range raced([]rowOf{
		{"three", budget.Config{}, 0.2, 0.998, 1.248},
		{"three", budget.Config{}, 0.5, 0.938, 1.875},
		{"three", budget.Config{}, 0.75, 0.684, 2.730},
		{"bucket fed by arrivals", arrival, 0.2, 0.884, 1.104},
		{"bucket fed by arrivals", arrival, 0.5, 0.552, 1.104},
		{"bucket fed by successes", success, 0.2, 0.8 * fedBySuccess(0.2), fedBySuccess(0.2)},
		{"bucket fed by successes", success, 0.5, 0.5 * fedBySuccess(0.5), fedBySuccess(0.5)},
	}, 0, 3, 5) {
		total := storm.Run(t, storm.Scenario{
			Name: row.name, Seed: 1, Clients: clients,
			Load: storm.Poisson(float64(rate * clients)), For: length,
			Server:   storm.Server{Hop: storm.Exponential(10 * time.Millisecond)},
			Triggers: []storm.Trigger{{ErrorRatio: row.f}},
		}, func() storm.Doer {
			c := atOnce(3)
			if row.bank.Burst > 0 {
				bank, err := budget.New(row.bank)
				require.NoError(t, err)
				return holdfast.Must(holdfast.New("three", bank, c))
			}
			return newPolicy(t, c)
		}).Total
		t.Logf("%4.2f  %-23s  %6.3f  %6.3f  %6.3f  %6.3f", row.f, row.name,
			row.success, total.Goodput(), row.attempts, total.Amplification())
		require.InDelta(t, row.success, total.Goodput(), 0.012, "S of %s at f %v", row.name, row.f)
		require.InDelta(t, row.attempts, total.Amplification(), 0.03, "A of %s at f %v", row.name, row.f)
	}
}
