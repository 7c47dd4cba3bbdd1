package holdfast_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var errFlaky = resilience.MarkTransient(errors.New("flaky"))

// plain is a retry loop with predictable pauses.
func plain(retries int) retry.Config {
	return retry.Custom(retries, 100*time.Millisecond, 5*time.Second, false)
}

func newPipeline(t testing.TB, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("payments", stages...)
	require.NoError(t, err)
	return p
}

// failing returns an op that fails the first n times, and counts its runs.
func failing(n int, err error) (op resilience.Func, runs *int) {
	runs = new(int)
	return func(context.Context) error {
		if *runs++; *runs <= n {
			return err
		}
		return nil
	}, runs
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	shared, err := breaker.New(breaker.Config{})
	require.NoError(t, err)
	var none *retry.Policy
	loggy := resilience.PolicyFunc(func(next resilience.Func) resilience.Func { return next })

	tests := map[string]struct {
		name   string
		stages []resilience.Stage
		want   []string
	}{
		"no name":        {"", []resilience.Stage{retry.Config{}}, []string{`name is ""`}},
		"no stage":       {"p", nil, []string{"no stages", "holdfast.Standard()"}},
		"only observers": {"p", []resilience.Stage{holdfast.Observe(resilience.NewLogObserver(nil))}, []string{"no stages"}},
		"nil stage":      {"p", []resilience.Stage{nil}, []string{"stage 1 is nil"}},
		"typed nil":      {"p", []resilience.Stage{none}, []string{"stage 1 is nil"}},
		"nil observer":   {"p", []resilience.Stage{holdfast.Observe(nil), retry.Config{}}, []string{"observer 1 is nil"}},
		"late observer": {
			"p", []resilience.Stage{retry.Config{}, holdfast.Observe(resilience.NewLogObserver(nil))},
			[]string{"stage 2", "not the outermost"},
		},
		"two loops":    {"p", []resilience.Stage{retry.Config{}, retry.Config{}}, []string{"stage 2", "second retry loop"}},
		"idle budget":  {"p", []resilience.Stage{budget.Config{}}, []string{"stage 1", "no retry loop inside"}},
		"inner budget": {"p", []resilience.Stage{retry.Config{}, budget.Config{}}, []string{"stage 2", "inside the retry loop"}},
		"two budgets": {
			"p", []resilience.Stage{budget.Config{}, budget.Config{}, retry.Config{}},
			[]string{"stage 2", "second budget"},
		},
		"idle deadline": {
			"p", []resilience.Stage{deadline.In(time.Second), retry.Config{}, deadline.In(2 * time.Second)},
			[]string{"stage 3", "Limit is 2s", "deadline of 1s"},
		},
		"equal deadlines": {
			"p", []resilience.Stage{deadline.In(time.Second), deadline.In(time.Second)}, []string{"stage 2", "never fires"},
		},
		"shared twice": {"p", []resilience.Stage{shared, retry.Config{}, shared}, []string{"stage 3", "same breaker as stage 1"}},
		"a policy":     {"p", []resilience.Stage{loggy}, []string{"stage 1", "resilience.Guard", "resilience.Chain"}},
		"all at once": {
			"p",
			[]resilience.Stage{
				deadline.In(-1), budget.Config{Ratio: math.NaN(), Burst: -5}, retry.Config{MaxRetries: -7, Multiplier: math.Inf(1)},
				breaker.Config{FailureRatio: 2}, bulkhead.Config{MaxConcurrent: -2},
			},
			[]string{
				"stage 1: deadline: Limit is -1ns", "stage 2: budget: Ratio is NaN", "stage 2: budget: Burst is -5",
				"stage 3: retry: MaxRetries is -7", "stage 3: retry: Multiplier is +Inf",
				"stage 4: breaker: FailureRatio is 2", "stage 5: bulkhead: MaxConcurrent is -2",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := holdfast.New(test.name, test.stages...)
			require.Error(t, err)
			require.Nil(t, p)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestMustPanicsOnlyOnError(t *testing.T) {
	require.Panics(t, func() { holdfast.Must(holdfast.New("")) })
	require.NotNil(t, holdfast.Must(holdfast.New("p", holdfast.Standard()...)))
}

func TestString(t *testing.T) {
	p := newPipeline(t, deadline.In(2*time.Second), budget.Config{Ratio: 0.1, Floor: 1}, retry.Aggressive(),
		breaker.Config{FailureRatio: 0.5, MinRequests: 20}, deadline.In(500*time.Millisecond))
	require.Equal(t,
		"payments: deadline 2s → budget 10%+1/s → retry 5× 50ms…5s → breaker 50%/20 → deadline 500ms", p.String())
	require.Equal(t, "payments", p.Name())
}

func TestPresetsAreSound(t *testing.T) {
	for name, stages := range map[string][]resilience.Stage{
		"critical": holdfast.Critical(), "standard": holdfast.Standard(), "background": holdfast.Background(),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := holdfast.New(name, stages...)
			require.NoError(t, err)
			require.NoError(t, p.Do(t.Context(), func(context.Context) error { return nil }))
		})
	}
}

func TestValueReturnsTheLastAttemptsResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, plain(2))
		n := 0
		v, err := holdfast.Value(t.Context(), p, func(context.Context) (int, error) {
			if n++; n < 3 {
				return n, errFlaky
			}
			return n, nil
		})
		require.NoError(t, err)
		require.Equal(t, 3, v)

		v, err = holdfast.Value(t.Context(), p, func(context.Context) (int, error) { return 7, errFlaky })
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.Equal(t, 7, v)
	})
}

func TestStagesAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := breaker.Config{ConsecutiveFailures: 2, FailureRatio: -1, Name: "inner"}
		outer := breaker.Config{ConsecutiveFailures: 3, FailureRatio: -1, Name: "outer"}
		p := newPipeline(t, deadline.In(time.Minute), outer, bulkhead.Config{}, retry.Config{MaxRetries: 1}, inner,
			deadline.In(time.Second))
		op, runs := failing(math.MaxInt, errFlaky)

		err := p.Do(t.Context(), op) // two attempts: the inner breaker opens
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.Equal(t, 2, *runs)
		err = p.Do(t.Context(), op)
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.ErrorContains(t, err, "inner")
		require.Equal(t, 2, *runs, "an open breaker must not ask the dependency")

		states := p.Snapshot().Breakers
		require.Equal(t, breaker.StateClosed, states[0].State)
		require.Equal(t, uint64(1), states[0].Counts.Failures, "outside the loop it counts calls")
		require.Equal(t, uint64(1), states[0].Counts.Excluded, "and no call that was refused inside")
		require.Equal(t, breaker.StateOpen, states[1].State)
	})
}

func TestOuterBreakerSeesFailedCallsWhoseBudgetIsSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, breaker.Config{ConsecutiveFailures: 3, FailureRatio: -1},
			budget.Config{Initial: -1, Floor: -1}, retry.Config{})
		op, _ := failing(math.MaxInt, errFlaky)
		for range 3 {
			err := p.Do(t.Context(), op)
			require.ErrorIs(t, err, budget.ErrExhausted)
			require.Equal(t, resilience.Rejected, resilience.Classify(err), "another loop must leave it at that")
		}
		require.ErrorIs(t, p.Do(t.Context(), op), breaker.ErrOpen)
	})
}

func TestDeadlinesByPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, deadline.In(time.Second), plain(9), deadline.In(300*time.Millisecond))
		runs := 0
		start := time.Now()
		err := p.Do(t.Context(), func(ctx context.Context) error {
			runs++
			<-ctx.Done()
			return ctx.Err()
		})
		// 300 ms, pause 100 ms, 300 ms, pause 200 ms: at 900 ms the third attempt begins; the call
		// ends it.
		require.Equal(t, 3, runs)
		require.Equal(t, time.Second, time.Since(start))
		var stop *retry.Error
		require.ErrorAs(t, err, &stop)
		require.Equal(t, resilience.ReasonTooLate, stop.Reason)
		require.Equal(t, time.Second, stop.Elapsed)
		require.ErrorIs(t, err, deadline.ErrTooLate)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "payments: deadline of 1s exceeded")
	})
}

func TestElapsedCoversTheFirstAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, plain(1))
		var stop *retry.Error
		require.ErrorAs(t, p.Do(t.Context(), func(context.Context) error {
			time.Sleep(time.Second)
			return errFlaky
		}), &stop)
		require.Equal(t, 2*time.Second+100*time.Millisecond, stop.Elapsed)
	})
}

