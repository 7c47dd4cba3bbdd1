package holdfast_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
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
	"github.com/media-gateway/holdfast/resilience/retry"
)

// changes is an Observer that records what was changed by hand.
type changes []resilience.Change

func (c *changes) Observe(_ context.Context, e resilience.Event) {
	if e.Kind == resilience.EventUpdate && e.Change != nil {
		*c = append(*c, *e.Change)
	}
}

// tune makes a valid change, and returns what changed.
func tune(t *testing.T, p *holdfast.Pipeline, c holdfast.Tuning) []resilience.Change {
	t.Helper()
	changes, err := p.Tune(t.Context(), c)
	require.NoError(t, err)
	return changes
}

// A ctx that has ended, as that of a request whose client has gone, keeps nothing from being
// changed, and the observers get it.
func TestTuneUnderAnEndedContext(t *testing.T) {
	type key struct{}
	var heard []any
	p := newPipeline(t, holdfast.Observe(resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
		if e.Change != nil {
			heard = append(heard, ctx.Value(key{}), ctx.Err())
		}
	})), budget.Config{}, retry.Config{}, breaker.Config{Name: "b"})
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "mary"))
	cancel()
	changes, err := p.Tune(ctx, holdfast.Tuning{
		Budget: func(c *budget.Config) { c.Burst = 20 }, Stages: setting(func(c *retry.Config) { c.MaxRetries = 7 }), Isolate: []string{"b"},
	})
	require.NoError(t, err)
	require.Len(t, changes, 3)
	require.Equal(t, []any{"mary", context.Canceled, "mary", context.Canceled, "mary", context.Canceled}, heard)
	require.Equal(t, 20, p.Budget().Config().Burst)
	require.Equal(t, breaker.StateIsolated, p.Breakers()[0].State())
}

func TestTuneABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var heard changes
		p := newPipeline(t,
			holdfast.Observe(&heard, resilience.NewLogObserver(slog.New(slog.NewTextHandler(&log, nil)))),
			budget.Config{Burst: 10, Floor: -1}, plain(4))
		require.Error(t, p.Do(t.Context(), func(context.Context) error { return errFlaky })) // spends 4
		log.Reset()

		told := tune(t, p, holdfast.Tuning{By: "mary", Budget: func(c *budget.Config) {
			c.Ratio, c.Shadow, c.Burst = 0.25, true, 8
		}})
		require.Equal(t, changes{
			{By: "mary", Stage: "budget", Field: "Ratio", From: 0.1, To: 0.25},
			{By: "mary", Stage: "budget", Field: "Burst", From: 10, To: 8},
			{By: "mary", Stage: "budget", Field: "Shadow", From: false, To: true},
		}, heard)
		require.Equal(t, heard, changes(told), "Tune returns what its observers hear")
		require.Contains(t, log.String(), `msg="pipeline changed by hand" pipeline=payments what="budget ratio" from=0.1 to=0.25 by=mary`)
		require.InDelta(t, 6, p.Snapshot().Budget.Tokens, 0, "the bank stays")
		require.Equal(t, -1.0, p.Budget().Config().Floor, "what was not changed stays")
		require.Contains(t, p.String(), "budget 25% (shadow)")

		heard = nil
		tune(t, p, holdfast.Tuning{Budget: func(c *budget.Config) { c.Ratio = 0.25 }})
		require.Empty(t, heard, "nothing became different")

		require.NoError(t, p.Update(holdfast.Observe(&heard), budget.Config{Burst: 10, Floor: -1}, plain(4)))
		require.Equal(t, 0.1, p.Budget().Config().Ratio, "an update sets what its stages say")
	})
}

func TestTuneABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard changes
		p := newPipeline(t, holdfast.Observe(&heard), breaker.Config{Name: "primary"}, breaker.Config{Name: "replica"})
		tune(t, p, holdfast.Tuning{By: "mary", Isolate: []string{"replica"}})
		s := p.Snapshot()
		require.Equal(t, breaker.StateClosed, s.Breakers[0].State)
		require.Equal(t, breaker.StateIsolated, s.Breakers[1].State)
		require.ErrorIs(t, p.Do(t.Context(), succeed), breaker.ErrOpen)

		tune(t, p, holdfast.Tuning{Reset: []string{"replica", "primary"}})
		require.NoError(t, p.Do(t.Context(), succeed))
		require.Equal(t, changes{
			{By: "mary", Stage: "breaker", Name: "replica", Field: "State", From: breaker.StateClosed, To: breaker.StateIsolated},
			{Stage: "breaker", Name: "replica", Field: "State", From: breaker.StateIsolated, To: breaker.StateClosed},
		}, heard, "primary was closed already")
	})
}

