package storm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/storm"
)

// Of a service of few calls, each of which fails after the outage, nobody says that it recovered.
func TestFewCallsThatFailHaveNotRecovered(t *testing.T) {
	for _, rate := range []float64{.05, .1, .2, .5, 1} {
		for seed := range uint64(seeds(t, 8)) {
			s := storm.Scenario{
				Seed: seed, Load: storm.Poisson(rate), For: 2 * time.Minute, Deadline: time.Second,
				Triggers: []storm.Trigger{
					{At: 20 * time.Second, For: 10 * time.Second, ErrorRatio: 1},
					{At: 30 * time.Second, ErrorRatio: 1},
				},
			}
			rec := storm.Run(t, s, bare).Recovery()
			want := storm.OutcomeNotRecovered
			if rec.Calls < 2 { // one failure may be chance
				want = storm.OutcomeUnclear
			}
			require.Equal(t, want, rec.Outcome, "%v calls/s, seed %d: %+v", rate, seed, rec)
		}
	}
}

// A small service that is well at once, but for 2 % of failures, is told so: 0 s. One of which a
// fifth fails is not told that it recovered, however few its calls.
func TestSmallServicesRecover(t *testing.T) {
	for _, rate := range []float64{2, 5, 10, 20} {
		for seed := range uint64(seeds(t, 6)) {
			run := func(failing float64) storm.Recovery {
				return storm.Run(t, storm.Scenario{
					Seed: seed, Load: storm.Poisson(rate), For: 90 * time.Second,
					Triggers: []storm.Trigger{{ErrorRatio: failing}, {At: 20 * time.Second, For: 10 * time.Second, ErrorRatio: 1}},
				}, bare).Recovery()
			}
			rec := run(0.02)
			require.Equal(t, storm.OutcomeRecovered, rec.Outcome, "%v calls/s, seed %d: %+v", rate, seed, rec)
			require.LessOrEqual(t, rec.After, time.Second, "%v calls/s, seed %d", rate, seed) // one bucket, if its only call fails
			if rate > 2 {
				require.Zero(t, rec.After, "%v calls/s, seed %d", rate, seed)
			}
			rec = run(0.2)
			require.NotEqual(t, storm.OutcomeRecovered, rec.Outcome, "%v calls/s, seed %d: %+v", rate, seed, rec)
		}
	}
}

// A spike above the load's rate is a trouble, and its end counts; a lull is none.
func TestRecoveryFromASpike(t *testing.T) {
	s := storm.Scenario{
		Load: storm.Constant(100), For: time.Minute, Deadline: 500 * time.Millisecond,
		Server: storm.Server{Workers: 15, Service: storm.Fixed(100 * time.Millisecond)}, // 150 a second
	}
	base := s.Load
	s.Load = base.Spike(400, 10*time.Second, 4*time.Second) // 1,000 too many: 20 s to work them off
	r := storm.Run(t, s, bare)
	rec := r.Recovery()
	require.Equal(t, storm.OutcomeRecovered, rec.Outcome)
	require.Equal(t, 14*time.Second, rec.End)
	require.InDelta(t, 19, rec.After.Seconds(), 1.01, "until the queue takes less than 400 ms")
	require.Contains(t, said(func(t *failing) { r.RequireRecoversWithin(t, time.Second) }), "s after the last trouble; want at most 1s")

	s.Load = base.Spike(50, 10*time.Second, 4*time.Second)
	require.Equal(t, storm.Recovery{}, storm.Run(t, s, bare).Recovery())
	s.Load = base.Spike(100, 10*time.Second, 4*time.Second)
	require.Equal(t, storm.OutcomeNoTrouble, storm.Run(t, s, bare).Recovery().Outcome, "no more than always")
	s.Load = base.Spike(400, 58*time.Second, 4*time.Second)
	require.Equal(t, storm.OutcomeUnclear, storm.Run(t, s, bare).Recovery().Outcome, "it outlasts the load")
	s.Load = base.Spike(400, time.Minute, 4*time.Second)
	require.Equal(t, storm.OutcomeNoTrouble, storm.Run(t, s, bare).Recovery().Outcome, "it begins when the load has ended")
}

func ExampleReport_Recovery() {
	scenario := storm.Scenario{
		Load: storm.Constant(2), For: time.Minute,
		Triggers: []storm.Trigger{{At: 20 * time.Second, For: 10 * time.Second, ErrorRatio: 1}},
	}
	for _, length := range []time.Duration{35 * time.Second, time.Minute} {
		scenario.For = length
		report, err := storm.Play(scenario, func() storm.Doer { return storm.Bare })
		if err != nil {
			fmt.Println(err)
			return
		}
		r := report.Recovery()
		fmt.Printf("%v: %v, %d of %d calls good\n", length, r.Outcome, r.Good, r.Calls)
	}
	// Output:
	// 35s: cannot tell, 10 of 10 calls good
	// 1m0s: recovered, 60 of 60 calls good
}
