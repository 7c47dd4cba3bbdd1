package storm_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/storm"
)

// hang is a storm in which 50 callers hang for a minute, from 20 s on: each in one call, so that
// goodput and percentiles of calls see next to nothing.
var hang = storm.Scenario{
	Load: storm.Closed(50, storm.Exponential(100*time.Millisecond)), For: 100 * time.Second,
	Server: storm.Server{Workers: 50, Service: storm.Exponential(20 * time.Millisecond)},
	Triggers: []storm.Trigger{
		{At: 20 * time.Second, For: 10 * time.Second},
		{At: 20 * time.Second, For: 60 * time.Second, CapacityLoss: 1},
	},
}

// hangs is work of 20 ms, or of that length where it begins from 20 s to 30 s: a hang that outlives
// its cause, which no Trigger has.
type hangs time.Duration

func (d hangs) Draw(rnd *rand.Rand) time.Duration {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of every bubble
	if at := time.Since(start); at >= 20*time.Second && at < 30*time.Second {
		return time.Duration(d)
	}
	return storm.Exponential(20 * time.Millisecond).Draw(rnd)
}

// Callers that wait count as calls that fail: while all of them hang, nobody has recovered, whether
// they have patience or none. Of the 50 s until they are answered, 40 come after the trouble.
func TestCallersThatHangHaveNotRecovered(t *testing.T) {
	s := hang
	s.Server.Service = hangs(50 * time.Second)
	s.Triggers = []storm.Trigger{{At: 20 * time.Second, For: 10 * time.Second}}
	for _, c := range []struct {
		length, deadline time.Duration
		want             storm.Outcome
	}{
		{65 * time.Second, time.Minute, storm.OutcomeNotRecovered},
		{65 * time.Second, 0, storm.OutcomeNotRecovered},
		{80 * time.Second, time.Minute, storm.OutcomeRecovered},
		{80 * time.Second, 0, storm.OutcomeRecovered},
	} {
		s.For, s.Deadline = c.length, c.deadline
		r := storm.Run(t, s, func() storm.Doer {
			return holdfast.Must(holdfast.New("x", deadline.In(time.Minute)))
		})
		require.Equal(t, r.Total.Calls, r.Total.Good, "no call fails")
		rec := r.Recovery()
		require.Equal(t, c.want, rec.Outcome, "%+v: %+v", c, rec)
		require.Greater(t, rec.Waiting, 35.0, "of 50 callers, for 40 s: %+v", c)
		if rec.Outcome == storm.OutcomeRecovered {
			require.InDelta(t, 41, rec.After.Seconds(), 1)
		}
		text := said(func(t *failing) { r.RequireRecoversWithin(t, 30*time.Second) })
		if rec.Outcome == storm.OutcomeRecovered {
			require.Contains(t, text, "s after the last trouble; want at most 30s")
		} else {
			require.Contains(t, text, "with 0 of 0 calls good and 50.0 callers waiting for longer than usual")
		}
	}
}

// A hang that outlasts the trouble is a part of the way back.
func TestCallersRecoverWhenTheyAreAnswered(t *testing.T) {
	s := hang
	s.Server.Service = hangs(40 * time.Second)
	s.Triggers = []storm.Trigger{{At: 20 * time.Second, For: 10 * time.Second}}
	rec := storm.Run(t, s, bare).Recovery()
	require.Equal(t, storm.OutcomeRecovered, rec.Outcome)
	require.InDelta(t, 31, rec.After.Seconds(), 1, "the last of them called before 21 s or so, and was answered 40 s later")
}

// In a closed load whose calls take longer than a Bucket while all is well, that is what is usual.
func TestLongCallsAreNoHang(t *testing.T) {
	rec := storm.Run(t, storm.Scenario{
		Load: storm.Closed(40, storm.Exponential(5*time.Second)), For: 5 * time.Minute,
		Server:   storm.Server{Service: storm.Normal{Mean: 8 * time.Second, Deviation: time.Second}},
		Triggers: []storm.Trigger{{At: 2 * time.Minute, For: 10 * time.Second, ErrorRatio: 1}},
	}, bare).Recovery()
	require.Equal(t, storm.OutcomeRecovered, rec.Outcome)
	require.LessOrEqual(t, rec.After, time.Second)
}

// The waits of a closed load show the minute: of 100 s in which callers usually call, 60 are of
// callers that hang, so that the median is near 10 s and the 99th percentile near a minute, where
// those of the calls are below 200 ms.
func TestWaitsCountThoseWhoWouldHaveCalled(t *testing.T) {
	r := storm.Run(t, hang, bare)
	require.Less(t, r.Total.P99, 200*time.Millisecond)
	require.Equal(t, r.Total.Max, r.Total.Waits.Max, "all were good")
	require.InDelta(t, 60, r.Total.Waits.Max.Seconds(), 0.5)
	require.InDelta(t, 10, r.Total.Waits.P50.Seconds(), 1, "60 of 100 s hang; a sixth of those wait for less than 10 s: 40 + 10 = 50")
	require.InDelta(t, 59, r.Total.Waits.P99.Seconds(), 1)
	require.InDelta(t, 18, r.Total.Waits.Mean.Seconds(), 1, "60 % of half a minute")
	at := r.Between(50*time.Second, 51*time.Second)
	require.Zero(t, at.Calls)
	require.InDelta(t, 29.5, at.Waits.P50.Seconds(), 0.2, "until the end of the trouble")
	require.InDelta(t, 50, at.Waiting, 1e-9)
	require.Contains(t, r.String(), "callers waited 1")
	require.Contains(t, r.String(), "s on average, p50 ")
	require.Contains(t, r.String(), " of 50 at a time\n")
	require.Contains(t, drawn(t, hang), ">callers waited 1")
	require.Contains(t, written(t, r), "wait_p99_ms")
}

// While all is well, nothing is added but for calls longer than a caller's usual round; and by
// Little's law those who wait are as many as calls begin, times how long they take.
func TestWaitsWhereNobodyHangs(t *testing.T) {
	s := hang
	s.Triggers = nil
	r := storm.Run(t, s, bare)
	require.InEpsilon(t, r.Total.Mean.Seconds(), r.Total.Waits.Mean.Seconds(), 0.05)
	require.InEpsilon(t, float64(r.Total.Calls)/100*r.Total.Mean.Seconds(), r.Total.Waiting, 0.01)
}

// An open load has no callers that could hold back; what is under way is counted all the same.
func TestOpenLoadsHaveNoWaits(t *testing.T) {
	r := storm.Run(t, storm.Scenario{
		Load: storm.Trace(0, 500*time.Millisecond, 3*time.Second), For: 5 * time.Second,
		Server: storm.Server{Service: storm.Fixed(1250 * time.Millisecond)},
	}, bare)
	require.Zero(t, r.Total.Waits)
	require.InDelta(t, 3*1.25/5, r.Total.Waiting, 1e-5)
	var waiting []float64
	for _, b := range r.Series {
		waiting = append(waiting, b.Waiting)
	}
	require.InDeltaSlice(t, []float64{1.5, 1, 0, 1, 0.25}, waiting, 1e-5)
	require.NotContains(t, r.String(), "callers waited")
	require.Equal(t, 1, strings.Count(r.String(), "on average, p50"))
}
