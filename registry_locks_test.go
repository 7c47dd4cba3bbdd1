package holdfast_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// ForPipeline of an observer may read everything, and even make calls, while the pipelines that
// change are locked.
func TestWhoIsBoundMayRead(t *testing.T) {
	var r *holdfast.Registry
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	looked := 0
	r = holdfast.NewRegistry(binder(func(p *holdfast.Pipeline) resilience.Observer {
		for name, other := range r.All() {
			found, ok := r.Get(name)
			require.True(t, ok)
			require.Same(t, other, found)
			other.Snapshot()
			other.Stages()
			other.Budget()
			require.NoError(t, other.Do(t.Context(), succeed))
			looked++
		}
		r.Draining()
		r.Applied()
		holdfast.Check(t.Context(), p, nil)
		require.NotEmpty(t, p.String())
		require.Error(t, p.Do(ended, succeed), "before it has any stages")
		return nil
	}))
	require.NoError(t, r.Apply(two()))
	require.NoError(t, r.Apply(holdfast.Services{"payments": {plain(1)}, "search": {plain(1)}, "orders": {plain(1)}}))
	require.Equal(t, 3*2, looked)
}

// User code that ends its goroutine (as FailNow does in a test) leaves nothing locked. Nor does a
// panic.
func TestAnExitLeavesNothingLocked(t *testing.T) {
	exits := false
	exit := func() {
		if exits {
			runtime.Goexit()
		}
	}
	r := newRegistry(t, two(), binder(func(*holdfast.Pipeline) resilience.Observer { exit(); return nil }))
	hosts := newKeyed[string](t, holdfast.KeyedConfig{Label: func(any) string { exit(); return "a" }}, exiter(exit), plain(1))
	set := holdfast.Services{"payments": {plain(1)}, "search": {plain(1)}}
	for name, f := range map[string]func(){
		"ForPipeline": func() { _ = r.Apply(set) },
		"Build":       func() { _ = r.Apply(holdfast.Services{"payments": {exiter(exit)}}) },
		"Services":    func() { _ = r.Apply(lazySet(func() holdfast.Services { exit(); return set })) },
		"Amend": func() {
			_ = r.Amend("payments", func(s []resilience.Stage) []resilience.Stage { exit(); return s })
		},
		"Label":        func() { hosts.Get("a") },
		"Keyed.Update": func() { _ = hosts.Update(exiter(exit), plain(2)) },
	} {
		exits = true
		var wg sync.WaitGroup
		finished := false
		wg.Go(func() { f(); finished = true })
		wg.Wait()
		exits = false
		require.False(t, finished, name)
		require.Equal(t, two(), r.Applied(), name)
		for service, p := range r.All() {
			_, err := p.Tune(t.Context(), holdfast.Tuning{})
			require.NoError(t, err, "%s: %s", name, service)
		}
		require.NoError(t, hosts.Do(t.Context(), name, succeed), name)
		require.Contains(t, hosts.Get(name).String(), "retry 1×", name)
	}
	require.NoError(t, r.Apply(set))
}

type exiter func()

func (f exiter) Build() (resilience.Policy, error) { f(); return &keyedDoor{}, nil }

type lazySet func() holdfast.Services

func (f lazySet) Services() map[string][]resilience.Stage { return f() }

// Changes of every kind come at once. Whatever their order, none blocks another, and no call is
// lost.
func TestAllChangesAtOnce(t *testing.T) {
	const rounds = 100
	set := func(i int) holdfast.Services {
		return holdfast.Services{"a": {budget.Config{Burst: 1 + i%5}, retry.Config{}}, "b": {budget.Config{}, retry.Config{MaxRetries: 1 + i%3}}}
	}
	r := newRegistry(t, set(0))
	a, b := r.MustGet("a"), r.MustGet("b")
	var seen atomic.Uint64
	count := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventCall {
			seen.Add(1)
		}
	})
	defer a.Watch(count)()
	defer b.Watch(count)()
	var wg sync.WaitGroup
	for _, change := range []func(i int) error{
		func(i int) error { return r.Apply(set(i)) },
		func(i int) error { return r.Apply(set(i + 1)) },
		func(i int) error { return a.Update(budget.Config{Burst: 1 + i%9}, retry.Config{}) },
		func(i int) error { return b.Update(set(i)["b"]...) },
		func(i int) error {
			_, err := a.Tune(context.Background(), holdfast.Tuning{Budget: func(c *budget.Config) { c.Burst = 1 + i%11 }})
			return err
		},
		func(int) error { b.Watch(deafObserver)(); return nil },
		func(int) error { return a.Do(context.Background(), succeed) },
		func(int) error { return b.Do(context.Background(), succeed) },
	} {
		wg.Go(func() {
			for i := range rounds {
				if err := change(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 2*rounds, a.Snapshot().Calls+b.Snapshot().Calls)
	require.EqualValues(t, 2*rounds, seen.Load(), "who watches does so through every change")
	require.Zero(t, a.Snapshot().Live+b.Snapshot().Live)
	require.Same(t, a, r.MustGet("a"))
}
