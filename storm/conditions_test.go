package storm_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

func ExampleKey() {
	shard := storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		if key, ok := storm.Key(ctx); ok {
			_ = key // the client of that shard
		}
		return op(ctx)
	})
	_ = shard // a Doer for storm.Run

	_, ok := storm.Key(context.Background())
	fmt.Println(ok)
	// Output: false
}

const ms = time.Millisecond

// single plays one call at 0, to a server that works for a second, and returns how long it took.
func single(t *testing.T, server storm.Server, triggers ...storm.Trigger) time.Duration {
	t.Helper()
	server.Service = storm.Fixed(time.Second)
	r := storm.Run(t, storm.Scenario{Load: storm.Trace(0), For: 20 * time.Second, Server: server, Triggers: triggers}, bare)
	require.Equal(t, 1, r.Total.Good)
	return r.Total.Max.Round(time.Microsecond)
}

// Work that is under way when a trigger begins or ends goes on as the trigger says from then on.
func TestTriggersChangeWorkUnderWay(t *testing.T) {
	pool := storm.Server{Workers: 1}
	for _, c := range []struct {
		name     string
		server   storm.Server
		triggers []storm.Trigger
		want     time.Duration
	}{
		{"none", pool, nil, 1000 * ms},
		{"slow, begins", pool, []storm.Trigger{{At: 500 * ms, Slowdown: 3}}, 2000 * ms},
		{"slow, ends", pool, []storm.Trigger{{For: 300 * ms, Slowdown: 3}}, 1200 * ms},
		{"slow, begins and ends", pool, []storm.Trigger{{At: 500 * ms, For: 300 * ms, Slowdown: 3}}, 1200 * ms},
		{"slow, after the work", pool, []storm.Trigger{{At: 1001 * ms, Slowdown: 3}}, 1000 * ms},
		{"fast", pool, []storm.Trigger{{At: 500 * ms, Slowdown: 0.5}}, 750 * ms},
		{"slow twice", pool, []storm.Trigger{{For: 200 * ms, Slowdown: 2, Every: 400 * ms}}, 1400 * ms}, // 100 in 200, 200 in 200, and so on
		{"half a worker", pool, []storm.Trigger{{At: 500 * ms, CapacityLoss: 0.5}}, 1500 * ms},
		{"late", pool, []storm.Trigger{{Latency: 300 * ms}}, 1300 * ms},
		{"late, begins", pool, []storm.Trigger{{At: 999 * ms, Latency: 300 * ms}}, 1300 * ms},
		{"late, begins when the work is done", pool, []storm.Trigger{{At: 1001 * ms, Latency: 300 * ms}}, 1000 * ms},
		{"late, ends in the work", pool, []storm.Trigger{{For: 999 * ms, Latency: 300 * ms}}, 1000 * ms},
		{"late, ends in the wait", pool, []storm.Trigger{{For: 1100 * ms, Latency: 5 * time.Second}}, 1100 * ms},
		{"later and later", pool, []storm.Trigger{{Latency: 100 * ms}, {At: 1050 * ms, Latency: 200 * ms}}, 1300 * ms},
		{"a slow network", pool, []storm.Trigger{{HopLatency: 50 * ms}}, 1100 * ms},
		{"a slow network for the answer", pool, []storm.Trigger{{At: 500 * ms, HopLatency: 50 * ms}}, 1050 * ms},
		{"a slow network for the request", pool, []storm.Trigger{{For: 500 * ms, HopLatency: 50 * ms}}, 1050 * ms},
	} {
		require.InDelta(t, c.want, single(t, c.server, c.triggers...), float64(time.Microsecond), c.name)
	}
}

