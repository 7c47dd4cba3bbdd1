package storm_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
	"github.com/media-gateway/holdfast/storm"
)

// outage is 10 s of errors in 60 s of 100 calls a second.
var outage = storm.Scenario{
	Name: "outage", Seed: 5, Load: storm.Constant(100), For: time.Minute,
	Server:   storm.Server{Service: storm.Fixed(5 * time.Millisecond)},
	Triggers: []storm.Trigger{{At: 20 * time.Second, For: 10 * time.Second, ErrorRatio: 1}},
}

// A bank of 10 pays for 10 retries, none of which is of use; then the others are refused.
func budgeted() storm.Doer {
	return holdfast.Must(holdfast.New("p",
		budget.Config{Floor: -1}, retry.Config{BaseDelay: time.Millisecond, Jitter: retry.NoJitter}))
}

func TestReportCounts(t *testing.T) {
	r := storm.Run(t, outage, budgeted)
	require.Equal(t, 6000, r.Total.Calls)
	require.Equal(t, 5000, r.Total.Good)
	require.Equal(t, 6010, r.Total.Attempts)
	require.Equal(t, 5000, r.Total.Works)
	require.Equal(t, 1010, r.Total.Failed)
	require.Zero(t, r.Total.Refused)
	require.InDelta(t, 6010.0/6000, r.Total.Amplification(), 1e-12)
	require.InDelta(t, 5000.0/6000, r.Total.Goodput(), 1e-12)
	// A call is denied once: those of which three retries were paid for ran out of tries instead.
	require.Equal(t, 1000, r.Total.Denials[resilience.ReasonBudget]+r.Total.Denials[resilience.ReasonExhausted])
	require.Len(t, r.Series, 60)
	var calls, attempts, denied int
	for i, b := range r.Series {
		require.Equal(t, time.Duration(i)*time.Second, b.At)
		require.Equal(t, 100, b.Calls)
		calls += b.Calls
		attempts += b.Attempts
		for _, n := range b.Denials {
			denied += n
		}
		if i < 20 || i >= 30 {
			require.Equal(t, 100, b.Good)
			require.Nil(t, b.Denials, "second %d", i)
			require.Equal(t, 5*time.Millisecond, b.P99.Round(time.Microsecond))
		} else {
			require.Zero(t, b.Good)
			require.Zero(t, b.Max)
		}
	}
	require.Equal(t, r.Total.Calls, calls)
	require.Equal(t, r.Total.Attempts, attempts)
	require.Equal(t, 1000, denied)

	between := r.Between(19*time.Second, 21*time.Second)
	require.Equal(t, 200, between.Calls)
	require.Equal(t, 100, between.Good)
	require.Equal(t, storm.Figures{}, r.Between(time.Hour, 2*time.Hour))
	require.InDelta(t, 0.5, r.Between(19*time.Second, 21*time.Second).Goodput(), 1e-12)
	require.Zero(t, storm.Figures{}.Amplification())
}

// The totals are those of the series: every count of Figures, so that none that is added to them is
// forgotten.
func TestTotalsSumTheSeries(t *testing.T) {
	r := storm.Run(t, storm.Scenario{
		Load: storm.Constant(100), For: 10 * time.Second, Deadline: 500 * time.Millisecond,
		Server:   storm.Server{Workers: 2, QueueLimit: 20, Service: storm.Fixed(50 * time.Millisecond)},
		Triggers: []storm.Trigger{{At: 5 * time.Second, ErrorRatio: 0.5}},
	}, bare)
	total, counts := reflect.ValueOf(r.Total), 0
	for i := range total.NumField() {
		name := total.Type().Field(i).Name
		if total.Field(i).Kind() != reflect.Int || name == "QueueMax" {
			continue
		}
		counts++
		var sum int64
		for _, b := range r.Series {
			sum += reflect.ValueOf(b.Figures).Field(i).Int()
		}
		require.Positive(t, sum, name)
		require.Equal(t, sum, total.Field(i).Int(), name)
	}
	require.Positive(t, counts)
}

// What was run stays what it was, however the caller changes the scenario for the next run.
func TestAReportKeepsItsScenario(t *testing.T) {
	s := outage
	s.Triggers = []storm.Trigger{{At: 20 * time.Second, For: 10 * time.Second, ErrorRatio: 1}}
	behind := &storm.Downstream{Triggers: []storm.Trigger{{For: time.Second, ErrorRatio: 1}}}
	s.Server.Downstream = behind
	r := storm.Run(t, s, bare)
	was := written(t, r)
	s.Triggers[0].At, behind.Triggers[0].For = 40*time.Second, time.Minute
	require.Equal(t, was, written(t, r))
	require.Equal(t, 30*time.Second, r.Recovery().End)
	require.Equal(t, time.Second, r.Downstream.Recovery().End)
}

