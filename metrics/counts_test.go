package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/policytest"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var errFlaky = resilience.MarkTransient(errors.New("flaky"))

// exporter is a simple exporter: it adds up values in a map, by the metric's name and label values.
type exporter struct {
	counts *metrics.Counts[string]

	mu   sync.Mutex
	sums map[string]float64
	made map[string]int // how often each child was made
}

func newExporter() *exporter {
	e := &exporter{sums: map[string]float64{}, made: map[string]int{}}
	e.counts = metrics.NewCounts(func(d *metrics.Description, values []string) string {
		child := strings.TrimPrefix(d.Name, "holdfast.") + " " + strings.Join(values, " ")
		e.mu.Lock()
		defer e.mu.Unlock()
		e.made[child]++
		e.sums[child] += 0
		return child
	})
	return e
}

func (e *exporter) Observe(_ context.Context, event resilience.Event) {
	for _, part := range e.counts.Find(&event) {
		e.mu.Lock()
		e.sums[part.Child] += part.Value(&event)
		e.mu.Unlock()
	}
}

// counted returns what is not 0.
func (e *exporter) counted() map[string]float64 {
	all := map[string]float64{}
	for child, v := range e.sums {
		if v != 0 {
			all[child] = v
		}
	}
	return all
}

func newPipeline(t *testing.T, name string, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New(name, stages...)
	require.NoError(t, err)
	t.Cleanup(func() { runtime.KeepAlive(p) })
	return p
}

// Each field of an event that is a label or an amount, at its bounds.
func TestFind(t *testing.T) {
	type event = resilience.Event
	for name, c := range map[string]struct {
		event event
		want  map[string]float64
	}{
		"a call": {
			event{Kind: resilience.EventCall, Verdict: resilience.Overload, Reason: resilience.ReasonExhausted, Elapsed: 1500 * time.Millisecond},
			map[string]float64{"calls failure retries_exhausted": 1, "call.duration failure": 1.5},
		},
		"the first attempt": {
			event{Kind: resilience.EventAttempt, Attempt: 1, Verdict: resilience.Success, Elapsed: time.Second},
			map[string]float64{"attempts 1 success": 1, "attempt.duration ": 1},
		},
		"the third": {event{Kind: resilience.EventAttempt, Attempt: 3, Verdict: resilience.Canceled}, map[string]float64{"attempts 3 canceled": 1}},
		"the fourth": {event{Kind: resilience.EventAttempt, Attempt: 4, Verdict: resilience.Unclassified},
			map[string]float64{"attempts 4+ unclassified": 1}},
		"the last that there is": {event{Kind: resilience.EventAttempt, Attempt: math.MaxInt}, map[string]float64{"attempts 4+ success": 1}},
		"no attempt":             {event{Kind: resilience.EventAttempt}, map[string]float64{}},
		"a retry": {event{Kind: resilience.EventRetry, Delay: 250 * time.Millisecond, Elapsed: time.Hour},
			map[string]float64{"retries ": 1, "backoff ": 0.25}},
		"a refusal": {event{Kind: resilience.EventReject, Stage: "bulkhead", Reason: resilience.ReasonBulkheadFull},
			map[string]float64{"denials bulkhead bulkhead_full": 1}},
		"a denied retry": {
			event{Kind: resilience.EventGiveUp, Stage: "retry", Attempts: 2, Verdict: resilience.Transient, Reason: resilience.ReasonBudget},
			map[string]float64{"denials retry budget_exhausted": 1},
		},
		"no time for the first attempt": {event{Kind: resilience.EventGiveUp, Verdict: resilience.Rejected, Reason: resilience.ReasonTooLate},
			map[string]float64{"denials pipeline too_late": 1}},
		"no denial": {event{Kind: resilience.EventGiveUp, Stage: "retry", Attempts: 2, Reason: resilience.ReasonPermanent}, map[string]float64{}},
		"a breaker": {event{Kind: resilience.EventBreaker, From: resilience.StateHalfOpen, To: resilience.StateIsolated},
			map[string]float64{"breaker.transitions half-open isolated": 1}},
		"new stages":      {event{Kind: resilience.EventUpdate}, map[string]float64{"updates stages": 1}},
		"tuning":          {event{Kind: resilience.EventUpdate, Change: &resilience.Change{}}, map[string]float64{"updates tuning": 1}},
		"in shadow":       {event{Kind: resilience.EventShadow, Attempt: 1}, map[string]float64{}},
		"a kind to come":  {event{Kind: resilience.NumEventKinds, Attempt: 1}, map[string]float64{}},
		"no kind":         {event{}, map[string]float64{}},
		"values to come":  {event{Kind: resilience.EventCall, Verdict: 99, Reason: 99}, map[string]float64{"calls failure unknown": 1}},
		"a verdict of it": {event{Kind: resilience.EventAttempt, Attempt: 1, Verdict: 255}, map[string]float64{"attempts 1 invalid": 1}},
		"states to come":  {event{Kind: resilience.EventBreaker, From: 99, To: 255}, map[string]float64{"breaker.transitions unknown unknown": 1}},
		"a stage that is not UTF-8": {event{Kind: resilience.EventReject, Stage: "a\xff", Reason: resilience.ReasonRejected},
			map[string]float64{"denials a\uFFFD rejected": 1}},
	} {
		e := newExporter()
		e.Observe(t.Context(), c.event)
		e.Observe(t.Context(), c.event)
		for child := range c.want {
			c.want[child] *= 2
		}
		require.Equal(t, c.want, e.counted(), name)
		for child, n := range e.made {
			require.Equal(t, 1, n, "%s: %s is found again", name, child)
		}
	}
}

func TestContract(t *testing.T) {
	policytest.TestObserver(t, func() resilience.Observer { return newExporter() })
}

// Several calls that need a new child at once get the same one.
func TestOneChildForAll(t *testing.T) {
	e := newExporter()
	var all sync.WaitGroup
	const callers, each = 8, 100
	for range callers {
		all.Go(func() {
			for i := range each {
				stage := fmt.Sprint("guard", i%10)
				e.Observe(context.Background(), resilience.Event{Kind: resilience.EventReject, Stage: stage, Reason: resilience.ReasonRejected})
				e.Observe(context.Background(), resilience.Event{Kind: resilience.EventRetry})
			}
		})
	}
	all.Wait()
	require.Equal(t, float64(callers*each), e.sums["retries "])
	require.Equal(t, float64(callers*each/10), e.sums["denials guard3 rejected"])
}

// The denials that a pipeline counts are those that are counted from its events.
func TestDenialsAreThoseOfTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newExporter()
		p := newPipeline(t, "payments", holdfast.Observe(e), bulkhead.Config{MaxConcurrent: 1}, budget.Config{Floor: -1, Initial: 1},
			retry.Custom(2, time.Millisecond, time.Second, false), breaker.Config{ConsecutiveFailures: 3, OpenFor: time.Hour})
		fail := func(context.Context) error { return errFlaky }
		_ = p.Do(t.Context(), func(ctx context.Context) error { _ = p.Do(ctx, fail); return nil }) // full
		_ = p.Do(t.Context(), fail)                                                                // pays once
		_ = p.Do(t.Context(), fail)                                                                // opens the breaker
		_ = p.Do(t.Context(), fail)                                                                // refused
		denied := map[string]float64{}
		for child, v := range e.counted() {
			if stageAndReason, ok := strings.CutPrefix(child, "denials "); ok {
				_, reason, _ := strings.Cut(stageAndReason, " ")
				denied[reason] += v
			}
		}
		want := map[string]float64{}
		for reason, n := range p.Snapshot().Denials {
			want[reason.String()] = float64(n)
		}
		require.Equal(t, map[string]float64{"bulkhead_full": 1, "budget_exhausted": 1, "breaker_open": 2}, want)
		require.Equal(t, want, denied)
	})
}

// Foreseen children are there as 0: for every pipeline, and for those with certain stages.
func TestForesee(t *testing.T) {
	made := func(s *holdfast.Snapshot) map[string]int {
		e := newExporter()
		e.counts.Foresee(s)
		require.Empty(t, e.counted())
		return e.made
	}
	always := made(nil)
	for _, child := range []string{
		"calls success none", "calls failure retries_exhausted", "calls failure too_late", "calls failure permanent",
		"calls failure unclassified", "calls failure outcome_unknown", "calls rejected retry_after_too_long",
		"call.duration success", "attempt.duration ", "retries ", "backoff ", "updates stages", "updates tuning",
		"attempts 1 success", "attempts 2 success", "attempts 3 success", "attempts 4+ success", "attempts 1 transient",
		"attempts 1 unclassified", "denials retry retries_exhausted", "denials retry too_late",
		"denials retry retry_after_too_long", "denials retry outcome_unknown", "denials pipeline too_late", "calls rejected too_late",
	} {
		require.Equal(t, 1, always[child], child)
	}
	require.Len(t, always, 25)
	require.Equal(t, always, made(&holdfast.Snapshot{}))

	for name, c := range map[string]struct {
		snapshot holdfast.Snapshot
		more     []string
	}{
		"a budget": {holdfast.Snapshot{StageStats: holdfast.StageStats{Budget: &budget.Stats{}}}, []string{"calls rejected budget_exhausted", "denials retry budget_exhausted"}},
		"a breaker": {holdfast.Snapshot{StageStats: holdfast.StageStats{Breakers: make([]breaker.Stats, 1)}}, []string{
			"calls rejected breaker_open", "denials breaker breaker_open", "denials retry breaker_open",
			"breaker.transitions closed open", "breaker.transitions open half-open", "breaker.transitions half-open open",
			"breaker.transitions half-open closed",
		}},
		"a bulkhead":         {holdfast.Snapshot{StageStats: holdfast.StageStats{Bulkheads: make([]bulkhead.Stats, 1)}}, []string{"calls rejected bulkhead_full", "denials bulkhead bulkhead_full"}},
		"a loop that learns": {holdfast.Snapshot{StageStats: holdfast.StageStats{Learned: &retry.Learned{}}}, []string{"calls rejected unlikely_to_help", "denials retry unlikely_to_help"}},
	} {
		got := made(&c.snapshot)
		require.Len(t, got, len(always)+len(c.more), name)
		for _, child := range c.more {
			require.Contains(t, got, child, name)
		}
	}
}

// The ways in which calls fail are foreseen, with the right outcome.
func TestForeseenIsWhatHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			stages []resilience.Stage
			err    error
			once   bool
		}{
			"exhausted":  {[]resilience.Stage{retry.Custom(1, 1, 1, false)}, errFlaky, false},
			"budget":     {[]resilience.Stage{budget.Config{Initial: -1, Floor: -1}, retry.Default()}, errFlaky, false},
			"too long":   {[]resilience.Stage{retry.Default()}, resilience.MarkOverload(errFlaky, time.Hour), false},
			"breaker":    {[]resilience.Stage{retry.Default(), breaker.Config{ConsecutiveFailures: 1}}, errFlaky, false},
			"not twice":  {[]resilience.Stage{retry.Default()}, errFlaky, true},
			"permanent":  {[]resilience.Stage{retry.Default()}, resilience.MarkPermanent(errFlaky), false},
			"no meaning": {[]resilience.Stage{holdfast.SilenceUnclassified(), retry.Default()}, errors.New("odd"), false},
		} {
			e := newExporter()
			p := newPipeline(t, "payments", append([]resilience.Stage{holdfast.Observe(e)}, c.stages...)...)
			s := p.Snapshot()
			e.counts.Foresee(&s)
			foreseen := maps.Clone(e.made)
			ctx := t.Context()
			if c.once {
				ctx = resilience.MarkOnce(ctx)
			}
			require.Error(t, p.Do(ctx, func(context.Context) error { return c.err }), name)
			for child := range e.counted() {
				if strings.HasPrefix(child, "calls ") || strings.HasPrefix(child, "denials ") {
					require.Contains(t, foreseen, child, name)
				}
			}
		}
	})
}
