package holdfast_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestPanicsLeaveNothingLocked(t *testing.T) {
	boom := func(context.Context, resilience.Event) {}
	bound := false
	binding := binder(func(*holdfast.Pipeline) resilience.Observer {
		if bound {
			panic("binding")
		}
		return resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) { boom(ctx, e) })
	})
	r := newRegistry(t, two(), binding)
	changed := func(n int) holdfast.Services {
		return holdfast.Services{"payments": {budget.Config{Burst: n}, plain(n)}, "search": {plain(n)}}
	}
	usable := func() {
		t.Helper()
		for name, p := range r.All() {
			require.NoError(t, p.Do(t.Context(), succeed), name)
			tune(t, p, holdfast.Tuning{})
		}
	}
	require.NoError(t, r.Apply(changed(1)))
	before := r.MustGet("payments").Snapshot()

	bound = true
	require.PanicsWithValue(t, "binding", func() { _ = r.Apply(changed(2)) })
	bound = false
	require.Equal(t, before, r.MustGet("payments").Snapshot(), "nothing was changed, the budget included")
	require.Equal(t, changed(1), r.Applied())
	usable()
	require.PanicsWithValue(t, "services", func() { _ = r.Apply(panicking{}) })
	usable()
	require.PanicsWithValue(t, "build", func() { _ = r.Apply(holdfast.Services{"payments": {builder{}}}) })
	usable()
	require.PanicsWithValue(t, "amend", func() {
		_ = r.Amend("payments", func([]resilience.Stage) []resilience.Stage { panic("amend") })
	})
	require.NoError(t, r.Apply(changed(2)), "an amendment that panics is not kept")

	told := 0
	boom = func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventUpdate {
			told++
			panic(e.Pipeline)
		}
	}
	require.Panics(t, func() { _ = r.Apply(changed(3)) })
	boom = func(context.Context, resilience.Event) {}
	require.Equal(t, 2, told, "the panic of one does not silence the others")
	require.Equal(t, changed(3), r.Applied(), "it came when all was done")
	usable()
}

// An observer may also panic when it is asked what it hears. Then no pipeline is changed, the first
// ones as little as the last.
func TestAPanickingHears(t *testing.T) {
	panics := false
	r := newRegistry(t, two(), binder(func(p *holdfast.Pipeline) resilience.Observer {
		return choosy(func(k resilience.EventKind) bool {
			if panics && p.Name() == "search" && k == resilience.EventUpdate {
				panic("hears")
			}
			return true
		})
	}))
	was := map[string]string{}
	for name, p := range r.All() {
		was[name] = p.String()
	}
	panics = true
	more := holdfast.Services{"payments": {plain(7)}, "search": {plain(8)}}
	require.PanicsWithValue(t, "hears", func() { _ = r.Apply(more) })
	for name, p := range r.All() {
		require.Equal(t, was[name], p.String())
	}
	panics = false
	require.NoError(t, r.Apply(more))
	require.NotEqual(t, was["payments"], r.MustGet("payments").String())
}

// choosy is a Selective.
type choosy func(k resilience.EventKind) bool

func (choosy) Observe(context.Context, resilience.Event) {}
func (c choosy) Hears(k resilience.EventKind) bool       { return c(k) }

// binder is a PipelineObserver.
type binder func(*holdfast.Pipeline) resilience.Observer

func (binder) Observe(context.Context, resilience.Event)              {}
func (b binder) ForPipeline(p *holdfast.Pipeline) resilience.Observer { return b(p) }

type panicking struct{}

func (panicking) Services() map[string][]resilience.Stage { panic("services") }

type builder struct{}

func (builder) Build() (resilience.Policy, error) { panic("build") }

// Whatever happens at once, no call and no amendment is lost, and no pipeline is incomplete.
func TestARegistryIsSafeForConcurrentUse(t *testing.T) {
	const callers, calls, rounds, amends = 4, 1000, 100, 20
	var events atomic.Uint64
	r := newRegistry(t, two(), resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventCall {
			events.Add(1)
		}
	}))
	var mu sync.Mutex
	met := map[*holdfast.Pipeline]bool{}
	meet := func(p *holdfast.Pipeline) *holdfast.Pipeline {
		mu.Lock()
		defer mu.Unlock()
		met[p] = true
		return p
	}
	var made atomic.Uint64
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range calls {
				p, ok := r.Get([]string{"payments", "search", "orders"}[(c+i)%3])
				if ok && meet(p).Do(context.Background(), succeed) == nil {
					made.Add(1)
				}
			}
		})
	}
	for a := range 2 {
		wg.Go(func() {
			for i := range rounds {
				set := holdfast.Services{"payments": {budget.Config{Burst: 1 + (i+a)%7}, retry.Config{MaxRetries: 1 + i%3}, breaker.Config{}}}
				if (i+a)%2 == 0 {
					set["orders"] = holdfast.Standard()
				} else {
					set["search"] = holdfast.Background()
				}
				if err := r.Apply(set); err != nil {
					t.Error(err)
				}
				if r.Apply(holdfast.Services{"payments": {nil}}) == nil {
					t.Error("nil was applied")
				}
			}
		})
	}
	wg.Go(func() {
		for range amends {
			if err := r.Amend("payments", func(s []resilience.Stage) []resilience.Stage {
				return append(s, resilience.Prebuilt(&door{}))
			}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for range rounds {
			for _, p := range r.All() {
				stop := p.Watch(resilience.ObserverFunc(func(context.Context, resilience.Event) {}))
				_, _ = p.Tune(context.Background(), holdfast.Tuning{Budget: func(c *budget.Config) { c.Ratio = 0.4 }})
				p.Snapshot()
				stop()
			}
			r.Draining()
		}
	})
	wg.Wait()
	var counted uint64
	for p := range met {
		s := p.Snapshot()
		counted += s.Calls
		require.Zero(t, s.Live)
	}
	require.Empty(t, r.Draining())
	require.Equal(t, made.Load(), counted)
	require.Equal(t, made.Load(), events.Load())
	require.Positive(t, made.Load())
	require.Len(t, r.MustGet("payments").Stages(), 3+amends, fmt.Sprint(r.MustGet("payments")))
}
