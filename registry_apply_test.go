package holdfast_test

import (
	"context"
	"math"
	"sync/atomic"
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

func TestApplySaysAllThatIsWrong(t *testing.T) {
	b := &bindable{}
	r := newRegistry(t, two(), b)
	b.bound = nil
	before := r.Applied()
	payments := r.MustGet("payments").Snapshot()
	err := r.Apply(holdfast.Services{
		"payments": {budget.Config{Burst: 3}, retry.Config{}},
		"orders":   {retry.Config{MaxRetries: -9}, breaker.Config{FailureRatio: math.NaN()}},
		"search":   {},
		"":         {retry.Config{}},
		"ledger":   {retry.Config{}, nil},
	})
	require.EqualError(t, err, `holdfast: the pipeline's name is ""; want a name, as metrics and errors show it
ledger: stage 2 is nil; leave it out, or give a Config
orders: stage 1: retry: MaxRetries is -9; want 1 or more, 0 for the default (3), retry.None, or retry.Unlimited
orders: stage 2: breaker: FailureRatio is NaN; want a number above 0 and up to 1, 0 for the default (0.5), or -1 to turn it off
search: no stages; want at least one, or the presets: holdfast.Standard()...`)
	require.Empty(t, b.bound, "who is refused binds nothing")
	require.Equal(t, before, r.Applied())
	require.Equal(t, []string{"payments", "search"}, names(r))
	require.Equal(t, payments, r.MustGet("payments").Snapshot(), "not even what was right, its budget included")
}

func TestApplyRefusesNoSet(t *testing.T) {
	r := newRegistry(t, two())
	require.ErrorContains(t, r.Apply(nil), "ServiceSet to apply is nil")
	require.ErrorContains(t, r.Apply((*pointed)(nil)), "ServiceSet to apply is nil")
	require.Len(t, names(r), 2)
	changes, err := r.Reconcile(holdfast.Services(nil)) // is a set of none
	require.NoError(t, err)
	require.Equal(t, holdfast.Changes{Removed: []string{"payments", "search"}}, changes)
	require.Empty(t, names(r))
}

// pointed is a ServiceSet whose nil pointer is not usable.
type pointed struct{ set holdfast.Services }

func (p *pointed) Services() map[string][]resilience.Stage { return p.set }

func TestApplyNamesWrongObserversOnce(t *testing.T) {
	r := holdfast.NewRegistry(&diary{}, nil)
	err := r.Apply(holdfast.Services{"payments": {retry.Config{MaxRetries: -9}}, "search": holdfast.Standard()})
	require.ErrorContains(t, err, "holdfast: NewRegistry: observe: observer 2 is nil; leave it out, or give an Observer\npayments: stage 1: retry: MaxRetries")
	require.ErrorContains(t, r.Apply(nil), "nil")
	require.ErrorContains(t, r.Apply(holdfast.Services{}), "observer 2 is nil", "an empty set, too")
}

func TestReconcileSaysWhatChanged(t *testing.T) {
	r := newRegistry(t, holdfast.Services{"a": holdfast.Critical(), "b": holdfast.Standard(), "c": holdfast.Standard()})
	changes, err := r.Reconcile(holdfast.Services{"a": holdfast.Critical(), "b": holdfast.Critical(), "e": {plain(1)}, "d": {plain(1)}})
	require.NoError(t, err)
	require.Equal(t, holdfast.Changes{Added: []string{"d", "e"}, Changed: []string{"b"}, Removed: []string{"c"}}, changes)
	changes, err = r.Reconcile(r.Applied())
	require.NoError(t, err)
	require.Zero(t, changes)
}

func TestApplyDoesNotTouchWhatIsTheSame(t *testing.T) {
	guard := resilience.Prebuilt(&door{})
	shared, err := budget.New(budget.Config{})
	require.NoError(t, err)
	set := func() holdfast.Services { // anew, as from a file that is read again
		return holdfast.Services{
			"payments": {
				guard, deadline.In(2 * time.Second), bulkhead.Config{MaxConcurrent: 9}, budget.Config{Burst: 7},
				retry.Config{Adaptive: &retry.Adaptive{MinGain: 0.1}, Jitter: retry.ProportionalJitter(0.2), Backoff: retry.Linear},
				breaker.Config{MinRequests: 5},
			},
			"search": {shared, retry.Default()},
		}
	}
	var heard diary
	r := newRegistry(t, set(), &heard)
	payments := r.MustGet("payments")
	tune(t, payments, holdfast.Tuning{
		Budget: func(c *budget.Config) { c.Ratio = 0.5 }, Isolate: []string{"payments"},
	})
	heard.take()
	require.True(t, shared.Allow()) // what is behind a pointer may change while others compare
	changes, err := r.Reconcile(set())
	require.NoError(t, err)
	require.Zero(t, changes)
	require.Empty(t, heard.take())
	require.InDelta(t, 0.5, payments.Budget().Config().Ratio, 0, "what was tuned by hand stays")
	require.Equal(t, breaker.StateIsolated, payments.Snapshot().Breakers[0].State)

	for name, change := range map[string]func(stages []resilience.Stage) []resilience.Stage{
		"a number": func(s []resilience.Stage) []resilience.Stage { s[1] = deadline.In(3 * time.Second); return s },
		"learning": func(s []resilience.Stage) []resilience.Stage {
			s[4] = retry.Config{Adaptive: &retry.Adaptive{}}
			return s
		},
		"no learner": func(s []resilience.Stage) []resilience.Stage { s[4] = retry.Config{}; return s },
		"a type":     func(s []resilience.Stage) []resilience.Stage { s[0] = bulkhead.Config{MaxConcurrent: 2}; return s },
		"a guard":    func(s []resilience.Stage) []resilience.Stage { s[0] = resilience.Prebuilt(&door{}); return s },
		"fewer":      func(s []resilience.Stage) []resilience.Stage { return s[:5] },
		"a func": func(s []resilience.Stage) []resilience.Stage {
			s[4] = retry.Config{RetryIf: func(error) bool { return false }}
			return s
		},
	} {
		require.NoError(t, r.Apply(set()), name)
		other := set()
		other["payments"] = change(other["payments"])
		changes, err = r.Reconcile(other)
		require.NoError(t, err, name)
		require.Equal(t, holdfast.Changes{Changed: []string{"payments"}}, changes, name)
		require.Same(t, payments, r.MustGet("payments"), name)
		again, err := r.Reconcile(other)
		require.NoError(t, err, name)
		if name == "a func" { // it cannot be compared, not even with itself
			require.Equal(t, changes, again)
		} else {
			require.Zero(t, again, name)
		}
	}
	require.InDelta(t, 0.1, payments.Budget().Config().Ratio, 0, "a change sets what the stages say")
}

// door is a Guard that admits every call. It has a size, so that each one has its own address.
type door struct{ admitted atomic.Int64 }

func (*door) Wrap(next resilience.Func) resilience.Func { return next }
func (d *door) Acquire(context.Context) error           { d.admitted.Add(1); return nil }
func (*door) Release(context.Context, error)            {}

// A caller that changes its slices later does not change the registry's, which would hide a change.
func TestApplyKeepsItsOwnCopy(t *testing.T) {
	set := holdfast.Services{"payments": {retry.Config{Adaptive: &retry.Adaptive{}}, deadline.In(time.Second)}}
	r := newRegistry(t, set)
	for name, change := range map[string]func(){
		"a stage": func() { set["payments"][1] = deadline.In(time.Minute) },
		"behind a pointer": func() {
			c, _ := set["payments"][0].(retry.Config)
			c.Adaptive.MinGain = 0.5
		},
	} {
		change()
		changes, err := r.Reconcile(set)
		require.NoError(t, err)
		require.Equal(t, holdfast.Changes{Changed: []string{"payments"}}, changes, name)
	}
}

func TestApplyKeepsState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry(t, holdfast.Services{"payments": {
			budget.Config{Burst: 10, Floor: -1}, plain(4), breaker.Config{ConsecutiveFailures: 5},
		}})
		p := r.MustGet("payments")
		require.Error(t, p.Do(t.Context(), func(context.Context) error { return errFlaky }))
		require.NoError(t, r.Apply(holdfast.Services{"payments": {
			budget.Config{Burst: 20, Floor: -1, Ratio: 0.2}, plain(2), breaker.Config{ConsecutiveFailures: 5},
		}}))
		s := p.Snapshot()
		require.InDelta(t, 6, s.Budget.Tokens, 0)
		require.Equal(t, 20, s.Budget.Burst)
		require.Equal(t, breaker.StateOpen, s.Breakers[0].State)
	})
}

// Observers hear of updates after all of them were made, outside of every lock.
func TestObserversOfAnApply(t *testing.T) {
	var r *holdfast.Registry
	var heard []string
	whole := holdfast.Services{"a": {plain(2)}, "b": {plain(2)}, "c": {plain(2)}}
	inner := &diary{}
	r = newRegistry(t, holdfast.Services{"a": {plain(1)}, "b": {holdfast.Observe(inner), plain(1)}},
		resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
			if e.Kind == resilience.EventUpdate {
				heard = append(heard, e.Pipeline)
				require.Equal(t, whole, r.Applied())
				require.Contains(t, r.MustGet("b").String(), "retry 2×")
				tune(t, r.MustGet(e.Pipeline), holdfast.Tuning{})
				require.NoError(t, r.Apply(whole), "nothing is locked")
			}
		}))
	require.NoError(t, r.MustGet("b").Do(t.Context(), succeed))
	require.Len(t, inner.take(), 2, "a service may have observers of its own")
	require.NoError(t, r.Apply(whole))
	require.Equal(t, []string{"a", "b"}, heard)
}