// Clients that share a pipeline have its denials counted once; clients with one each have theirs
// summed up.
func TestDenialsOfManyClients(t *testing.T) {
	s := outage
	s.Clients = 7
	shared := budgetedOnce()
	r := storm.Run(t, s, func() storm.Doer { return shared() })
	require.Equal(t, 6010, r.Total.Attempts)
	require.Equal(t, 1000, r.Total.Denials[resilience.ReasonBudget]+r.Total.Denials[resilience.ReasonExhausted])
	r = storm.Run(t, s, budgeted)
	require.Equal(t, 6070, r.Total.Attempts)
	require.Equal(t, 1000, r.Total.Denials[resilience.ReasonBudget]+r.Total.Denials[resilience.ReasonExhausted])
}

// budgetedOnce returns the same pipeline each time, made when first asked, which is in the bubble.
func budgetedOnce() func() storm.Doer {
	var d storm.Doer
	return func() storm.Doer {
		if d == nil {
			d = budgeted()
		}
		return d
	}
}

func TestRecovered(t *testing.T) {
	r := storm.Run(t, outage, bare)
	after, ok := r.Recovered()
	require.True(t, ok)
	require.Zero(t, after)

	s := outage // well for 4 s, which is not steady, and unwell again
	s.Triggers = append(s.Triggers, storm.Trigger{At: 34 * time.Second, For: 2500 * time.Millisecond, ErrorRatio: 1})
	after, ok = storm.Run(t, s, bare).Recovered()
	require.True(t, ok)
	require.Zero(t, after, "since the last trigger")

	// Who gives up for good 12 s after the outage, and is back at 50 s.
	moody := func() storm.Doer {
		start := time.Now()
		return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
			if since := time.Since(start); since > 33*time.Second && since < 50*time.Second {
				return errors.New("not in the mood")
			}
			return op(ctx)
		})
	}
	after, ok = storm.Run(t, outage, moody).Recovered()
	require.True(t, ok)
	require.Equal(t, 20*time.Second, after, "3 s of peace were not enough")

	s = outage
	s.For = 34 * time.Second
	_, ok = storm.Run(t, s, bare).Recovered()
	require.False(t, ok, "nobody knows if it would have stayed so for 5 s")

	s = outage
	s.Triggers = []storm.Trigger{{ErrorRatio: 0.01}}
	_, ok = storm.Run(t, s, bare).Recovered()
	require.False(t, ok, "nothing ended")
}

// failing takes the place of a test, and stops where that would.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	panic(f)
}

func (f *failing) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }

// said returns how a test fails, or "" if it passes.
func said(test func(t *failing)) (said string) {
	f := &failing{}
	defer func() {
		if recover() != nil {
			said = f.said
		}
	}()
	test(f)
	return ""
}

// A Doer that goes on long after the end of its ctx: what it still does counts in a last bucket,
// which has no length, and no figure is divided by that.
func TestWhatComesAfterTheEnd(t *testing.T) {
	r := storm.Run(t, storm.Scenario{Load: storm.Constant(1), For: time.Second, Drain: time.Second}, func() storm.Doer {
		return storm.DoerFunc(func(_ context.Context, op resilience.Func) error {
			<-time.After(10 * time.Second)
			return op(context.Background())
		})
	})
	last := r.Between(3*time.Second, 4*time.Second)
	require.Equal(t, storm.Figures{Attempts: 1, Works: 1}, last)
	require.Equal(t, 1, r.Total.Attempts)
	require.NotContains(t, written(t, r), "NaN")
}

// A report without calls tells nothing, and nothing is required of it in vain.
func TestRequirementsOfNoCalls(t *testing.T) {
	r := storm.Run(t, storm.Scenario{Load: storm.Trace(time.Hour), For: time.Minute, Triggers: []storm.Trigger{{For: 1}}}, bare)
	require.Equal(t, storm.Figures{}, r.Total)
	for name, requires := range map[string]func(t *failing){
		"amplification": func(t *failing) { r.RequireAmplificationBelow(t, 2) },
		"goodput":       func(t *failing) { r.RequireGoodputAtLeast(t, 0) },
	} {
		require.Contains(t, said(requires), "storm: no call began in 1m0s; give the scenario a longer For or more load", name)
	}
	require.Contains(t, said(func(t *failing) { r.RequireRecoversWithin(t, time.Minute) }), "cannot tell whether it recovered: 0 calls")
	require.NotContains(t, written(t, r), "NaN")
}

