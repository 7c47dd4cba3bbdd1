package storm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sec = time.Second

// closedReport is of two callers and a trouble from 10 s to 20 s, before which each of 20 calls
// takes a second: a caller's round is 10 s × 2 / 20 = 1 s. Then come the given calls.
func closedReport(calls ...*call) *Report {
	r := &Report{Scenario: Scenario{
		Load: Closed(2, Fixed(1)), For: 40 * sec, Bucket: sec, Steady: 5 * sec,
		Triggers: []Trigger{{At: 10 * sec, For: 10 * sec, CapacityLoss: 1}},
	}, end: 50 * sec}
	for i := range 20 {
		r.calls = append(r.calls, &call{begun: time.Duration(i) * sec / 4, took: sec, good: true})
	}
	r.calls = append(r.calls, calls...)
	r.waits = r.waitsOfAll()
	return r
}

// Who waits through a stretch, in a call that is longer than usual by its end, is overdue in it;
// not in the one in which the call begins, nor in the one in which it ends.
func TestOverdue(t *testing.T) {
	for _, c := range []struct {
		name        string
		begun, took time.Duration
		want        []int // from 20 s on
	}{
		{"usual", 19 * sec, sec, []int{0, 0, 0, 0}},
		{"from before, to the end of a stretch", 15 * sec, 7 * sec, []int{1, 1, 0, 0}},
		{"a little less", 15 * sec, 7*sec - 1, []int{1, 0, 0, 0}},
		{"it ends with the trouble", 15 * sec, 5 * sec, []int{0, 0, 0, 0}},
		{"for ever", 15 * sec, 30 * sec, []int{1, 1, 1, 1}},
		{"begun at the trouble's end", 20 * sec, 30 * sec, []int{0, 1, 1, 1}},
		{"begun a little later", 20*sec + 1, 30 * sec, []int{0, 1, 1, 1}},
		{"begun in the next stretch", 21 * sec, 30 * sec, []int{0, 0, 1, 1}},
		{"begun a second before", 19 * sec, 3 * sec, []int{1, 1, 0, 0}},
	} {
		require.Equal(t, c.want, closedReport(&call{begun: c.begun, took: c.took}).overdue(20*sec, 4), c.name)
	}
	r := closedReport(&call{begun: 15 * sec, took: 30 * sec}, &call{begun: 16 * sec, took: 6 * sec})
	require.Equal(t, []int{2, 2, 1, 1}, r.overdue(20*sec, 4))
	r.calls[7].took = 3 * sec // which is usual now
	r.calls = append(r.calls[:20], &call{begun: 18 * sec, took: 30 * sec})
	require.Equal(t, []int{0, 1, 1, 1}, r.overdue(20*sec, 4), "at 21 s, 3 s are usual")
	r.calls[20].begun--
	require.Equal(t, []int{1, 1, 1, 1}, r.overdue(20*sec, 4), "a nanosecond more is not")
	r = closedReport(&call{begun: 20 * sec, took: 30 * sec})
	for _, c := range r.calls[:20] {
		c.took = sec / 10 // less than a stretch
	}
	require.Equal(t, []int{0, 1, 1, 1}, r.overdue(20*sec, 4), "in its first stretch it counts as a call")
	r.Scenario.Load = Poisson(1)
	require.Nil(t, r.overdue(20*sec, 4), "nobody waits for another in an open load")
}

// Without 20 calls that ended before the trouble, nobody knows what is usual: then it is Steady.
func TestLongestUsual(t *testing.T) {
	r := closedReport()
	require.Equal(t, sec, r.longestUsual())
	r.calls[7].took = 3 * sec
	require.Equal(t, 3*sec, r.longestUsual(), "failed or not")
	r.calls[7].took = 10*sec - r.calls[7].begun - 1
	require.Equal(t, 8250*time.Millisecond-1, r.longestUsual())
	r.calls[7].took++ // to the trouble's begin
	require.Equal(t, 5*sec, r.longestUsual(), "19 calls are too few")
}

// A call counts for those that its caller would have begun meanwhile, one each second; as long as
// calls begin.
func TestWaitsOfACall(t *testing.T) {
	for _, c := range []struct {
		begun, took time.Duration
		want        []time.Duration
	}{
		{12 * sec, 0, []time.Duration{0}},
		{12 * sec, sec, []time.Duration{sec}},
		{12 * sec, sec + 1, []time.Duration{sec + 1, 1}},
		{12 * sec, 3 * sec, []time.Duration{3 * sec, 2 * sec, sec}},
		{38 * sec, 9 * sec, []time.Duration{9 * sec, 8 * sec}},
		{40*sec - 1, 9 * sec, []time.Duration{9 * sec}},
	} {
		r := closedReport(&call{begun: c.begun, took: c.took})
		require.Equal(t, c.want, durations(r.waitsFrom(11*sec, time.Hour)), "%+v", c)
	}
	// Bucket by bucket, and both callers in the order of time.
	r := closedReport(&call{begun: 12 * sec, took: 3 * sec}, &call{begun: 13*sec + 1, took: 2 * sec})
	require.Equal(t, []time.Duration{2 * sec, 2 * sec}, durations(r.waitsFrom(13*sec, 14*sec)))
	require.Equal(t, []time.Duration{sec, sec}, durations(r.waitsFrom(14*sec, 15*sec)))
	require.Empty(t, r.waitsFrom(15*sec, 14*sec))
}

// Nineteen calls before the trouble say too little of a caller's round: then all calls do.
func TestPace(t *testing.T) {
	r := closedReport()
	require.Equal(t, sec, r.pace())
	r.calls = r.calls[:19]
	require.Equal(t, 80*sec/19, r.pace())
}

func TestSummary(t *testing.T) {
	require.Zero(t, summary(nil))
	require.Equal(t, Waits{7, 7, 7, 7, 7}, summary([]time.Duration{7}))
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i)*1000)
	}
	require.Equal(t, Waits{50_500, 50_000, 90_000, 99_000, 100_000}, summary(hundred))
}
