package storm_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// What is no *testing.T runs a storm as well, and gets the same report: a benchmark, something that
// stands for a test, and a command, which has nothing of the kind.
func TestWhoeverRunsItGetsTheSameReport(t *testing.T) {
	outage := outage
	outage.Load = storm.Constant(20)
	want := written(t, storm.Run(t, outage, budgeted))
	require.Equal(t, want, written(t, storm.Run(&failing{TB: t}, outage, budgeted)))
	require.Equal(t, want, written(t, storm.Run(&failing{}, outage, budgeted)))
	report, err := storm.Play(outage, budgeted)
	require.NoError(t, err)
	require.Equal(t, want, written(t, report))
	var got string
	testing.Benchmark(func(b *testing.B) { //nolint:thelper // it is the benchmark itself
		for b.Loop() {
			got = written(t, storm.Run(b, outage, budgeted))
		}
	})
	require.Equal(t, want, got)
}

// A command, in which nothing of a test runs, gets the report that a test gets.
func TestACommandRunsStorms(t *testing.T) {
	got, err := exec.CommandContext(t.Context(), "go", "run", "./testdata/play").CombinedOutput()
	require.NoError(t, err, string(got))
	want := storm.Run(t, storm.Scenario{
		Name: "command", Seed: 7, Load: storm.Poisson(100), For: 30 * time.Second, Deadline: time.Second,
		Server:   storm.Server{Workers: 10, Service: storm.Exponential(50 * time.Millisecond)},
		Triggers: []storm.Trigger{{At: 10 * time.Second, For: 5 * time.Second, ErrorRatio: 1}},
	}, func() storm.Doer { return holdfast.Must(holdfast.New("p", holdfast.Standard()...)) })
	require.Equal(t, want.String(), string(got))
}

func TestPlaySaysWhatIsWrong(t *testing.T) {
	_, err := storm.Play(storm.Scenario{}, bare)
	require.ErrorContains(t, err, "storm: Load is missing")
	require.ErrorContains(t, err, "storm: For is 0s")
	_, err = storm.Play(outage, nil)
	require.EqualError(t, err, "storm: newDoer is nil; want a function that makes a Doer")
	require.Contains(t, said(func(t *failing) { storm.Run(t, storm.Scenario{}, bare) }), "storm: Load is missing")
	synctest.Test(t, func(t *testing.T) {
		_, err := storm.Play(outage, bare)
		require.ErrorContains(t, err, "in a bubble of testing/synctest; want a call outside of it")
	})
	_, err = storm.Play(outage, bare)
	require.NoError(t, err, "the next one runs")
}

// A newDoer that ends the test, as require does, ends the storm and whoever called it; the next
// storm runs.
func TestANewDoerThatEndsTheTest(t *testing.T) {
	for _, tb := range []testing.TB{t, &failing{}} {
		ended := make(chan bool)
		go func() {
			returned := false
			defer func() { ended <- !returned }()
			storm.Run(tb, outage, func() storm.Doer {
				runtime.Goexit()
				return nil
			})
			returned = true
		}()
		require.True(t, <-ended)
	}
	storm.Run(t, outage, bare)
}

// A Doer that ends its goroutine, as require does in one, fails the storm, and says in which call.
func TestADoerThatEndsItsGoroutine(t *testing.T) {
	inOp := storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		p := holdfast.Must(holdfast.New("p", holdfast.Critical()...))
		return p.Do(ctx, func(ctx context.Context) error {
			defer runtime.Goexit()
			return op(ctx)
		})
	})
	atOnce := storm.DoerFunc(func(context.Context, resilience.Func) error {
		runtime.Goexit()
		return nil
	})
	for name, doer := range map[string]storm.Doer{"before": atOnce, "in the op": inOp} {
		for _, load := range []storm.Load{storm.Trace(ms, 2*ms), storm.Closed(2, storm.Fixed(ms))} {
			s := storm.Scenario{Load: load, For: time.Second, Server: storm.Server{Workers: 1, Service: storm.Fixed(ms)}}
			report, err := storm.Play(s, func() storm.Doer { return doer })
			require.Nil(t, report, name)
			require.ErrorContains(t, err, "storm: the Doer of client 0 has ended its goroutine", name)
			require.ErrorContains(t, err, "in a call that began at 1", name)

			s.Server.Downstream = &storm.Downstream{NewDoer: func() storm.Doer { return doer }}
			s.Deadline = 100 * ms
			_, err = storm.Play(s, bare)
			require.ErrorContains(t, err, "storm: the Doer of \"downstream\" has ended its goroutine", name)
		}
	}
	_, err := storm.Play(outage, bare)
	require.NoError(t, err, "the next one runs")
}

// A Doer that takes the first of two answers and leaves the other attempt behind, as hedged
// requests do, leaves nothing behind in the end: no attempt that is lost, or waits at the server,
// or is made anew after the storm. The report does not hear of it.
func TestAttemptsThatAreLeftBehind(t *testing.T) {
	var canceled atomic.Int64
	hedged := storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		answers := make(chan error, 2)
		for range 2 {
			go func() {
				answers <- op(ctx)
				<-ctx.Done() // at the storm's end
				if errors.Is(op(context.Background()), context.Canceled) {
					canceled.Add(1)
				}
			}()
		}
		return <-answers
	})
	for _, behind := range []*storm.Downstream{nil, {
		Server: storm.Server{Service: storm.Fixed(ms)}, Triggers: []storm.Trigger{{HopLoss: 0.5}},
		NewDoer: func() storm.Doer { return hedged },
	}} {
		canceled.Store(0)
		report := storm.Run(t, storm.Scenario{
			Load: storm.Constant(10), For: 10 * time.Second, Drain: 5 * time.Second,
			Server:   storm.Server{Service: storm.Fixed(10 * time.Second), Downstream: behind},
			Triggers: []storm.Trigger{{At: 5 * time.Second, HopLoss: 0.5}, {At: 8 * time.Second, ErrorRatio: 0.5}},
		}, func() storm.Doer { return hedged })
		attempts := 0
		for _, b := range report.Series {
			attempts += b.Attempts
		}
		require.Equal(t, report.Total.Attempts, attempts)
		require.GreaterOrEqual(t, attempts, 200)
		require.Positive(t, canceled.Load())
	}
}

// Who waits for longer than the years that nanoseconds since 1970 can tell is answered too.
func TestALongDeadline(t *testing.T) {
	for _, s := range []storm.Scenario{{}, {Deadline: math.MaxInt64}} {
		s.Load, s.For = storm.Constant(10), 10*time.Second
		r := storm.Run(t, s, func() storm.Doer {
			return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
				ctx, cancel := context.WithTimeout(ctx, math.MaxInt64)
				defer cancel()
				return op(ctx)
			})
		})
		require.Equal(t, r.Total.Calls, r.Total.Good)
	}
}

func ExamplePlay() {
	report, err := storm.Play(storm.Scenario{
		Load: storm.Constant(100), For: time.Minute,
		Triggers: []storm.Trigger{{At: 20 * time.Second, For: 10 * time.Second, ErrorRatio: 1}},
	}, func() storm.Doer { return storm.Bare })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f %% of %d calls were good\n", 100*report.Total.Goodput(), report.Total.Calls)
	fmt.Printf("in the outage: %.1f %%\n", 100*report.Between(20*time.Second, 30*time.Second).Goodput())
	fmt.Println(report.Recovery().Outcome)
	// Output:
	// 83.3 % of 6000 calls were good
	// in the outage: 0.0 %
	// recovered
}
