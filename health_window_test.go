package holdfast

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// story fills a window, with a clock of its own.
type story struct {
	window   *window
	counters counters
}

func (s *story) succeed(n int) { s.counters.only.finished.Add(uint64(n)) }

func (s *story) fail(at time.Duration, n int) {
	for range n {
		s.counters.only.finished.Add(1)
		second := s.window.at(mono.Time(at), &s.counters)
		second.failed[resilience.ReasonExhausted].Add(1)
		second.last.Store(int64(at))
	}
}

func (s *story) cancel(at time.Duration, n int) {
	for range n {
		s.counters.only.finished.Add(1)
		s.window.at(mono.Time(at), &s.counters).canceled.Add(1)
	}
}

func TestWindow(t *testing.T) {
	const sec = time.Second
	tests := map[string]struct {
		tell          func(s *story)
		seconds       int64
		at            time.Duration
		calls, failed uint64
	}{
		"nothing":                   {func(*story) {}, 10, 0, 0, 0},
		"only successes":            {func(s *story) { s.succeed(5) }, 10, sec, 0, 0},
		"at the clock's beginning":  {func(s *story) { s.fail(0, 3) }, 10, 0, 3, 3},
		"before the clock's zero":   {func(s *story) { s.fail(-sec/2, 3) }, 10, -1, 3, 3},
		"across the clock's zero":   {func(s *story) { s.fail(-sec/2, 3); s.fail(sec/2, 3) }, 10, sec / 2, 6, 6},
		"from the first failure on": {func(s *story) { s.succeed(90); s.fail(sec, 3); s.succeed(7) }, 10, sec, 10, 3},
		"the oldest second": {
			func(s *story) { s.fail(sec, 3); s.succeed(1) }, 10, 11*sec - 1, 4, 3,
		},
		"a second too old": {func(s *story) { s.fail(sec, 3); s.succeed(1) }, 10, 11 * sec, 0, 0},
		"what is too old takes its successes along": {
			func(s *story) { s.fail(sec, 3); s.succeed(100); s.fail(8*sec, 2); s.succeed(4) }, 10, 12 * sec, 6, 2,
		},
		"an idle hour, and a second outage": {
			func(s *story) { s.fail(sec, 300); s.fail(3601*sec, 5) }, 10, 3601 * sec, 5, 5,
		},
		"the same place in the ring": {
			func(s *story) { s.fail(sec, 300); s.fail((1+windowSeconds)*sec, 5) }, 60, (1 + windowSeconds) * sec, 5, 5,
		},
		"the longest window": {
			func(s *story) { s.fail(sec, 1); s.fail(60*sec, 2); s.fail(61*sec-1, 4) }, 60, 61*sec - 1, 7, 7,
		},
		"canceled calls are none": {
			func(s *story) { s.fail(sec, 2); s.cancel(sec, 50); s.succeed(3) }, 10, sec, 5, 2,
		},
		"canceled before, and nothing else": {func(s *story) { s.cancel(sec, 50); s.succeed(3) }, 10, sec, 3, 0},
		"the clock goes back": {
			func(s *story) { s.fail(100*sec, 9); s.fail(sec, 2) }, 10, sec, 2, 2,
		},
		"the clock goes back to the same place": {
			func(s *story) { s.fail((1+windowSeconds)*sec, 9); s.fail(sec, 2) }, 60, sec, 2, 2,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &story{window: newWindow(0)}
			test.tell(s)
			r := s.window.over(test.seconds, mono.Time(test.at), &s.counters)
			require.Equal(t, test.calls, r.calls, "calls")
			require.Equal(t, test.failed, r.failed, "failed")
		})
	}
}

// A call that ends while another begins the second may be counted as failed and not as ended.
func TestNoShareIsMoreThanAll(t *testing.T) {
	s := &story{window: newWindow(0)}
	s.fail(0, 1)
	s.window.at(0, &s.counters).failed[resilience.ReasonBudget].Add(2)
	r := s.window.over(10, 0, &s.counters)
	require.EqualValues(t, 3, r.failed)
	require.EqualValues(t, 3, r.calls)
}

func TestSecondsOfAWindow(t *testing.T) {
	w := newWindow(0)
	for at, want := range map[time.Duration]int64{
		0: 0, time.Second - 1: 0, time.Second: 1, -1: -1, -time.Second: -1, -time.Second - 1: -2,
		math.MinInt64: -9223372037, math.MaxInt64: 9223372036,
	} {
		require.Equal(t, want, w.number(mono.Time(at)), at)
	}
	w = newWindow(mono.Time(700 * time.Millisecond))
	require.EqualValues(t, 0, w.number(mono.Time(1699*time.Millisecond)))
	require.EqualValues(t, 1, w.number(mono.Time(1700*time.Millisecond)))
	require.EqualValues(t, -7300*time.Millisecond, w.begun(10, mono.Time(1700*time.Millisecond)))
}

func TestJudgeOfAShare(t *testing.T) {
	def := HealthRules{}.Config()
	strict, err := HealthConfig{UnhealthyShare: 0.9, MinCalls: 1}.Resolve()
	require.NoError(t, err)
	tenth, err := HealthConfig{DegradedShare: 0.1}.Resolve()
	require.NoError(t, err)
	all, err := HealthConfig{DegradedShare: 1, UnhealthyShare: 1}.Resolve()
	require.NoError(t, err)
	off, err := HealthConfig{DegradedShare: -1, UnhealthyShare: 0.9}.Resolve()
	require.NoError(t, err)
	tests := map[string]struct {
		c    HealthConfig
		r    recent
		want HealthState
	}{
		"nothing":                          {def, recent{}, Healthy},
		"one less than the minimum":        {def, recent{calls: 9, failed: 9}, Healthy},
		"exactly the minimum":              {def, recent{calls: 10, failed: 10}, Degraded},
		"exactly the share":                {def, recent{calls: 10, failed: 5}, Degraded},
		"one less than the share":          {def, recent{calls: 11, failed: 5}, Healthy},
		"failed and refused are one share": {def, recent{calls: 10, failed: 2, refused: 3}, Degraded},
		"no share makes unhealthy":         {def, recent{calls: 500, failed: 500}, Degraded},
		"by option":                        {strict, recent{calls: 10, failed: 9}, Unhealthy},
		"refused, by option":               {strict, recent{calls: 10, refused: 9}, Unhealthy},
		"not quite, by option":             {strict, recent{calls: 10, failed: 8}, Degraded},
		"one of one, by option":            {strict, recent{calls: 1, failed: 1}, Unhealthy},
		"the caller's fault never":         {strict, recent{calls: 10_000, failed: 10_000, fault: 10_000}, Degraded},
		"the caller's fault is left out":   {strict, recent{calls: 10, failed: 10, fault: 2}, Degraded},
		"the rest is enough":               {strict, recent{calls: 10, failed: 10, fault: 1}, Unhealthy},
		"three of thirty are a tenth":      {tenth, recent{calls: 30, failed: 3}, Degraded},
		"two of thirty are not":            {tenth, recent{calls: 30, failed: 2}, Healthy},
		"not all":                          {all, recent{calls: 30, failed: 29}, Healthy},
		"all":                              {all, recent{calls: 30, failed: 30}, Unhealthy},
		"no share degrades":                {off, recent{calls: 30, failed: 26}, Healthy},
		"and yet one is unhealthy":         {off, recent{calls: 30, failed: 27}, Unhealthy},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, test.r.judge(test.c)) })
	}
}
