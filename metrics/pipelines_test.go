package metrics_test

import (
	"context"
	"runtime"
	"strings"
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
	"github.com/media-gateway/holdfast/resilience/retry"
)

func unseen(*holdfast.Snapshot) {}

// read returns the samples of the metrics that begin with any of the prefixes.
func read(t *testing.T, ps *metrics.Pipelines, prefixes ...string) map[string]float64 {
	t.Helper()
	samples, err := ps.Read(unseen)
	require.NoError(t, err)
	got := map[string]float64{}
	for _, s := range samples {
		name := strings.TrimPrefix(s.Name, "holdfast.")
		for _, prefix := range prefixes {
			if strings.HasPrefix(name, prefix) {
				key := name + " " + strings.Join(s.Values, " ")
				require.NotContains(t, got, key)
				got[key] = s.Value
			}
		}
		require.Len(t, s.Values, len(s.Labels), s.Name)
	}
	return got
}

func of(pipelines ...*holdfast.Pipeline) *metrics.Pipelines {
	ps := &metrics.Pipelines{}
	for _, p := range pipelines {
		ps.Add(p)
	}
	return ps
}

func TestNoPipelines(t *testing.T) {
	ps := of()
	require.Empty(t, read(t, ps, ""))
	require.Empty(t, ps.Alive())
	require.False(t, ps.Gone(), "there was none")
}

// What several pipelines have in use is added up. Their settings are those of the last one.
func TestPipelinesOfOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newPipeline(t, "payments", bulkhead.Config{MaxConcurrent: 2, MaxWait: time.Minute, QueueLimit: 5}, budget.Config{Burst: 3}, retry.Default())
		second := newPipeline(t, "payments", bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Minute, QueueLimit: 7}, budget.Config{Burst: 4, Ratio: -1, Shadow: true}, retry.Default())
		ps := of(first, second)
		finish := make(chan struct{})
		for _, p := range []*holdfast.Pipeline{first, second, second} {
			go func() { _ = p.Do(t.Context(), func(context.Context) error { <-finish; return nil }) }()
		}
		synctest.Wait()
		require.Equal(t, map[string]float64{
			"calls_in_flight ": 3, "bulkhead.in_use 1": 2, "bulkhead.waiting 1": 1, "bulkhead.capacity 1": 3, "bulkhead.queue_limit 1": 12,
		}, read(t, ps, "calls", "bulkhead"))
		close(finish)
		synctest.Wait()
		require.Equal(t, map[string]float64{
			"budget.tokens ": 4, "budget.burst_tokens ": 4, "budget.ratio ": 0, "budget.shadow ": 1, "budget.shadow_refused ": 0,
		}, read(t, ps, "budget.tokens", "budget.burst", "budget.ratio", "budget.shadow"), "the last one's")
		ps.Add(first)
		require.Equal(t, 3.0, read(t, ps, "budget")["budget.burst_tokens "], "now the first one is the last")

		require.NoError(t, second.Update(bulkhead.Config{MaxWait: time.Minute}, retry.Default()))
		require.NotContains(t, read(t, ps, "bulkhead"), "bulkhead.queue_limit 1", "any number may wait in one, so in both")
	})
}

// Budgets that are replaced, shared and dropped: a counter counts each refusal once, and never
// falls.
func TestCountersThatAreRead(t *testing.T) {
	fail := func(context.Context) error { return errFlaky }
	with := func(b *budget.Budget) []resilience.Stage { return []resilience.Stage{b, retry.Default()} }
	newBudget := func() *budget.Budget {
		b, err := budget.New(budget.Config{Initial: -1, Floor: -1})
		require.NoError(t, err)
		return b
	}
	shared := newBudget()
	first, second := newPipeline(t, "payments", with(shared)...), newPipeline(t, "payments", with(shared)...)
	ps := of(first, second)
	refused := func() float64 { return read(t, ps, "budget.refused")["budget.refused "] }
	require.Zero(t, refused())
	_ = first.Do(t.Context(), fail)
	_ = second.Do(t.Context(), fail)
	require.Equal(t, 2.0, refused(), "it is one budget")

	require.NoError(t, second.Update(with(newBudget())...))
	require.Equal(t, 2.0, refused())
	_ = second.Do(t.Context(), fail)
	require.Equal(t, 3.0, refused())

	for i := range 3 {
		require.NoError(t, second.Update(with(newBudget())...))
		runtime.GC() // collects the old budget
		require.Equal(t, 3.0+float64(i), refused())
		_ = second.Do(t.Context(), fail)
		require.Equal(t, 4.0+float64(i), refused())
	}
	runtime.KeepAlive(shared)
}

