package storm

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// When triggers are on, in a load of 10 s: with what begins before its end, and no more.
func TestSpans(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		trigger Trigger
		spans   []time.Duration // from, to, from, to
		end     time.Duration   // 0: does not end
	}{
		{Trigger{At: 2 * s, For: 3 * s}, []time.Duration{2 * s, 5 * s}, 5 * s},
		{Trigger{At: 9 * s, For: 3 * s}, []time.Duration{9 * s, 12 * s}, 12 * s},
		{Trigger{At: 2 * s}, []time.Duration{2 * s, 10 * s}, 0},
		{Trigger{At: 1 * s, For: 2 * s, Every: 4 * s}, []time.Duration{1 * s, 3 * s, 5 * s, 7 * s, 9 * s, 11 * s}, 0},
		{Trigger{At: 2 * s, For: 2 * s, Every: 4 * s}, []time.Duration{2 * s, 4 * s, 6 * s, 8 * s}, 0}, // none at 10 s
		{Trigger{For: 1 * s, Every: 4 * s, Times: 2}, []time.Duration{0, 1 * s, 4 * s, 5 * s}, 5 * s},
		{Trigger{For: 1 * s, Every: 4 * s, Times: 1}, []time.Duration{0, 1 * s}, 1 * s},
		{Trigger{For: 1 * s, Every: 4 * s, Times: 9}, []time.Duration{0, 1 * s, 4 * s, 5 * s, 8 * s, 9 * s}, 9 * s},
		{Trigger{For: 5 * s, Every: 5 * s, Times: 2}, []time.Duration{0, 5 * s, 5 * s, 10 * s}, 10 * s},
	} {
		var spans []time.Duration
		for from, to := range c.trigger.spans(10 * s) {
			spans = append(spans, from, to)
		}
		require.Equal(t, c.spans, spans, "%+v", c.trigger)
		scenario := Scenario{For: 10 * s, Triggers: []Trigger{c.trigger}}
		require.Equal(t, c.end, scenario.lastEnd(), "%+v", c.trigger)
		for now := time.Duration(0); now < 10*s; now += s / 2 {
			on := slices.ContainsFunc([]int{0, 2, 4}, func(i int) bool {
				return i < len(spans) && spans[i] <= now && now < spans[i+1]
			})
			require.Equal(t, on, c.trigger.strength(now) == 1, "%+v at %v", c.trigger, now)
		}
	}
}

// A ramp goes in 100 steps from next to nothing to nearly all, and then all; each time anew.
func TestStrengthOfARamp(t *testing.T) {
	const s = time.Second
	trigger := Trigger{At: s, For: 3 * s, Ramp: 2 * s, Every: 5 * s, Times: 2}
	for at, want := range map[time.Duration]float64{
		0: 0, s - 1: 0, s: 0.005, s + 20*time.Millisecond - 1: 0.005, s + 20*time.Millisecond: 0.015, 2 * s: 0.505,
		3*s - 1: 0.995, 3 * s: 1, 4*s - 1: 1, 4 * s: 0, 6 * s: 0.005, 7 * s: 0.505, 9*s - 1: 1, 9 * s: 0, 11 * s: 0, 12 * s: 0,
	} {
		require.InDelta(t, want, trigger.strength(at), 1e-12, "at %v", at)
	}
}

// What is left of the workers: a whole number, at the pace that makes the capacity right.
func TestCapacityLeft(t *testing.T) {
	for _, c := range []struct {
		workers  int
		losses   []float64
		left     int
		slowdown float64
	}{
		{10, nil, 10, 1},
		{10, []float64{0.9}, 1, 1}, // though 1 - 0.9 is a little less than 0.1
		{10, []float64{0.75}, 3, 3 / 2.5},
		{2, []float64{0.25}, 2, 2 / 1.5},
		{1, []float64{0.5}, 1, 2},
		{1, []float64{0.01}, 1, 1 / 0.99},
		{1, []float64{1}, 0, 1},
		{4, []float64{0.5, 0.5}, 1, 1},
		{1_000_000, []float64{0.5}, 500_000, 1},
	} {
		s := server{Server: Server{Workers: c.workers}}
		for _, loss := range c.losses {
			s.triggers = append(s.triggers, Trigger{CapacityLoss: loss})
		}
		conditions, _ := s.at(0)
		require.Equal(t, c.left, conditions.workers, "%+v", c)
		require.InDelta(t, c.slowdown, conditions.slowdown, 1e-9, "%+v", c)
	}
}
