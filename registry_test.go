package holdfast_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func newRegistry(t testing.TB, set holdfast.Services, observers ...resilience.Observer) *holdfast.Registry {
	t.Helper()
	r := holdfast.NewRegistry(observers...)
	require.NoError(t, r.Apply(set))
	return r
}

// two is a set of two services.
func two() holdfast.Services {
	return holdfast.Services{"payments": holdfast.Critical(), "search": holdfast.Background()}
}

func names(r *holdfast.Registry) (names []string) {
	for name := range r.All() {
		names = append(names, name)
	}
	return names
}

func TestARegistryHoldsPipelinesByName(t *testing.T) {
	r := newRegistry(t, two())
	p, ok := r.Get("payments")
	require.True(t, ok)
	require.Equal(t, "payments", p.Name())
	require.Same(t, p, r.MustGet("payments"))
	_, ok = r.Get("orders")
	require.False(t, ok)
	require.Equal(t, []string{"payments", "search"}, names(r))
	for name, p := range r.All() {
		require.Same(t, p, r.MustGet(name))
		break // a loop may end early
	}
	require.Equal(t, two(), r.Applied())
	require.PanicsWithValue(t, `holdfast: the registry has no service "orders"; it has "payments", "search"`, func() { r.MustGet("orders") })
}

func TestAnEmptyRegistry(t *testing.T) {
	for name, r := range map[string]*holdfast.Registry{"zero": {}, "new": holdfast.NewRegistry()} {
		_, ok := r.Get("payments")
		require.False(t, ok, name)
		require.Nil(t, r.Applied(), name)
		require.Empty(t, names(r), name)
		require.Empty(t, r.Draining(), name)
		require.PanicsWithValue(t, `holdfast: the registry has no service "x"; it has none: nothing was applied, or an empty set`,
			func() { r.MustGet("x") }, name)
		require.NoError(t, r.Apply(two()), name)
		require.Equal(t, []string{"payments", "search"}, names(r), name)
	}
}

func TestMustGetNamesAFewOfVeryMany(t *testing.T) {
	set := holdfast.Services{}
	for i := range 30 {
		set[string(rune('A'+i))] = holdfast.Standard()
	}
	r := newRegistry(t, set)
	defer func() {
		require.Contains(t, recover(), `"A", "B"`)
	}()
	defer func() {
		v := recover()
		require.Contains(t, v, "and 10 more")
		panic(v)
	}()
	r.MustGet("orders")
}

// All shows one moment, whatever is applied during the loop.
func TestAllIsOfOneMoment(t *testing.T) {
	r := newRegistry(t, two())
	var seen []string
	for name, p := range r.All() {
		require.NoError(t, r.Apply(holdfast.Services{"orders": holdfast.Standard()}))
		require.NotNil(t, p)
		seen = append(seen, name)
	}
	require.Equal(t, []string{"payments", "search"}, seen)
	require.Equal(t, []string{"orders"}, names(r))
}

func TestARemovedServiceDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry(t, two())
		kept := r.MustGet("payments")
		release, done := make(chan struct{}), make(chan error)
		go func() {
			done <- r.MustGet("payments").Do(context.Background(), func(context.Context) error { <-release; return nil })
		}()
		synctest.Wait()
		require.Empty(t, r.Draining(), "it was not removed")

		require.NoError(t, r.Apply(holdfast.Services{"search": holdfast.Background()}))
		_, ok := r.Get("payments")
		require.False(t, ok)
		require.Equal(t, []*holdfast.Pipeline{kept}, r.Draining())
		require.EqualValues(t, 1, kept.Snapshot().Live)
		require.NoError(t, r.Apply(holdfast.Services{}), "one drains through any number of changes")
		require.Equal(t, []*holdfast.Pipeline{kept}, r.Draining())

		close(release)
		require.NoError(t, <-done)
		require.Empty(t, r.Draining())
		require.NoError(t, kept.Do(t.Context(), succeed), "who kept it goes on")
		s := kept.Snapshot()
		require.EqualValues(t, 2, s.Calls)
		require.Zero(t, s.Live)
	})
}

