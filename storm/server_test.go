package storm_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// noting makes each call once, and notes its error, if any.
func noting(errs *[]error) func() storm.Doer {
	var mu sync.Mutex
	return func() storm.Doer {
		return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
			err := op(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				*errs = append(*errs, err)
			}
			return err
		})
	}
}

// One worker, a second of work, and callers who leave after 100 ms: the second comes when the first
// has left.
func TestWorkGoesOnForNobodyOrStops(t *testing.T) {
	s := storm.Scenario{
		Load: storm.Trace(0, 500*time.Millisecond), For: 5 * time.Second, Deadline: 100 * time.Millisecond,
		Server: storm.Server{Workers: 1, Service: storm.Fixed(time.Second), Hop: storm.Fixed(time.Millisecond)},
	}
	t.Run("goes on", func(t *testing.T) {
		var errs []error
		r := storm.Run(t, s, noting(&errs))
		require.Equal(t, 2, r.Total.Works)
		require.Equal(t, 2, r.Total.Wasted)
		require.Equal(t, 1, r.Total.QueueMax, "the second waits for the first's work")
		require.InDelta(t, 2.0/5, r.Total.InService, 1e-5)
		require.Equal(t, []error{context.DeadlineExceeded, context.DeadlineExceeded}, errs)
	})
	t.Run("stops", func(t *testing.T) {
		s := s
		s.Server.StopsWhenLeft = true
		r := storm.Run(t, s, bare)
		require.Zero(t, r.Total.Works)
		require.Zero(t, r.Total.Wasted)
		require.Zero(t, r.Total.QueueMax)
		require.InDelta(t, 0.2/5, r.Total.InService, 1e-5, "from 1 ms, when it comes, to 101 ms, when it hears, twice")
	})
	t.Run("stops waiting", func(t *testing.T) {
		s := s
		s.Load = storm.Trace(0, 10*time.Millisecond, 150*time.Millisecond)
		s.Server.StopsWhenLeft = true
		s.Server.Service = storm.Fixed(105 * time.Millisecond)
		s.Deadline = 108 * time.Millisecond
		r := storm.Run(t, s, bare)
		require.Equal(t, 2, r.Total.Good, "the one in the middle gave up in the queue or at work, and kept nobody")
	})
}

func TestTriggers(t *testing.T) {
	const calls = 1000 // 100 a second, for 10 s; triggers last from 2 s to 4 s
	run := func(t *testing.T, trigger storm.Trigger) (*storm.Report, []error) {
		t.Helper()
		var errs []error
		trigger.At, trigger.For = 2*time.Second, 2*time.Second
		r := storm.Run(t, storm.Scenario{
			Load: storm.Constant(100), For: 10 * time.Second, Triggers: []storm.Trigger{trigger},
			Server: storm.Server{Workers: 10, Service: storm.Fixed(50 * time.Millisecond)},
		}, noting(&errs))
		require.Equal(t, calls, r.Total.Calls)
		return r, errs
	}
	t.Run("errors before the work", func(t *testing.T) {
		r, errs := run(t, storm.Trigger{ErrorRatio: 1})
		require.Equal(t, calls-200, r.Total.Good)
		require.Equal(t, calls-200, r.Total.Works)
		require.Zero(t, r.Total.Wasted)
		require.Len(t, errs, 200)
		require.ErrorIs(t, errs[0], storm.ErrFailed)
		require.Equal(t, resilience.Transient, resilience.Classify(errs[0]))
		require.Zero(t, r.Between(2*time.Second, 4*time.Second).Good)
	})
	t.Run("errors after the work", func(t *testing.T) {
		r, errs := run(t, storm.Trigger{ErrorRatio: 1, AfterWork: true})
		require.Len(t, errs, 200)
		require.Equal(t, calls, r.Total.Works)
		require.Equal(t, 200, r.Total.Wasted)
	})
	t.Run("some errors", func(t *testing.T) {
		_, errs := run(t, storm.Trigger{ErrorRatio: 0.5})
		require.InDelta(t, 100, len(errs), 3*7.1, "three standard deviations of 200 throws of a coin")
	})
	t.Run("less capacity", func(t *testing.T) { // 10 workers do 200 a second, 4 do 80: 20 too few, for 2 s
		r, errs := run(t, storm.Trigger{CapacityLoss: 0.6})
		require.Empty(t, errs)
		require.InDelta(t, 40, r.Total.QueueMax, 2)
		require.Zero(t, r.Between(5*time.Second, 10*time.Second).Queue, "it is worked off")
	})
	t.Run("no capacity", func(t *testing.T) {
		r, _ := run(t, storm.Trigger{CapacityLoss: 1})
		require.InDelta(t, 200, r.Total.QueueMax, 2)
		require.Equal(t, calls, r.Total.Good, "late, but nobody minded")
	})
	t.Run("slower", func(t *testing.T) {
		r, _ := run(t, storm.Trigger{Slowdown: 1.5})
		took := r.Between(3*time.Second, 4*time.Second)
		require.Equal(t, 75*time.Millisecond, took.P50.Round(time.Microsecond))
	})
	t.Run("later", func(t *testing.T) {
		r, _ := run(t, storm.Trigger{Latency: 30 * time.Millisecond})
		took := r.Between(3*time.Second, 4*time.Second)
		require.Equal(t, 80*time.Millisecond, took.P50.Round(time.Microsecond))
		require.Equal(t, 50*time.Millisecond, r.Between(5*time.Second, 6*time.Second).P50.Round(time.Microsecond))
	})
}