func TestRequirements(t *testing.T) {
	r := storm.Run(t, outage, budgeted)
	require.Empty(t, said(func(t *failing) {
		r.RequireRecoversWithin(t, 0)
		r.RequireAmplificationBelow(t, 1.002)
		r.RequireGoodputAtLeast(t, 0.83)
	}))
	s := outage
	s.Triggers = []storm.Trigger{{At: time.Second, For: 57 * time.Second, ErrorRatio: 1}}
	brief := storm.Run(t, s, bare)
	s.Triggers = []storm.Trigger{{At: 10 * time.Second, For: 10 * time.Second, ErrorRatio: 1}, {At: 20 * time.Second, ErrorRatio: 1}}
	stuck := storm.Run(t, s, bare)
	s.Triggers = []storm.Trigger{{ErrorRatio: 0.5}}
	endless := storm.Run(t, s, bare)
	slow := storm.Run(t, outage, func() storm.Doer {
		return holdfast.Must(holdfast.New("p", breaker.Config{OpenFor: 2 * time.Second, MaxOpenFor: 2 * time.Second}))
	})
	for _, c := range []struct {
		test func(t *failing)
		want string
	}{
		{func(t *failing) { slow.RequireRecoversWithin(t, time.Millisecond) }, "storm: recovered 2s after the last trouble; want at most 1ms\noutage (seed 5): constant, 100/s, for 1m0s\n"},
		{func(t *failing) { stuck.RequireRecoversWithin(t, time.Second) }, "storm: not recovered: goodput did not stay at 95 % for 5s between the last trouble's end (20s) and the end of the load (1m0s), with 0 of 4000 calls good; want that within 1s\n"},
		{func(t *failing) { brief.RequireRecoversWithin(t, time.Minute) }, "storm: cannot tell whether it recovered: 200 calls began between the last trouble's end (58s) and the end of the load (1m0s); want at least 20, over at least 5s (Steady)"},
		{func(t *failing) { endless.RequireRecoversWithin(t, time.Second) }, "storm: no trouble of the scenario ends"},
		{func(t *failing) { r.RequireAmplificationBelow(t, 1.001) }, "storm: amplification is 1.002 (6010 attempts for 6000 calls); want below 1.001\n"},
		{func(t *failing) { r.RequireGoodputAtLeast(t, 0.84) }, "storm: goodput is 0.8333 (5000 good calls of 6000); want at least 0.84\n"},
	} {
		require.Contains(t, said(c.test), c.want)
	}
}

func TestString(t *testing.T) {
	text := storm.Run(t, outage, budgeted).String()
	lines := strings.Split(text, "\n")
	require.Equal(t, "outage (seed 5): constant, 100/s, for 1m0s", lines[0])
	require.Equal(t, "6000 calls, 6010 attempts (amplification 1.002), goodput 83.33 %, recovered after: 0s", lines[1])
	require.Equal(t, "good calls took 5ms on average, p50 5ms, p90 5ms, p99 5ms, at most 5ms", lines[2])
	require.Contains(t, lines[3], "refused 0, failed 1010; ")
	require.Len(t, lines, 6+20+1, text)
	for _, line := range lines {
		require.Less(t, len(line), 140)
	}
}

func TestCSV(t *testing.T) {
	r := storm.Run(t, outage, budgeted)
	var b bytes.Buffer
	require.NoError(t, r.WriteCSV(&b))
	lines, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 1+60+1)
	cell := func(line int, name string) string {
		for i, title := range lines[0] {
			if title == name {
				return lines[line][i]
			}
		}
		return "no " + name
	}
	require.Equal(t, "20", cell(21, "at_s"))
	require.Equal(t, "110", cell(21, "attempts"))
	require.Equal(t, "110", cell(21, "failed"))
	require.Equal(t, "0", cell(21, "refused"))
	require.Empty(t, cell(21, "mean_ms"), "none was good")
	require.InDelta(t, 5, number(t, cell(20, "mean_ms")), 0.001)
	require.Empty(t, cell(20, "wait_mean_ms"), "the load is open")
	require.Equal(t, "1.1", cell(21, "amplification"))
	require.Equal(t, "0", cell(21, "goodput"))
	require.Equal(t, "total", cell(61, "at_s"))
	require.Equal(t, "6010", cell(61, "attempts"))
	require.Equal(t, fmt.Sprint(r.Total.Denials[resilience.ReasonBudget]), cell(61, "budget_exhausted"))
	require.Error(t, r.WriteCSV(full{}))
}

func ExampleReport_WriteCSV() {
	report, err := storm.Play(storm.Scenario{Load: storm.Constant(10), For: 2 * time.Second}, bare)
	if err != nil {
		fmt.Println(err)
		return
	}
	var b bytes.Buffer
	if err := report.WriteCSV(&b); err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(b.String()) { // the first of many columns
		fmt.Println(strings.Join(strings.Split(line, ",")[:4], ","))
	}
	// Output:
	// at_s,calls,good,attempts
	// 0,10,10,10
	// 1,10,10,10
	// total,20,20,20
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}

// full cannot be written to.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }
