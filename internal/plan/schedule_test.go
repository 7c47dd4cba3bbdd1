package plan_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

const ms = time.Millisecond

func planOf(t *testing.T, stages ...resilience.Stage) plan.Plan {
	t.Helper()
	p, err := plan.Of(stages)
	require.NoError(t, err)
	return p
}

// randomStages returns a random deadline, loop and attempt deadline, sensible or not.
func randomStages(rng *rand.Rand, jitters ...retry.Jitter) []resilience.Stage {
	c := retry.Config{
		MaxRetries: 1 + rng.IntN(7), BaseDelay: time.Duration(1+rng.IntN(300)) * ms, MaxDelay: time.Duration(300+rng.IntN(2000)) * ms,
		Multiplier: 1 + 2*rng.Float64(), Backoff: retry.StandardBackoff(1 + rng.IntN(4)), Jitter: jitters[rng.IntN(len(jitters))],
	}
	switch rng.IntN(6) {
	case 0:
		c.MaxRetries = retry.None
	case 1:
		c.MaxRetries = retry.Unlimited
	}
	if rng.IntN(2) == 0 {
		c.Multiplier = 2
	}
	if rng.IntN(3) == 0 {
		c.MinAttempt = time.Duration(rng.IntN(400)) * ms
	}
	limit := time.Duration(500+rng.IntN(6000)) * ms
	stages := []resilience.Stage{deadline.In(limit), c}
	if rng.IntN(5) > 0 {
		stages = append(stages, deadline.In(min(time.Duration(50+rng.IntN(1500))*ms, limit-1)))
	}
	return stages
}

// hang runs a call in which every attempt takes all the time it may.
func hang(t *testing.T, stages []resilience.Stage, takes func(ctx context.Context)) (starts []time.Duration, end time.Duration, err error) {
	t.Helper()
	p, err := holdfast.New("hang", stages...)
	require.NoError(t, err)
	began := time.Now()
	err = p.Do(t.Context(), func(ctx context.Context) error {
		starts = append(starts, time.Since(began))
		takes(ctx)
		return resilience.MarkTransient(errors.New("down"))
	})
	return starts, time.Since(began), err
}

func wholeDeadline(ctx context.Context) { <-ctx.Done() }

// The plan agrees with the code: in a real pipeline the same attempts start, at the same
// nanosecond, and the call ends when the plan says, for the same reason.
func TestWorstIsWhatAPipelineDoes(t *testing.T) {
	for seed := range uint64(400) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			stages := randomStages(rng, retry.NoJitter)
			s := planOf(t, stages...).Worst()
			starts, end, err := hang(t, stages, wholeDeadline)
			requireSame(t, s, starts, end, err, stages)
		})
	}
}

// The same for attempts that take a time of their own, and for those that fail at once.
func TestMeanAndBestAreWhatAPipelineDoes(t *testing.T) {
	for seed := range uint64(400) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			stages := randomStages(rng, retry.NoJitter)
			takes := time.Duration(rng.IntN(700)) * ms
			s := planOf(t, stages...).Mean(takes)
			if takes == 0 {
				require.Equal(t, s, planOf(t, stages...).Best())
			}
			starts, end, err := hang(t, stages, func(ctx context.Context) { pass(ctx, takes) })
			requireSame(t, s, starts, end, err, stages)
		})
	}
}

// pass returns after d, or when ctx ends.
func pass(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func requireSame(t *testing.T, s plan.Schedule, starts []time.Duration, end time.Duration, err error, stages []resilience.Stage) {
	t.Helper()
	var planned []time.Duration
	for _, a := range s.Attempts[:s.Runs] {
		planned = append(planned, a.Start)
	}
	require.Equal(t, planned, starts, "%+v\n%+v", stages, s)
	require.Equal(t, s.End, end, "%+v\n%+v", stages, s)
	switch s.Ending {
	case plan.Exhausted:
		require.NotErrorIs(t, err, deadline.ErrTooLate, "%+v\n%+v", stages, s)
	case plan.TooLate, plan.DeadlineReached:
		require.ErrorIs(t, err, deadline.ErrTooLate, "%+v\n%+v", stages, s)
	case plan.Endless:
		t.Errorf("a call that ended: %+v\n%+v", stages, s)
	}
}

// With jitter, there are never fewer attempts than in the worst schedule if all take their whole
// deadline, and no attempt starts sooner than in the best.
func TestJitterStaysWithinTheBounds(t *testing.T) {
	for seed := range uint64(600) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 4))
			stages := randomStages(rng, retry.FullJitter, retry.EqualJitter, retry.DecorrelatedJitter,
				retry.AdditiveJitter(0.3), retry.AdditiveJitter(1), retry.ProportionalJitter(0.5), retry.ProportionalJitter(1))
			p := planOf(t, stages...)
			worst, best := p.Worst(), p.Best()
			starts, end, _ := hang(t, stages, wholeDeadline)
			require.GreaterOrEqual(t, len(starts), worst.Runs, "%+v", stages)
			require.LessOrEqual(t, len(starts), p.Lucky().Runs, "%+v", stages)
			require.LessOrEqual(t, end, p.Deadline)
			for i, start := range starts[:worst.Runs] {
				require.LessOrEqual(t, start, worst.Attempts[i].Start, "%+v", stages)
			}
			quick, _, _ := hang(t, stages, func(context.Context) {})
			for i, start := range quick[:min(len(quick), len(best.Attempts))] {
				require.True(t, best.Attempts[i].Runs, "attempt %d ran, which never can: %+v", i+1, stages)
				require.GreaterOrEqual(t, start, best.Attempts[i].Start, "%+v", stages)
			}
		})
	}
}

func TestSchedulesWithoutLimits(t *testing.T) {
	s := planOf(t, retry.Config{}).Worst()
	require.Equal(t, plan.Endless, s.Ending)
	require.Equal(t, plan.Forever, s.End)
	require.Equal(t, plan.Forever, s.Needed)
	require.Equal(t, 1, s.Runs)

	s = planOf(t, retry.Custom(3, 100*ms, time.Second, false), deadline.In(time.Second)).Worst()
	require.Equal(t, plan.Exhausted, s.Ending)
	require.Equal(t, 4*time.Second+700*ms, s.Needed)
	require.Equal(t, s.Needed, s.End)
	require.Equal(t, 4, s.Runs)

	s = planOf(t, retry.Config{MaxRetries: retry.Unlimited}, deadline.In(time.Second)).Worst()
	require.Equal(t, plan.Endless, s.Ending)
	require.True(t, s.More)

	s = planOf(t, breaker.Config{}).Worst()
	require.Equal(t, plan.Endless, s.Ending)
	require.Len(t, s.Attempts, 1)

	s = planOf(t, deadline.In(time.Second), retry.Config{MaxRetries: math.MaxInt32, BaseDelay: 1, MaxDelay: 1, Jitter: retry.NoJitter}).Best()
	require.Len(t, s.Attempts, 1000)
	require.True(t, s.More)
}

// The presets fit, as docs/guide.md says.
func TestPresetsFit(t *testing.T) {
	for name, c := range map[string]struct {
		stages []resilience.Stage
		needed time.Duration
	}{
		"critical":   {holdfast.Critical(), 8015 * ms},
		"standard":   {holdfast.Standard(), 8910 * ms},
		"background": {holdfast.Background(), 25950 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			s := planOf(t, c.stages...).Worst()
			require.Equal(t, c.needed, s.Needed)
			require.Equal(t, plan.Exhausted, s.Ending)
		})
	}
}

