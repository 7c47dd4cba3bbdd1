package storm_test

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
	"github.com/media-gateway/holdfast/storm"
)

// written is all that can be had of a report.
func written(t *testing.T, r *storm.Report) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(r.String())
	require.NoError(t, r.WriteCSV(&b))
	require.NoError(t, storm.WriteSVG(&b, r))
	for _, g := range r.Groups {
		b.WriteString(written(t, g))
	}
	if r.Downstream != nil {
		b.WriteString(written(t, r.Downstream))
	}
	return b.String()
}

// The same seed gives the same report, byte for byte, however many processors there are: with every
// kind of chance and of waiting that a pipeline and a scenario have. The race detector sees each of
// them twice.
func TestSameSeedSameReport(t *testing.T) {
	pipeline := func(stages ...resilience.Stage) func() storm.Doer {
		return func() storm.Doer { return holdfast.Must(holdfast.New("p", stages...)) }
	}
	stormy := storm.Scenario{
		Load: storm.Poisson(300).Spike(900, 9*time.Second, time.Second), For: 12 * time.Second, Deadline: time.Second, Clients: 3,
		Server: storm.Server{
			Workers: 40, QueueLimit: 200, Hop: storm.Normal{Mean: 2 * time.Millisecond, Deviation: time.Millisecond},
			Service: storm.LogNormal{Median: 80 * time.Millisecond, P99: 400 * time.Millisecond}, StopsWhenLeft: true,
		},
		Triggers: []storm.Trigger{
			{ErrorRatio: 0.05},
			{At: 2 * time.Second, For: 2 * time.Second, ErrorRatio: 0.7, AfterWork: true},
			{At: 3 * time.Second, For: 2 * time.Second, CapacityLoss: 0.5, Latency: 50 * time.Millisecond},
		},
	}
	inLoops := stormy
	inLoops.Load = storm.Closed(200, storm.Exponential(time.Second))
	// Everything takes whole milliseconds: without precautions, thousands would meet at one
	// nanosecond.
	even := storm.Scenario{
		Load: storm.Constant(1000), For: 6 * time.Second, Deadline: 300 * time.Millisecond,
		Server: storm.Server{Workers: 40, QueueLimit: 50, Hop: storm.Fixed(time.Millisecond), Service: storm.Fixed(40 * time.Millisecond)},
		Triggers: []storm.Trigger{
			{At: time.Second, For: 2 * time.Second, ErrorRatio: 0.5},
			{At: 2 * time.Second, For: 2 * time.Second, CapacityLoss: 0.5},
		},
	}
	partly := stormy
	partly.Keys = 10
	partly.Server.Overload, partly.Server.RetryAfter, partly.Server.QueueLimit = true, 50*time.Millisecond, 10
	partly.Groups = []storm.Group{{Name: "bare", Clients: 2, NewDoer: bare}}
	partly.Triggers = []storm.Trigger{
		{At: time.Second, For: time.Second, Every: 3 * time.Second, Ramp: 500 * time.Millisecond, Slowdown: 4},
		{At: 2 * time.Second, For: 8 * time.Second, Keys: storm.Range{From: 3, To: 5}, ErrorRatio: 1},
		{At: 4 * time.Second, Calls: 0.1, Latency: 300 * time.Millisecond},
		{At: 6 * time.Second, For: time.Second, HopLoss: 0.1, HopLatency: 20 * time.Millisecond},
		{At: 8 * time.Second, For: 2 * time.Second, CapacityLoss: 0.33},
	}
	adaptive, codel := stormy, stormy
	adaptive.Server.Queue, codel.Server.Queue = storm.AdaptiveLIFO{}, storm.CoDel{Target: 20 * time.Millisecond}
	hops := stormy
	hops.Server.Downstream = &storm.Downstream{
		Server: storm.Server{Workers: 30, QueueLimit: 30, Service: storm.Exponential(60 * time.Millisecond), Downstream: &storm.Downstream{
			Server: storm.Server{Service: storm.Fixed(10 * time.Millisecond)},
		}},
		Triggers: []storm.Trigger{{At: 5 * time.Second, For: time.Second, ErrorRatio: 0.5, AfterWork: true}},
		NewDoer:  pipeline(holdfast.Standard()...),
	}
	retries := retry.Config{Jitter: retry.NoJitter, BaseDelay: 10 * time.Millisecond}
	opens := breaker.Config{OpenFor: 100 * time.Millisecond, FailureRatio: 0.7}
	for _, c := range []struct {
		name     string
		scenario storm.Scenario
		newDoer  func() storm.Doer
	}{
		{"critical", stormy, pipeline(holdfast.Critical()...)},
		{"standard", stormy, pipeline(holdfast.Standard()...)},
		{"partly", partly, pipeline(holdfast.Critical()...)},
		{"adaptive LIFO", adaptive, pipeline(holdfast.Critical()...)},
		{"CoDel", codel, pipeline(holdfast.Critical()...)},
		{"hops", hops, pipeline(holdfast.Critical()...)},
		{"in loops", inLoops, pipeline(holdfast.Critical()...)},
		{"bulkhead", stormy, pipeline(
			deadline.In(time.Second), bulkhead.Config{MaxConcurrent: 10, MaxWait: 50 * time.Millisecond},
			budget.Config{}, retry.Config{Jitter: retry.FullJitter}, deadline.In(200*time.Millisecond))},
		{"even", even, pipeline(budget.Config{Ratio: 0.5}, retries, opens, deadline.In(100*time.Millisecond))},
		{"even bulkhead", even, pipeline(
			budget.Config{Ratio: 0.5}, retries, opens,
			bulkhead.Config{MaxConcurrent: 35, MaxWait: 20 * time.Millisecond}, deadline.In(100*time.Millisecond))},
		{"even, of one's own", even, func() storm.Doer { return storm.DoerFunc(threeTries) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
			c.scenario.Seed = 42
			want := written(t, storm.Run(t, c.scenario, c.newDoer))
			processors := []int{4, 1}
			if suite.Partly() {
				processors = processors[:1]
			}
			for _, n := range processors {
				runtime.GOMAXPROCS(n)
				require.Equal(t, want, written(t, storm.Run(t, c.scenario, c.newDoer)), "%d processors", n)
			}
			if suite.Partly() {
				return
			}
			c.scenario.Seed = 43
			require.NotEqual(t, want, written(t, storm.Run(t, c.scenario, c.newDoer)))
		})
	}
}

// threeTries is what a rival does whose pauses the storm knows nothing of.
func threeTries(ctx context.Context, op resilience.Func) (err error) {
	for range 3 {
		attempt, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		err = op(attempt)
		cancel()
		if err == nil || ctx.Err() != nil {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	return err
}

// Work that nobody waits for, and that ends about when the load does, is in the report or not; but
// always the same.
func TestTheEndIsAnInstantOfItsOwn(t *testing.T) {
	leaves := storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return op(ctx)
	})
	for before := range time.Duration(16) {
		s := storm.Scenario{
			Load: storm.Trace(0), For: 2 * time.Second,
			Server: storm.Server{Workers: 1, Service: storm.Fixed(2*time.Second - before)},
		}
		want := storm.Run(t, s, func() storm.Doer { return leaves })
		require.Len(t, want.Series, 2)
		for range 40 {
			got := storm.Run(t, s, func() storm.Doer { return leaves })
			require.Equal(t, want.Total, got.Total, "%d ns", before)
			require.Equal(t, want.Series, got.Series, "%d ns", before)
		}
	}
}