// A Keyed that is dropped and made again with the same name continues its counts.
func TestCountersOfAKeyed(t *testing.T) {
	ps := of()
	overflowed := func() float64 { return read(t, ps, "keyed.overflowed")["keyed.overflowed "] }
	for round := range 3 {
		hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{Size: 1}, breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour})
		require.NoError(t, err)
		ps.Add(hosts.Total())
		for _, key := range []string{"a", "b"} { // the first one's breaker is open, so that the second finds no room
			_ = hosts.Do(t.Context(), key, func(context.Context) error { return errFlaky })
		}
		require.Equal(t, float64(round+1), overflowed())
		require.Equal(t, 1.0, read(t, ps, "keyed.keys")["keyed.keys "]/float64(len(ps.Alive())))
		runtime.KeepAlive(hosts)
		runtime.GC()
	}
}

func TestBreakersHaveNamesOfTheirOwn(t *testing.T) {
	ps := of(newPipeline(t, "a", breaker.Config{}, breaker.Config{}, breaker.Config{Name: "a#2"}, breaker.Config{Name: "b\xff"}))
	got := read(t, ps, "breaker.state")
	for _, name := range []string{"a", "a#2", "a#2#2", "b\uFFFD"} {
		require.Equal(t, 1.0, got["breaker.state "+name+" closed"], name)
		require.Zero(t, got["breaker.state "+name+" open"], name)
	}
	require.Len(t, got, 4*4)
}

// Pipelines keeps none alive, and knows when all are gone.
func TestPipelinesThatAreGone(t *testing.T) {
	ps := of()
	func() {
		p, err := holdfast.New("payments", retry.Default())
		require.NoError(t, err)
		ps.Add(p)
		require.Len(t, ps.Alive(), 1)
		require.False(t, ps.Gone())
		runtime.KeepAlive(p)
	}()
	require.Eventually(t, func() bool { runtime.GC(); return ps.Gone() }, 10*time.Second, time.Millisecond)
	require.Empty(t, read(t, ps, ""))
	p := newPipeline(t, "payments", retry.Default())
	ps.Add(p)
	require.False(t, ps.Gone())
	require.NotEmpty(t, read(t, ps, ""))
}

// hush is a Guard whose String panics.
type hush struct{}

func (*hush) Acquire(context.Context) error               { return nil }
func (*hush) Release(context.Context, error)              {}
func (h *hush) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(h, next) }
func (h *hush) Build() (resilience.Policy, error)         { return h, nil }
func (*hush) String() string                              { panic("no words") }

func TestAStageThatPanics(t *testing.T) {
	ps := of(newPipeline(t, "pay\xff", &hush{}))
	for range 2 {
		samples, err := ps.Read(unseen)
		require.EqualError(t, err, "pipeline \"pay\uFFFD\": a stage panicked: no words")
		require.Empty(t, samples)
	}
}

// Each pipeline's Snapshot is seen, so that its stages can be foreseen.
func TestReadShowsTheSnapshots(t *testing.T) {
	var names []string
	_, err := of(newPipeline(t, "a", retry.Default()), newPipeline(t, "b", retry.Default())).
		Read(func(s *holdfast.Snapshot) { names = append(names, s.Name) })
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, names)
}