func TestTuneIsAllOrNothing(t *testing.T) {
	p := newPipeline(t, budget.Config{}, plain(1), breaker.Config{Name: "a"}, breaker.Config{Name: "b"})
	before := p.Snapshot()
	_, err := p.Tune(t.Context(), holdfast.Tuning{
		Budget:  func(c *budget.Config) { c.Ratio, c.Burst = 5000, -3 },
		Isolate: []string{"a", "c"},
		Reset:   []string{"a"},
	})
	require.Error(t, err)
	require.Equal(t, `payments: Tuning: Isolate names breaker "c"; want one of "a", "b"
payments: Tuning: Isolate and Reset both name breaker "a"; want one of them
payments: budget: Ratio is 5000; want a number above 0 and up to 1000, 0 for the default (0.1), or -1 to turn it off
payments: budget: Burst is -3; want 1 to 1000000000, or 0 for the default (10)`, err.Error())
	require.Equal(t, before, p.Snapshot())

	var field *resilience.FieldError
	_, err = p.Tune(t.Context(), holdfast.Tuning{Budget: func(c *budget.Config) { c.Floor = -3 }, Isolate: []string{"a"}})
	require.ErrorAs(t, err, &field)
	require.Equal(t, "Floor", field.Field)
	require.Equal(t, before, p.Snapshot())

	bare := newPipeline(t, plain(1))
	require.Nil(t, bare.Budget())
	_, err = bare.Tune(t.Context(), holdfast.Tuning{Budget: func(*budget.Config) {}, Reset: []string{"x"}})
	require.EqualError(t, err, `payments: Tuning: Reset names breaker "x"; the pipeline has no breaker
payments: Tuning: Budget is set; the pipeline has no budget to change`)
	tune(t, bare, holdfast.Tuning{})
}

// The messages are those of New, without the stage's position.
func TestTuneSaysWhatNewSays(t *testing.T) {
	bad := budget.Config{Ratio: -7, Floor: 1e9, Burst: -1}
	_, err := holdfast.New("payments", bad, plain(1))
	require.Error(t, err)
	p := newPipeline(t, budget.Config{}, plain(1))
	_, tuned := p.Tune(t.Context(), holdfast.Tuning{Budget: func(c *budget.Config) {
		c.Ratio, c.Floor, c.Burst = bad.Ratio, bad.Floor, bad.Burst
	}})
	require.Error(t, tuned)
	require.Equal(t, err.Error(), string(bytes.ReplaceAll([]byte(tuned.Error()), []byte("payments: "), []byte("payments: stage 1: "))))
}

func TestTuneMayLowerTheBurstBelowTheStart(t *testing.T) {
	p := newPipeline(t, budget.Config{Burst: 10, Initial: 9}, plain(1))
	tune(t, p, holdfast.Tuning{Budget: func(c *budget.Config) { c.Burst = 5 }})
	require.InDelta(t, 5, p.Snapshot().Budget.Tokens, 0)
	_, err := p.Tune(t.Context(), holdfast.Tuning{Isolate: []string{"b"}, Budget: func(c *budget.Config) { c.Burst = 4 }})
	require.EqualError(t, err, `payments: Tuning: Isolate names breaker "b"; the pipeline has no breaker`, "nor is that wrong beside what is")
}

func TestAPanicInATuningLocksNothing(t *testing.T) {
	p := newPipeline(t, budget.Config{}, plain(1))
	require.Panics(t, func() {
		_, _ = p.Tune(t.Context(), holdfast.Tuning{Budget: func(*budget.Config) { panic("oh") }})
	})
	tune(t, p, holdfast.Tuning{Budget: func(c *budget.Config) { c.Ratio = 0.2 }})
	require.Equal(t, 0.2, p.Budget().Config().Ratio)
}

// Nor does it change anything, wherever it comes from: what Stages has asked for by then is
// dropped.
func TestAPanicInATuningChangesNothing(t *testing.T) {
	asked := func(resilience.EventKind) bool { return true }
	p := newPipeline(t, holdfast.Observe(choosy(func(k resilience.EventKind) bool { return asked(k) })),
		bulkhead.Config{}, budget.Config{}, plain(1), breaker.Config{Name: "b"})
	stands := func() string {
		return fmt.Sprint(p.Stages(), *p.Snapshot().Budget, p.Snapshot().Breakers, p.Snapshot().Bulkheads)
	}
	was := stands()
	change := func() {
		_, err := p.Tune(t.Context(), holdfast.Tuning{
			Budget: func(c *budget.Config) { c.Burst = 20 }, Isolate: []string{"b"},
			Stages: func(s []resilience.Stage) {
				setting(func(c *bulkhead.Config) { c.MaxConcurrent = 7 })(s)
				setting(func(c *breaker.Config) { c.OpenFor, c.Window = time.Minute, time.Minute })(s)
			},
		})
		require.NoError(t, err)
	}
	asked = func(resilience.EventKind) bool { panic("hears") }
	require.PanicsWithValue(t, "hears", change)
	require.Equal(t, was, stands())
	asked = func(resilience.EventKind) bool { return true }
	require.PanicsWithValue(t, "budget", func() {
		_, _ = p.Tune(t.Context(), holdfast.Tuning{
			Budget: func(c *budget.Config) { c.Burst = 20; panic("budget") }, Isolate: []string{"b"},
			Stages: setting(func(c *bulkhead.Config) { c.MaxConcurrent = 7 }),
		})
	})
	require.Equal(t, was, stands())
	change()
	require.Equal(t, "payments: bulkhead 7 → budget 10%+1/s → retry 1× 100ms…5s → breaker 50%/20", p.String())
	require.Equal(t, 20, p.Budget().Config().Burst)
}

func TestTuningsOfASharedBudgetDoNotUndoEachOther(t *testing.T) {
	shared, err := budget.New(budget.Config{Burst: 1})
	require.NoError(t, err)
	var tuning sync.WaitGroup
	for range 4 {
		p := newPipeline(t, shared, plain(1))
		tuning.Go(func() {
			for range 100 {
				_, _ = p.Tune(context.Background(), holdfast.Tuning{Budget: func(c *budget.Config) { c.Burst++ }})
			}
		})
	}
	tuning.Wait()
	require.Equal(t, 401, shared.Config().Burst)
}