// Triggers without a For last to the end, and those that overlap add up: of two that let half pass,
// a quarter gets through.
func TestTriggersAddUp(t *testing.T) {
	r := storm.Run(t, storm.Scenario{
		Seed: 1, Load: storm.Constant(1000), For: 10 * time.Second,
		Triggers: []storm.Trigger{{ErrorRatio: 0.5}, {At: 5 * time.Second, ErrorRatio: 0.5}},
	}, bare)
	early, late := r.Between(0, 5*time.Second), r.Between(5*time.Second, 10*time.Second)
	require.InDelta(t, 0.5, early.Goodput(), 3*0.0071)
	require.InDelta(t, 0.25, late.Goodput(), 3*0.0061)
}

// Who comes back after the deadline has done the caller no good, whatever is returned.
func TestLateSuccessIsNoGood(t *testing.T) {
	r := storm.Run(t, storm.Scenario{
		Load: storm.Trace(0), For: 10 * time.Second, Deadline: time.Second,
		Server: storm.Server{Service: storm.Fixed(2 * time.Second)},
	}, func() storm.Doer {
		return storm.DoerFunc(func(_ context.Context, op resilience.Func) error { return op(context.Background()) })
	})
	require.Equal(t, 1, r.Total.Calls)
	require.Zero(t, r.Total.Good)
}

// Calls that would wait for ever are cut off, Drain after the load has ended.
func TestDrain(t *testing.T) {
	var errs []error
	r := storm.Run(t, storm.Scenario{
		Load: storm.Constant(100), For: time.Second, Drain: 3 * time.Second,
		Server:   storm.Server{Workers: 1},
		Triggers: []storm.Trigger{{CapacityLoss: 1}},
	}, noting(&errs))
	require.Len(t, errs, 100)
	require.ErrorIs(t, errs[0], context.Canceled)
	require.Zero(t, r.Total.Good)
	require.Len(t, r.Series, 5, "for 4 s and a few microseconds")
}

// A Doer that sleeps for a year, whatever its ctx says, gets a report of the storm, and not of the
// year.
func TestADoerThatComesTooLate(t *testing.T) {
	r := storm.Run(t, storm.Scenario{Load: storm.Trace(0), For: time.Second, Drain: time.Second}, func() storm.Doer {
		return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
			<-time.After(365 * 24 * time.Hour)
			return op(ctx)
		})
	})
	require.Len(t, r.Series, 4)
	require.Equal(t, 1, r.Total.Calls)
	require.Equal(t, 1, r.Total.Attempts)
	require.Zero(t, r.Total.Good)
}
