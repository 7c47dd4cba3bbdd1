package storm_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// Workers that are busy for a second, and one attempt more, at 100 ms, for which there is no place:
// its refusal costs a share of a second, which the busy workers lose together, and the answer comes
// after that time.
func TestRefusalCosts(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		workers       int
		cost          float64
		done, refused time.Duration
	}{
		{workers: 1, cost: 0, done: 1100 * ms, refused: 100 * ms}, // the default
		{workers: 1, cost: 0.1, done: 1100 * ms, refused: 100 * ms},
		{workers: 1, cost: 1, done: 2000 * ms, refused: 1000 * ms},
		{workers: 1, cost: -1, done: 1000 * ms, refused: 0},
		{workers: 2, cost: 0.5, done: 1250 * ms, refused: 500 * ms},
	} {
		var refused time.Duration
		at := []time.Duration{100 * ms}
		for range c.workers {
			at = append(at, 0)
		}
		r := storm.Run(t, storm.Scenario{
			Load: storm.Trace(at...), For: 5 * time.Second,
			Server: storm.Server{Workers: c.workers, QueueLimit: -1, Service: storm.Fixed(time.Second), RefusalCost: c.cost},
		}, func() storm.Doer {
			return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
				start := time.Now()
				err := op(ctx)
				if err != nil {
					refused = time.Since(start)
				}
				return err
			})
		})
		require.Equal(t, c.workers, r.Total.Good, "%+v", c)
		require.Equal(t, c.workers, r.Total.Works, "a refusal is no work: %+v", c)
		require.Equal(t, 1, r.Total.Refused, "%+v", c)
		require.Zero(t, r.Total.Failed, "a refusal is no failure: %+v", c)
		require.Equal(t, c.done, r.Total.Max.Round(time.Microsecond), "%+v", c)
		require.Equal(t, c.refused, refused.Round(time.Microsecond), "%+v", c)
	}
}

// Refusals take time from work: a worker that has done its own, and holds the answer back, loses
// none.
func TestRefusalsTakeNothingFromLatency(t *testing.T) {
	for refusedAt, want := range map[time.Duration]time.Duration{
		500 * time.Millisecond: 2100 * time.Millisecond, 1500 * time.Millisecond: 2000 * time.Millisecond,
	} {
		r := storm.Run(t, storm.Scenario{
			Load: storm.Trace(0, refusedAt), For: 5 * time.Second,
			Server:   storm.Server{Workers: 1, QueueLimit: -1, Service: storm.Fixed(time.Second)},
			Triggers: []storm.Trigger{{Latency: time.Second}},
		}, bare)
		require.Equal(t, 1, r.Total.Refused)
		require.Equal(t, want, r.Total.Max.Round(time.Microsecond), "refused at %v", refusedAt)
	}
}

// Ten workers who take 50 ms can do 200 works a second. Of 1,000 attempts a second, x are worked on
// and the others refused at a tenth of the price: x·50 ms + (1000-x)·5 ms = 10 s, so x = 111. A
// refusal that is free leaves all 200. At 2,000 and more, nothing is left for any work.
func TestRefusalsTakeWhatTheyCost(t *testing.T) {
	for _, c := range []struct {
		rate, cost, want float64
	}{
		{1000, -1, 200},
		{1000, 0.1, 111.1},
		{1900, 0.1, 11.1},
		{2500, 0.1, 0},
	} {
		r := storm.Run(t, storm.Scenario{
			Load: storm.Constant(c.rate), For: 6 * time.Second, Deadline: time.Second, Drain: time.Second,
			Server: storm.Server{Workers: 10, QueueLimit: 10, Service: storm.Fixed(50 * time.Millisecond), RefusalCost: c.cost},
		}, bare)
		later := r.Between(time.Second, 6*time.Second)
		require.InDelta(t, c.want, float64(later.Works)/5, 2, "%+v", c) // ten workers end together
	}
}

// What a refusal says: Transient, or Overload with or without a time to wait.
func TestRefusalVerdict(t *testing.T) {
	for _, c := range []struct {
		server  storm.Server
		verdict resilience.Verdict
		after   time.Duration
	}{
		{storm.Server{}, resilience.Transient, 0},
		{storm.Server{Overload: true}, resilience.Overload, 0},
		{storm.Server{Overload: true, RetryAfter: 3 * time.Second}, resilience.Overload, 3 * time.Second},
	} {
		var errs []error
		c.server.Workers, c.server.QueueLimit, c.server.Service = 1, -1, storm.Fixed(time.Second)
		r := storm.Run(t, storm.Scenario{Load: storm.Trace(0, 1), For: time.Second, Server: c.server}, noting(&errs))
		require.Equal(t, 1, r.Total.Refused, "whatever it says: %+v", c)
		require.Zero(t, r.Total.Failed)
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], storm.ErrQueueFull)
		require.Equal(t, c.verdict, resilience.Classify(errs[0]))
		require.Equal(t, c.after, resilience.RetryAfter(errs[0]))
	}
}