// A call in flight keeps its pipeline alive, and so in Draining, even if nobody else holds it.
func TestACallKeepsItsPipeline(t *testing.T) {
	r := newRegistry(t, two())
	begun, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		p, _ := r.Get("payments")
		done <- p.Do(context.Background(), func(context.Context) error { close(begun); <-release; return nil })
	}()
	<-begun
	require.NoError(t, r.Apply(holdfast.Services{}))
	for range 3 {
		runtime.GC()
	}
	require.Len(t, r.Draining(), 1)
	require.NoError(t, r.Apply(two()))
	require.EqualValues(t, 1, r.MustGet("payments").Snapshot().Calls, "it is the same one again")
	close(release)
	require.NoError(t, <-done)
	require.Zero(t, r.MustGet("payments").Snapshot().Live)
}

func TestAServiceThatComesBack(t *testing.T) {
	set := holdfast.Services{"payments": {budget.Config{Burst: 10, Floor: -1}, plain(4)}}
	r := newRegistry(t, set)
	kept := r.MustGet("payments")
	tune(t, kept, holdfast.Tuning{Budget: func(c *budget.Config) { c.Ratio = 0.5 }})
	require.NoError(t, kept.Do(t.Context(), succeed))
	require.NoError(t, r.Apply(holdfast.Services{}))
	runtime.GC()
	changes, err := r.Reconcile(set)
	require.NoError(t, err)
	require.Equal(t, holdfast.Changes{Added: []string{"payments"}}, changes)
	require.Same(t, kept, r.MustGet("payments"), "somebody still holds it")
	require.InDelta(t, 0.1, kept.Budget().Config().Ratio, 0, "and it is as the set says")
	require.EqualValues(t, 1, kept.Snapshot().Calls)
	runtime.KeepAlive(kept)
}

// A registry does not grow if new services come and go, since nothing holds the old ones.
func TestAServiceThatNobodyHoldsIsForgotten(t *testing.T) {
	r := newRegistry(t, two())
	collected := make(chan string, 2)
	func() {
		for name, p := range r.All() {
			require.NoError(t, p.Do(t.Context(), succeed))
			runtime.AddCleanup(p, func(name string) { collected <- name }, name)
		}
	}()
	require.NoError(t, r.Apply(holdfast.Services{}))
	var gone []string
	require.Eventually(t, func() bool {
		runtime.GC()
		for {
			select {
			case name := <-collected:
				gone = append(gone, name)
			default:
				return len(gone) == 2
			}
		}
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, r.Apply(two()))
	require.Zero(t, r.MustGet("payments").Snapshot().Calls, "it begins anew")
}

func TestHealthFollowsApply(t *testing.T) {
	r := holdfast.NewRegistry()
	ask := func(h http.Handler) (int, map[string]string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		var answer struct {
			Pipelines []struct{ Name, State string }
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		states := map[string]string{}
		for _, p := range answer.Pipelines {
			states[p.Name] = p.State
		}
		return w.Code, states
	}
	all, critical := r.Health(), r.Health("payments")
	code, states := ask(all)
	require.Equal(t, http.StatusOK, code)
	require.Empty(t, states)
	code, states = ask(critical)
	require.Equal(t, http.StatusServiceUnavailable, code, "what is named has to be there")
	require.Equal(t, map[string]string{"payments": "unhealthy"}, states)

	require.NoError(t, r.Apply(holdfast.Services{"payments": holdfast.Critical(), "search": {breaker.Config{ConsecutiveFailures: 1}}}))
	require.Error(t, r.MustGet("search").Do(t.Context(), func(context.Context) error { return errFlaky }))
	code, states = ask(all)
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, map[string]string{"payments": "healthy", "search": "unhealthy"}, states)
	code, states = ask(critical)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, []string{"payments"}, slices.Collect(maps.Keys(states)))

	require.NoError(t, r.Apply(holdfast.Services{"payments": {retry.Config{}}}))
	code, states = ask(all)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, map[string]string{"payments": "healthy"}, states)
}