// Latency holds the worker, a slow network does not: 10 workers of 100 ms do 100 a second, with
// 400 ms more 20.
func TestLatencyHoldsWorkers(t *testing.T) {
	for _, c := range []struct {
		trigger storm.Trigger
		want    float64
	}{
		{storm.Trigger{Latency: 400 * ms}, 20},
		{storm.Trigger{HopLatency: 400 * ms}, 100},
	} {
		r := storm.Run(t, storm.Scenario{
			Load: storm.Constant(200), For: 20 * time.Second, Deadline: time.Second, Triggers: []storm.Trigger{c.trigger},
			Server: storm.Server{Workers: 10, Service: storm.Fixed(100 * ms)},
		}, bare)
		require.InDelta(t, c.want, float64(r.Between(10*time.Second, 20*time.Second).Works)/10, 1, "%+v", c.trigger)
	}
}

// Of messages that get lost with chance p each way, (1-p)² of the attempts are answered, (1-p) are
// worked on, and what was worked on without an answer is wasted. The callers wait for their
// deadline.
func TestLostMessages(t *testing.T) {
	var errs []error
	r := storm.Run(t, storm.Scenario{
		Seed: 1, Load: storm.Constant(1000), For: 10 * time.Second, Deadline: time.Second,
		Triggers: []storm.Trigger{{HopLoss: 0.3}},
	}, noting(&errs))
	require.InDelta(t, 0.49, r.Total.Goodput(), 0.015, "three standard errors")
	require.InDelta(t, 7000, r.Total.Works, 140)
	require.Equal(t, r.Total.Works-r.Total.Good, r.Total.Wasted)
	require.Len(t, errs, r.Total.Calls-r.Total.Good)
	for _, err := range errs {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
}

// Half a worker in two, one in ten: what no whole number of workers can do is done at their pace.
func TestCapacityLossOfFewWorkers(t *testing.T) {
	for _, c := range []struct {
		workers int
		loss    float64
	}{{1, 0.5}, {2, 0.25}, {2, 0.1}, {10, 0.75}, {3, 0.999}} {
		r := storm.Run(t, storm.Scenario{
			Load: storm.Constant(float64(20 * c.workers)), For: 100 * time.Second, Deadline: time.Second,
			Server:   storm.Server{Workers: c.workers, Service: storm.Fixed(100 * ms)},
			Triggers: []storm.Trigger{{CapacityLoss: c.loss}},
		}, bare)
		want := 10 * float64(c.workers) * (1 - c.loss)
		require.InDelta(t, want, float64(r.Between(0, 100*time.Second).Works)/100, 0.01*want+0.02, "%+v", c)
	}
}

// threes makes each call three times over, until it succeeds.
func threes() storm.Doer {
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) (err error) {
		for range 3 {
			if err = op(ctx); err == nil {
				break
			}
		}
		return err
	})
}

// Who feels a trigger feels it in all attempts, and the others in none.
func TestTriggersForSome(t *testing.T) {
	s := storm.Scenario{Seed: 1, Load: storm.Constant(1000), For: 10 * time.Second, Clients: 10, Keys: 20}
	for _, c := range []struct {
		name    string
		trigger storm.Trigger
		failed  float64
		within  float64
	}{
		{"one client in ten", storm.Trigger{Clients: storm.Range{From: 9, To: 10}}, 0.1, 0},
		{"the first three", storm.Trigger{Clients: storm.Range{To: 3}}, 0.3, 0},
		{"two keys in twenty", storm.Trigger{Keys: storm.Range{From: 4, To: 6}}, 0.1, 0.009},
		{"a fifth of the calls", storm.Trigger{Calls: 0.2}, 0.2, 0.012},
		{"all calls", storm.Trigger{Calls: 1}, 1, 0},
		{"a fifth of a client's", storm.Trigger{Clients: storm.Range{To: 5}, Calls: 0.2}, 0.1, 0.009},
	} {
		c.trigger.ErrorRatio = 1
		s.Triggers = []storm.Trigger{c.trigger}
		r := storm.Run(t, s, threes)
		require.InDelta(t, c.failed, 1-r.Total.Goodput(), c.within+1e-9, "%s: three standard errors", c.name)
		failed := r.Total.Calls - r.Total.Good
		require.Equal(t, r.Total.Calls+2*failed, r.Total.Attempts, "%s: all attempts of a call or none", c.name)
	}
}

