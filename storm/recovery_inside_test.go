package storm

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The numbers that the comments name, and the boundaries around them.
func TestMayFail(t *testing.T) {
	for calls, want := range map[int]int{0: 0, 1: 1, 2: 1, 4: 2, 5: 2, 20: 3, 25: 4, 100: 7, 400: 20, 999: 49, 1000: 50, 1_000_000: 50_000} {
		require.Equal(t, want, mayFail(calls), "of %d calls", calls)
	}
	for calls := 1; calls <= 2000; calls++ { // more calls, more failures; and never fewer than 5 %
		require.GreaterOrEqual(t, mayFail(calls), mayFail(calls-1))
		require.GreaterOrEqual(t, mayFail(calls), calls/20)
	}
	for _, calls := range []int{1, 7, 20, 63, 300, 999} { // against the definition, term by term
		var chance float64
		for k := mayFail(calls) + 1; k <= calls; k++ {
			all, _ := math.Lgamma(float64(calls + 1))
			bad, _ := math.Lgamma(float64(k + 1))
			good, _ := math.Lgamma(float64(calls - k + 1))
			chance += math.Exp(all - bad - good + float64(k)*math.Log(everyday) + float64(calls-k)*math.Log(1-everyday))
		}
		require.LessOrEqual(t, chance, unlikely*1.000001, "of %d calls", calls)
	}
}

// 20 good calls are luck in one case of 90 if a fifth fails, and 31 in one of a thousand.
func TestOnlyLuck(t *testing.T) {
	for _, c := range []struct {
		bad, calls int
		share      float64
		want       bool
	}{
		{0, 20, 0.2, true}, {0, 30, 0.2, true}, {0, 31, 0.2, false},
		{1, 41, 0.2, true}, {1, 42, 0.2, false},
		{0, 2, 0.9, true}, {0, 4, 0.9, false},
		{50, 999, 0.07, true}, {50, 1000, 0.07, true}, {50, 999, 0.08, false}, {50, 1000, 0.08, false},
		{50_000, 1_000_000, 0.0505, true}, {50_000, 1_000_000, 0.051, false},
	} {
		require.Equal(t, c.want, onlyLuck(c.bad, c.calls, c.share), "%+v", c)
	}
}

// history is a report of an open load after a trouble that ends at 10 s: each letter is a call, one
// every step; g is good, b is bad, and . is none.
func history(step time.Duration, calls string) *Report {
	s := Scenario{
		Load: Poisson(1), For: 10*time.Second + time.Duration(len(calls))*step, Bucket: time.Second, Steady: 5 * time.Second,
		Triggers: []Trigger{{At: 5 * time.Second, For: 5 * time.Second, ErrorRatio: 1}},
	}
	r := &Report{Scenario: s, end: s.For}
	for i, c := range calls {
		if c != '.' {
			r.calls = append(r.calls, &call{begun: 10*time.Second + time.Duration(i)*step, good: c == 'g'})
		}
	}
	return r
}

func times(n int, s string) (all string) {
	for range n {
		all += s
	}
	return all
}

func TestRecoveryNeedsEnoughToSaySo(t *testing.T) {
	const second = time.Second
	for _, c := range []struct {
		name  string
		step  time.Duration
		calls string
		want  Outcome
		after time.Duration
	}{
		{"no call", second, times(60, "."), OutcomeUnclear, 0},
		{"no time", second, "", OutcomeUnclear, 0},
		{"19 good calls", second, times(19, "g") + times(60, "."), OutcomeUnclear, 0},
		{"20 good calls", second, times(20, "g") + times(60, "."), OutcomeRecovered, 0},
		{"20 good calls, far apart", second, times(20, "g.......") + times(60, "."), OutcomeRecovered, 0},
		{"many good calls in 4.9 s", second / 10, times(49, "g"), OutcomeUnclear, 0},
		{"many good calls in 5 s", second / 10, times(50, "g"), OutcomeRecovered, 0},
		{"one bad call", second, "b" + times(60, "."), OutcomeUnclear, 0},
		{"two bad calls", second, "b..b" + times(60, "."), OutcomeNotRecovered, 0},
		{"five bad calls, far apart", second, times(5, "b............"), OutcomeNotRecovered, 0},
		{"a bad one at first, then good", second, "b" + times(60, "g"), OutcomeRecovered, second},
		{"five bad ones at first, then good", second, times(5, "b") + times(60, "g"), OutcomeRecovered, 5 * second},
		{"bad ones, then too few good ones", second, times(5, "b") + times(19, "g"), OutcomeUnclear, 0},
		{"bad ones, then good ones for too short", second / 10, times(60, "b") + times(40, "g"), OutcomeNotRecovered, 0},
		{"bad ones, then no call", second / 10, times(60, "b") + times(100, "."), OutcomeNotRecovered, 0},
		{"one bad in the middle", second, times(10, "g") + "b" + times(60, "g"), OutcomeRecovered, 0},
		{"two of 20 bad", second, times(2, "gggggbgggg") + times(60, "."), OutcomeUnclear, 0},
		{"two of 40 bad", second, times(2, "gggggbgggg") + times(20, "g"), OutcomeRecovered, 0},
		{"a bad second among good ones", second / 100, times(400, "g") + times(20, "b") + times(1000, "g"), OutcomeRecovered, 5 * second},
		{"one in three bad", second / 5, times(100, "ggb"), OutcomeNotRecovered, 0},
		{"one in five bad", second / 5, times(100, "ggggb"), OutcomeNotRecovered, 0},
		{"well for a while, then never again", second / 5, times(50, "g") + times(100, "b"), OutcomeNotRecovered, 0},
		{"well for a while, ill for a while", second / 5, times(50, "g") + times(25, "b") + times(200, "g"), OutcomeRecovered, 15 * second},
	} {
		r := history(c.step, c.calls)
		rec := r.Recovery()
		require.Equal(t, c.want, rec.Outcome, c.name)
		require.Equal(t, c.after, rec.After, c.name)
		require.Equal(t, 10*time.Second, rec.End)
		after, ok := r.Recovered()
		require.Equal(t, c.want == OutcomeRecovered, ok)
		require.Equal(t, c.after, after)
	}
}

// What goes wrong afterwards, and stays, is no part of the recovery; at the same instant it is.
func TestRecoveryEndsWhereAnotherTroubleBegins(t *testing.T) {
	r := history(time.Second/5, times(100, "g")+times(100, "b"))
	require.Equal(t, OutcomeNotRecovered, r.Recovery().Outcome)
	r.Scenario.Triggers = append(r.Scenario.Triggers, Trigger{At: 30 * time.Second, ErrorRatio: 1})
	rec := r.Recovery()
	require.Equal(t, Recovery{Outcome: OutcomeRecovered, End: 10 * time.Second, Calls: 100, Good: 100}, rec)
	r.Scenario.Triggers[1].At = 10 * time.Second
	require.Equal(t, OutcomeNotRecovered, r.Recovery().Outcome)
}

// Many empty buckets cost no more than there are.
func TestRecoveryOfAQuietYear(t *testing.T) {
	calls := make([]byte, 900_000)
	for i := range calls {
		calls[i] = '.'
		if i > 0 && i%300_000 == 0 {
			calls[i] = 'b'
		}
	}
	require.Equal(t, OutcomeNotRecovered, history(time.Second, string(calls)).Recovery().Outcome)
}

func TestOutcomesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for o := range OutcomeUnclear + 1 {
		require.NotContains(t, o.String(), "Outcome(")
		seen[o.String()] = true
	}
	require.Len(t, seen, 4)
	require.Equal(t, "Outcome(9)", Outcome(9).String())
}
