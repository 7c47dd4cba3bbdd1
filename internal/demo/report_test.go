package demo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// threeActs is the Config of a play with phases of 10, 10 and 20 seconds.
func threeActs() Config {
	c := Full()
	c.Healthy, c.Outage, c.Recovery = 10*time.Second, 10*time.Second, 20*time.Second
	return c
}

// calls returns one call every 10 ms in [from, to), all with the same outcome.
func calls(from, to time.Duration, o Outcome) (cs []Call) {
	for at := from; at < to; at += 10 * ms {
		cs = append(cs, Call{At: at, Latency: 20 * ms, Attempts: 1, Outcome: o})
	}
	return cs
}

func join(parts ...[]Call) (all []Call) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

const second = time.Second

func TestReportCountsEachPhase(t *testing.T) {
	r := reportOn("c", []Call{
		{At: 25 * second, Latency: 3 * ms, Attempts: 1, Outcome: Good}, // the order does not matter
		{At: 1 * second, Latency: 1 * ms, Attempts: 1, Outcome: Good},
		{At: 2 * second, Latency: 2 * ms, Attempts: 2, Outcome: Good},
		{At: 9 * second, Latency: 9 * ms, Attempts: 4, Outcome: Failed},
		{At: 10 * second, Latency: 900 * ms, Attempts: 3, Outcome: TimedOut},
		{At: 19 * second, Latency: 0, Attempts: 0, Outcome: Refused},
		{At: 39 * second, Latency: 5 * ms, Attempts: 1, Outcome: Interrupted},
	}, threeActs(), 40*second)

	require.Equal(t, 7, r.Calls)
	require.Equal(t, 12, r.Attempts)
	require.InDelta(t, 12.0/7, r.Amplification, 1e-9)
	require.Equal(t, map[string]int{
		"good": 3, "timed_out": 1, "turned_away": 0, "failed": 1, "refused": 1, "interrupted": 1,
	}, r.Outcomes)
	require.Equal(t, PhaseReport{Calls: 3, Good: 2, Attempts: 7, GoodputPercent: new(200.0 / 3), P99Seconds: new(0.009)}, r.Before)
	require.Equal(t, PhaseReport{Calls: 2, Good: 0, Attempts: 3, GoodputPercent: new(0.0), P99Seconds: new(0.9)}, r.During)
	require.Equal(t, PhaseReport{Calls: 1, Good: 1, Attempts: 1, GoodputPercent: new(100.0), P99Seconds: new(0.003)}, r.After)
}

func TestReportOfNothing(t *testing.T) {
	r := reportOn("c", nil, threeActs(), 0)
	require.Zero(t, r.Amplification)
	require.Nil(t, r.Before.GoodputPercent)
	require.Nil(t, r.P99Seconds)
	require.Nil(t, r.RecoverySeconds)
	require.Len(t, r.Timeline, timelineSlices)
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	var cs []Call
	for i := 100; i >= 1; i-- {
		cs = append(cs, Call{Latency: time.Duration(i) * ms})
	}
	require.Equal(t, new(0.099), percentile(cs, 0.99))
	require.Equal(t, new(0.05), percentile(cs, 0.5))
	require.Equal(t, new(0.1), percentile(cs, 1))
	require.Equal(t, new(0.1), percentile(cs[:1], 0.99))
	require.Nil(t, percentile(nil, 0.99))
}

func TestTimelineIsInEqualSlices(t *testing.T) {
	r := reportOn("c", join(calls(0, 10*second, Good), calls(10*second, 20*second, Failed)), threeActs(), 40*second)
	for i, cell := range r.Timeline { // a second each
		switch {
		case i < 10:
			require.Equal(t, new(100.0), cell, i)
		case i < 20:
			require.Equal(t, new(0.0), cell, i)
		default:
			require.Nil(t, cell, i)
		}
	}
}

func TestRecoveryTime(t *testing.T) {
	const from, end = 20 * time.Second, 40 * time.Second
	for _, test := range []struct {
		name  string
		calls []Call
		want  time.Duration
		never bool
	}{
		{"at once", calls(from, end, Good), 0, false},
		{"when all but one of the failed calls are past", join(calls(from, 23*second, TimedOut), calls(23*second, end, Good)), 2980*ms + 1, false},
		{"one failed call in a hundred is allowed", join(calls(from, from+10*ms, Failed), calls(from+10*ms, end, Good)), 0, false},
		{
			"a second in the midst of trouble does not count",
			join(calls(from, 22*second, Failed), calls(22*second, 25*second, Good), calls(25*second, 30*second, Failed), calls(30*second, end, Good)),
			9980*ms + 1, false,
		},
		{
			"a stutter long after does not undo it",
			join(calls(from, 35*second, Good), calls(35*second, 35*second+50*ms, TimedOut), calls(35*second+50*ms, end, Good)),
			0, false,
		},
		{"never", calls(from, end, TimedOut), 0, true},
		{"too late to be sure", join(calls(from, end-500*ms, TimedOut), calls(end-500*ms, end, Good)), 0, true},
		{"half of them", join(calls(from, end, TimedOut), calls(from, end, Good)), 0, true},
		{"no calls", nil, 0, true},
		{"the play ended before", calls(0, 15*second, Good), 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			sortByArrival(test.calls)
			got, ok := recoveryTime(test.calls, from, end)
			require.Equal(t, !test.never, ok)
			require.Equal(t, test.want, got)
		})
	}
}

func TestRecoveryTimeCountsWhatWasPlayedOnly(t *testing.T) {
	cs := join(calls(20*second, 22*second, TimedOut), calls(22*second, 24*second, Good))
	_, ok := recoveryTime(cs, 20*second, 22*second+900*ms)
	require.False(t, ok, "less than a second has been seen")
	got, ok := recoveryTime(cs, 20*second, 24*second)
	require.True(t, ok)
	require.Equal(t, 1980*ms+1, got)
}