func TestEndedContextRunsNothing(t *testing.T) {
	for name, stages := range map[string][]resilience.Stage{
		"with a loop":    {bulkhead.Config{}, retry.Config{}},
		"without a loop": {breaker.Config{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, stages...)
			why := errors.New("user closed the tab")
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(why)
			op, runs := failing(0, nil)
			err := p.Do(ctx, op)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, why)
			require.Zero(t, *runs)
			s := p.Snapshot()
			require.Equal(t, uint64(1), s.Calls)
			require.Zero(t, s.Attempts)
			require.Empty(t, s.Denials, "nobody denied it: the caller had left")
		})
	}
}

// turnstile is a user's Guard.
type turnstile struct {
	mu      sync.Mutex
	in      int
	results []error
	refuse  error
}

func (g *turnstile) Build() (resilience.Policy, error)         { return g, nil }
func (g *turnstile) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }
func (g *turnstile) Acquire(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuse == nil {
		g.in++
	}
	return g.refuse
}

func (g *turnstile) Release(_ context.Context, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in--
	g.results = append(g.results, err)
}

func TestGuardSeesBothEnds(t *testing.T) {
	g := &turnstile{}
	p := newPipeline(t, g, retry.Config{})
	require.NoError(t, p.Do(t.Context(), func(context.Context) error { return nil }))
	permanent := errors.New("permanent")
	require.Equal(t, permanent, p.Do(t.Context(), func(context.Context) error { return permanent }))
	require.Panics(t, func() { _ = p.Do(t.Context(), func(context.Context) error { panic("op") }) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.Do(context.Background(), func(context.Context) error { runtime.Goexit(); return nil })
	}()
	<-done
	require.Zero(t, g.in)
	require.Equal(t, []error{nil, permanent, resilience.ErrAborted, resilience.ErrAborted}, g.results)

	g.refuse = errors.New("closed today")
	err := p.Do(t.Context(), func(context.Context) error { return nil })
	require.ErrorIs(t, err, g.refuse)
	require.Equal(t, resilience.Rejected, resilience.Classify(err))
	s := p.Snapshot()
	require.Equal(t, uint64(1), s.Denials[resilience.ReasonRejected])
	require.Equal(t, uint64(5), s.Calls)
	require.Equal(t, uint64(4), s.Attempts)
	require.Zero(t, s.Live, "neither a panic nor a Goexit leaves a call alive")
}

// oddError is a refusal with an invalid Reason.
type oddError struct{ error }

func (oddError) StopReason() resilience.Reason { return 200 }

func TestGuardWithAnUnknownReason(t *testing.T) {
	g := &turnstile{refuse: oddError{errors.New("closed today")}}
	p := newPipeline(t, g, retry.Config{})
	require.ErrorIs(t, p.Do(t.Context(), func(context.Context) error { return nil }), g.refuse)
	require.Equal(t, map[resilience.Reason]uint64{resilience.ReasonRejected: 1}, p.Snapshot().Denials)
}

func TestPrebuiltGuardIsAStage(t *testing.T) {
	g := &turnstile{}
	p := newPipeline(t, resilience.Prebuilt(g))
	require.NoError(t, p.Do(t.Context(), func(context.Context) error { return nil }))
	require.Equal(t, []error{nil}, g.results)
}

func TestPipelineIsAPolicy(t *testing.T) {
	var order []string
	log := resilience.PolicyFunc(func(next resilience.Func) resilience.Func {
		return func(ctx context.Context) error {
			order = append(order, "outside")
			return next(ctx)
		}
	})
	p := newPipeline(t, retry.Config{})
	f := resilience.Chain(log, p).Wrap(func(context.Context) error {
		order = append(order, "op")
		return nil
	})
	require.NoError(t, f(t.Context()))
	require.Equal(t, []string{"outside", "op"}, order)
}

func TestSharedBreakerOpensForBothPipelines(t *testing.T) {
	b, err := breaker.New(breaker.Config{ConsecutiveFailures: 1})
	require.NoError(t, err)
	one, two := newPipeline(t, b), newPipeline(t, b)
	require.Error(t, one.Do(t.Context(), func(context.Context) error { return errFlaky }))
	require.ErrorIs(t, two.Do(t.Context(), func(context.Context) error { return nil }), breaker.ErrOpen)
}