// Two triggers for a share of the calls choose independently.
func TestTriggersForSomeAreIndependent(t *testing.T) {
	r := storm.Run(t, storm.Scenario{
		Seed: 2, Load: storm.Constant(1000), For: 10 * time.Second,
		Triggers: []storm.Trigger{{Calls: 0.5, ErrorRatio: 1}, {Calls: 0.5, ErrorRatio: 1}},
	}, bare)
	require.InDelta(t, 0.25, r.Total.Goodput(), 0.013, "three standard errors")
}

// A slow shard is slow for its keys alone, and a Doer knows the key.
func TestASlowShard(t *testing.T) {
	took := map[int]time.Duration{}
	r := storm.Run(t, storm.Scenario{
		Load: storm.Constant(10), For: 10 * time.Second, Keys: 4,
		Server:   storm.Server{Service: storm.Fixed(100 * ms)},
		Triggers: []storm.Trigger{{Keys: storm.Range{From: 2, To: 3}, Slowdown: 5}},
	}, func() storm.Doer {
		return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
			key, ok := storm.Key(ctx)
			if !ok {
				return fmt.Errorf("a call without a key")
			}
			start := time.Now()
			err := op(ctx)
			took[key] = time.Since(start).Round(time.Microsecond)
			return err
		})
	})
	require.Equal(t, r.Total.Calls, r.Total.Good)
	require.Equal(t, map[int]time.Duration{0: 100 * ms, 1: 100 * ms, 2: 500 * ms, 3: 100 * ms}, took)
}

// Down for 2 s, up for 2 s, three times; then well.
func TestATriggerThatComesAgain(t *testing.T) {
	r := storm.Run(t, storm.Scenario{
		Load: storm.Constant(100), For: 20 * time.Second,
		Triggers: []storm.Trigger{{At: 2 * time.Second, For: 2 * time.Second, Every: 4 * time.Second, Times: 3, ErrorRatio: 1}},
	}, bare)
	for i, b := range r.Series[:20] {
		want := 100
		if i%4 >= 2 && i < 12 {
			want = 0
		}
		require.InDelta(t, want, b.Good, 1, "second %d", i)
	}
	after, ok := r.Recovered()
	require.True(t, ok)
	require.Zero(t, after, "since 12 s")
}

// What ramps up does a little more each step: errors from none to all within 10 s, (k+½)/10 in
// second k.
func TestARampOfErrors(t *testing.T) {
	r := storm.Run(t, storm.Scenario{
		Seed: 1, Load: storm.Constant(1000), For: 15 * time.Second,
		Triggers: []storm.Trigger{{Ramp: 10 * time.Second, ErrorRatio: 1}},
	}, bare)
	for k, b := range r.Series[:15] {
		want := min(1, (float64(k)+0.5)/10)
		require.InDelta(t, want, 1-b.Goodput(), 0.05, "second %d", k)
	}
}

// Latency that creeps up: 100 ms of work, and up to 1 s more.
func TestARampOfLatency(t *testing.T) {
	r := storm.Run(t, storm.Scenario{
		Load: storm.Constant(10), For: 30 * time.Second,
		Server:   storm.Server{Service: storm.Fixed(100 * ms)},
		Triggers: []storm.Trigger{{At: 5 * time.Second, For: 20 * time.Second, Ramp: 10 * time.Second, Latency: time.Second}},
	}, bare)
	require.Equal(t, 100*ms, r.Series[4].P50.Round(time.Microsecond))
	require.InDelta(t, 600*ms, r.Series[9].P50, float64(60*ms))
	require.Equal(t, 1100*ms, r.Series[16].P50.Round(time.Microsecond))
	require.Equal(t, 100*ms, r.Series[26].P50.Round(time.Microsecond))
}