func TestOfReadsConfigsAndWhatWasBuilt(t *testing.T) {
	bank, err := budget.New(budget.Config{Ratio: 0.2})
	require.NoError(t, err)
	gate, err := breaker.New(breaker.Config{Name: "outer"})
	require.NoError(t, err)
	loop, err := retry.New(retry.Config{})
	require.NoError(t, err)
	limit, err := deadline.New(deadline.In(2 * time.Second))
	require.NoError(t, err)
	places, err := bulkhead.New(bulkhead.Config{})
	require.NoError(t, err)

	p := planOf(t, bulkhead.Config{MaxConcurrent: 3}, limit, places, gate, holdfast.Observe(resilience.NewLogObserver(nil)), bank, loop,
		bulkhead.Config{MaxConcurrent: 7}, breaker.Config{Name: "inner"}, quota{}, deadline.In(time.Second), deadline.In(500*ms))
	require.Equal(t, 2*time.Second, p.Deadline)
	require.Equal(t, 500*ms, p.AttemptDeadline)
	require.InDelta(t, 0.2, p.Ratio(), 0)
	require.InDelta(t, 1, p.Floor(), 0)
	require.Equal(t, 4, p.Attempts())
	require.Equal(t, []string{"plan_test.quota"}, p.Unknown)
	require.Len(t, p.Breakers, 2)
	require.True(t, p.Breakers[0].PerCall)
	require.False(t, p.Breakers[1].PerCall)
	bulkheads := plan.Each[bulkhead.Config](p)
	require.Len(t, bulkheads, 3)
	require.False(t, bulkheads[0].InsideDeadline)
	require.True(t, bulkheads[1].InsideDeadline && bulkheads[1].PerCall)
	require.True(t, bulkheads[2].InsideDeadline && !bulkheads[2].PerCall)

	p = planOf(t, deadline.In(2*time.Second), breaker.Config{}, deadline.In(time.Second))
	require.Equal(t, []time.Duration{2 * time.Second, time.Second}, []time.Duration{p.Deadline, p.AttemptDeadline})
	require.Equal(t, time.Second, p.AttemptLimit())
	require.Equal(t, 1, p.Attempts())
	require.False(t, p.Breakers[0].PerCall)
}

// The plan of a preset's Stages is the plan of the preset.
func TestOfReadsARunningPipeline(t *testing.T) {
	for _, stages := range [][]resilience.Stage{holdfast.Critical(), holdfast.Standard(), holdfast.Background()} {
		p := holdfast.Must(holdfast.New("p", stages...))
		given, running := planOf(t, stages...), planOf(t, p.Stages()...)
		running.Breakers[0].Name = ""
		require.Equal(t, given, running)
	}
}

type quota struct{}

func (quota) Acquire(context.Context) error               { return nil }
func (quota) Release(context.Context, error)              {}
func (q quota) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(q, next) }
func (q quota) Build() (resilience.Policy, error)         { return q, nil }

type broken struct{ err error }

func (b broken) Build() (resilience.Policy, error) { return nil, b.err }

func TestOfNamesEveryProblem(t *testing.T) {
	var noBank *budget.Budget
	_, err := plan.Of([]resilience.Stage{
		nil, noBank, deadline.In(0), retry.Config{BaseDelay: -1, Multiplier: 0.5}, retry.Config{}, retry.Config{}, budget.Config{}, budget.Config{},
		breaker.Config{Window: -1}, bulkhead.Config{MaxConcurrent: -2}, broken{errors.New("no luck")}, broken{},
	})
	for _, want := range []string{
		"stage 1: is nil", "stage 2: budget: a nil", "stage 3: deadline: Limit", "BaseDelay", "Multiplier", "stage 6: a second retry loop",
		"stage 8: a second budget", "stage 9: breaker: Window", "stage 10: bulkhead: MaxConcurrent", "stage 11: no luck", "stage 12: its Build returned nil",
	} {
		require.ErrorContains(t, err, want)
	}
}

func ExampleOf() {
	p, err := plan.Of([]resilience.Stage{
		deadline.In(2 * time.Second),
		retry.Config{MaxRetries: 5, BaseDelay: 50 * time.Millisecond, Jitter: retry.FullJitter},
		deadline.In(500 * time.Millisecond),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range p.Worst().Attempts {
		fmt.Println(a.Number, a.Start, a.End, a.Runs)
	}
	// Output:
	// 1 0s 500ms true
	// 2 550ms 1.05s true
	// 3 1.15s 1.65s true
	// 4 1.85s 2s true
	// 5 2.75s 3.25s false
	// 6 4.05s 4.55s false
}
