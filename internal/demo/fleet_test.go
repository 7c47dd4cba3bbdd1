package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func playedFleet(t *testing.T, seed uint64) *FleetReport {
	t.Helper()
	cfg := FullFleet()
	cfg.Seed = seed
	r, err := PlayFleet(t.Context(), cfg)
	require.NoError(t, err)
	require.False(t, r.Interrupted)
	return r
}

// The same seed gives the same figures, to the last one. The figures add up, and what the demo is
// there to show is so for each seed.
func TestPlayFleet(t *testing.T) {
	seeds := uint64(3)
	if suite.Partly() {
		seeds = 1
	}
	for seed := range seeds {
		r := playedFleet(t, seed)
		require.Equal(t, r, playedFleet(t, seed), "seed %d", seed)

		cfg := FullFleet()
		arrivals := len(Schedule(seed, float64(cfg.Pods)*cfg.Rate, cfg.Length(), cfg.Pods))
		for _, f := range []*FleetFigures{r.Alone, r.Joined} {
			require.Equal(t, arrivals, f.Calls)
			require.Len(t, f.Goodput, timelineSlices)
			require.Len(t, f.Open, timelineSlices)
			require.Len(t, f.Dead, timelineSlices)
			reached := 0
			for i, n := range f.Dead {
				reached += n
				if at := time.Duration(i) * cfg.Length() / timelineSlices; n > 0 {
					require.True(t, cfg.down() <= at && at < cfg.up(), "at %v it was not down", at)
				}
			}
			require.Equal(t, f.Reached, reached)
			require.Less(t, f.ReachedLate, f.Reached)
			require.LessOrEqual(t, f.PodsLate, min(cfg.Pods, f.ReachedLate))
			require.InDelta(t, 100, *f.BeforePercent, 0)
			require.Zero(t, f.OthersOpened, "a broken pod opens no other breaker")
			require.InDelta(t, 100, *f.OthersPercent, 0)
			require.NotNil(t, f.ClosedAgain)
		}
		require.Zero(t, r.Alone.Advised)
		require.Positive(t, r.Joined.Advised)
		require.Less(t, r.Joined.Reached, r.Alone.Reached)
		require.Less(t, r.Joined.ReachedLate, r.Alone.ReachedLate)
		require.Less(t, *r.Joined.HalfOpen, *r.Alone.HalfOpen)
		require.Greater(t, *r.Joined.FailedMedian, *r.Alone.FailedMedian, "docs/fleet.md says so")

		require.Len(t, r.Outages, len(cfg.Shorter)+1)
		last := r.Outages[len(cfg.Shorter)]
		require.InDelta(t, r.Setup.OutageSeconds, last.Seconds, 0)
		require.Equal(t, r.Alone.Reached, last.Alone.Reached)
		require.Equal(t, r.Joined.ClosedAgain, last.Joined.ClosedAgain)
	}
}

// What the figures of the play say is computed from these notes.
func TestWhenBreakersOpenAndClose(t *testing.T) {
	cfg := FleetConfig{Pods: 9, Well: 10 * time.Second, Outage: 10 * time.Second, Again: 10 * time.Second, Broken: 10 * time.Second, Mended: 10 * time.Second}
	w := &world{cfg: cfg}
	note := func(second time.Duration, open ...int) {
		m := moment{second * time.Second, make([]bool, cfg.Pods)}
		for _, pod := range open {
			m.open[pod] = true
		}
		w.moments = append(w.moments, m)
	}
	note(9, 1, 2, 3)     // before the outage: not of it
	note(10, 0)          // at its begin
	note(12, 0, 1)       //
	note(19, 0, 1, 2)    //
	note(20, 0, 1, 2, 3) // it is over
	note(22)             // all closed
	note(23, 4)          // but not for good
	note(24)             //
	note(30, brokenPod)  //
	note(31, brokenPod)  //
	note(39, 2, 3)       // others open
	note(40, 1)          // mended: not meanwhile
	note(49, brokenPod)  // and it stays open
	seconds := func(s float64) *float64 { return &s }
	require.Equal(t, seconds(0), w.opened(cfg.down(), cfg.up(), 1))
	require.Equal(t, seconds(2), w.opened(cfg.down(), cfg.up(), 2))
	require.Equal(t, seconds(9), w.opened(cfg.down(), cfg.up(), 3))
	require.Nil(t, w.opened(cfg.down(), cfg.up(), 4), "only when it was over")
	require.Equal(t, seconds(4), w.closed(cfg.up(), cfg.breaks()), "closed for good")
	require.Nil(t, w.closed(cfg.mends(), cfg.Length()))
	require.Equal(t, seconds(0), w.closed(22*time.Second, 23*time.Second), "nothing was open")
	others, opened := w.whileOneIsBroken()
	require.Equal(t, 2, others)
	require.Equal(t, seconds(0), opened)
}

func TestPlayFleetSaysWhatIsWrong(t *testing.T) {
	cfg := FullFleet()
	cfg.Pods = brokenPod
	_, err := PlayFleet(t.Context(), cfg)
	require.ErrorContains(t, err, "too few pods")
	synctest.Test(t, func(t *testing.T) {
		_, err := PlayFleet(t.Context(), FullFleet())
		require.ErrorContains(t, err, "in a bubble of testing/synctest; want a call outside of it")
	})
	cfg = FullFleet()
	cfg.Stages = func() []resilience.Stage { return []resilience.Stage{breaker.Config{Window: -5}} }
	_, err = PlayFleet(t.Context(), cfg)
	require.ErrorContains(t, err, "Window")
}

// Its smallest fleet is one with the pod that breaks.
func TestPlayFleetOfFewPods(t *testing.T) {
	cfg := FullFleet()
	cfg.Pods = brokenPod + 1
	r, err := PlayFleet(t.Context(), cfg)
	require.NoError(t, err)
	require.NotEmpty(t, r.Summary)
}

func TestFleetCommand(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, cli.OK, runDemo(t.Context(), []string{"-fleet", "-seed", "3"}, &stdout, &stderr))
	require.Empty(t, stderr.String())
	require.Contains(t, stdout.String(), "40 pods make 1 call a second each (seed 3)")
	require.Contains(t, stdout.String(), "\nIn the outage ")

	stdout.Reset()
	require.Equal(t, cli.OK, runDemo(t.Context(), []string{"-fleet", "-json", "-seed", "3"}, &stdout, &stderr))
	var r FleetReport
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &r), "one JSON object and nothing else")
	require.Equal(t, playedFleet(t, 3), &r)
}

// A play that was cut short has no figures, since half a play would say half of the truth.
func TestFleetCommandInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	require.Equal(t, cli.Interrupted, runDemo(ctx, []string{"-fleet"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "\nINTERRUPTED: ")
	require.NotContains(t, stdout.String(), "goodput")
	require.Empty(t, stderr.String())

	stdout.Reset()
	require.Equal(t, cli.Interrupted, runDemo(ctx, []string{"-fleet", "-json"}, &stdout, &stderr))
	var r map[string]any
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &r))
	require.Equal(t, true, r["interrupted"])
	require.Nil(t, r["alone"])
	require.Nil(t, r["joined"])
}
