package holdfast_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// The Total says how many keys are in trouble.
func TestTheTotalTellsOfItsKeysBreakers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := newKeyed[string](t, holdfast.KeyedConfig{Size: 200}, openFor(time.Minute))
		total := hosts.Total()
		require.Equal(t, holdfast.KeyedStats{Size: 200}, *total.Snapshot().Keys)
		require.Equal(t, holdfast.Healthy, holdfast.Check(t.Context(), total, nil).State)
		for i := range 17 {
			require.NoError(t, hosts.Do(t.Context(), fmt.Sprint("well-", i), succeed))
		}
		for _, host := range []string{"a", "b", "c"} {
			require.Error(t, hosts.Do(t.Context(), host, flake))
		}
		keys := total.Snapshot().Keys
		require.Equal(t, 20, keys.Len)
		require.Equal(t, 3, keys.Open)
		require.ElementsMatch(t, []string{"a", "b", "c"}, keys.OpenKeys)
		require.Equal(t, hosts.Stats(), *keys)
		require.Equal(t, keys, hosts.Snapshot().Keys)
		require.Empty(t, total.Snapshot().Breakers, "each key has its own")
		require.Nil(t, hosts.Get("a").Snapshot().Keys)

		s := holdfast.Check(t.Context(), total, nil)
		require.Equal(t, holdfast.Degraded, s.State)
		require.Equal(t, "3 of 20 keys have a breaker that is not closed: "+strings.Join(keys.OpenKeys, ", "), s.Why)
		require.Equal(t, keys, s.Keys)

		_, answer := get(t, holdfast.Health(total), http.MethodGet)
		require.Equal(t, "degraded", answer.State)
		require.Equal(t, s.Why, answer.Pipelines[0].Why)
		w, answer := get(t, holdfast.Health(hosts.Get("a")), http.MethodGet)
		require.Equal(t, http.StatusServiceUnavailable, w.Code, "a key by itself")
		require.Regexp(t, `^breaker hosts\[a\] open, next probe in 1m[0-9.]+s, after 1 failure \(ConsecutiveFailures is 1\)$`,
			answer.Pipelines[0].Why)

		for i := range 17 {
			require.Error(t, hosts.Do(t.Context(), fmt.Sprint("well-", i), flake))
		}
		w, answer = get(t, holdfast.Health(total), http.MethodGet)
		require.Equal(t, http.StatusOK, w.Code, "nor do all keys take the instance out of rotation: the next one may do well")
		keysWhy, share, _ := strings.Cut(answer.Pipelines[0].Why, "; ")
		require.True(t, strings.HasPrefix(keysWhy, "20 of 20 keys have a breaker that is not closed: "))
		require.True(t, strings.HasSuffix(keysWhy, ", …"), keysWhy)
		require.Equal(t, 4, strings.Count(keysWhy, ", ")-1, "five of them")
		require.Equal(t, "100 % of 20 calls in 10 s failed: retries_exhausted", share)

		<-time.After(5 * time.Minute / 4)
		require.Equal(t, 20, total.Snapshot().Keys.Open, "half-open is not closed")
		for range 3 { // as many probes close it
			require.NoError(t, hosts.Do(t.Context(), "a", succeed))
		}
		require.Equal(t, 19, total.Snapshot().Keys.Open)
		<-time.After(9 * time.Minute)
		require.NoError(t, hosts.Do(t.Context(), "a", succeed))
		<-time.After(2 * time.Minute)
		keys = total.Snapshot().Keys
		require.Equal(t, 1, keys.Len, "nobody calls the others any more")
		require.Zero(t, keys.Open)
		require.Equal(t, holdfast.Healthy, holdfast.Check(t.Context(), total, nil).State)
	})
}

// A few breakers are named, no matter how many a key has, and all keys are counted.
func TestKeysWithSeveralBreakersEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := newKeyed[int](t, holdfast.KeyedConfig{},
			breaker.Config{Name: "a", ConsecutiveFailures: 1}, breaker.Config{Name: "b", ConsecutiveFailures: 1}, breaker.Config{Name: "c", ConsecutiveFailures: 1})
		for key := range 20 {
			require.Error(t, hosts.Do(t.Context(), key, flake))
			keys := hosts.Stats()
			require.Equal(t, key+1, keys.Open)
			require.Len(t, keys.OpenKeys, min(key+1, 16))
			require.Len(t, hosts.Snapshot().Breakers, min(3*(key+1), 16))
		}
	})
}

// The stages that all keys share are the total's. Those of keys without room are the overflow's.
func TestHealthOfATotalAndOfAnOverflow(t *testing.T) {
	shared, err := breaker.New(breaker.Config{Name: "shared", ConsecutiveFailures: 1, OpenFor: time.Hour, MaxOpenFor: time.Hour})
	require.NoError(t, err)
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, budget.Config{Burst: 1, Floor: -1}, plain(1), openFor(time.Hour), shared)
	overflow := hosts.Overflow()
	tune(t, overflow, holdfast.Tuning{Isolate: []string{"hosts (overflow)"}})
	overflow.Budget().Allow()
	require.Equal(t, holdfast.Healthy, holdfast.Check(t.Context(), hosts.Total(), nil).State, "it meets only keys without room")
	s := holdfast.Check(t.Context(), overflow, nil)
	require.Equal(t, holdfast.Unhealthy, s.State)
	require.Equal(t, "retry budget empty (0 of 1 tokens), no retries; breaker hosts (overflow) isolated by hand", s.Why)

	shared.Isolate()
	s = holdfast.Check(t.Context(), hosts.Total(), nil)
	require.Equal(t, holdfast.Unhealthy, s.State, "every key meets this one")
	require.Equal(t, "breaker shared isolated by hand", s.Why)
	require.Equal(t, []string{"shared"}, breakerNames(s.Breakers))
	require.Nil(t, s.Budget)
	require.Equal(t, []string{"hosts (overflow)", "shared"}, breakerNames(overflow.Snapshot().Breakers))
}

func breakerNames(all []breaker.Stats) (names []string) {
	for _, b := range all {
		names = append(names, b.Name)
	}
	return names
}

func TestKeysAsJSON(t *testing.T) {
	hosts := newKeyed[string](t, holdfast.KeyedConfig{Size: 7}, openFor(time.Hour))
	require.Error(t, hosts.Do(t.Context(), "a", flake))
	text, err := json.Marshal(hosts.Total().Snapshot().Keys)
	require.NoError(t, err)
	require.JSONEq(t, `{"len": 1, "size": 7, "misses": 1, "evicted_for_size": 0, "evicted_for_idle": 0, "overflowed": 0,
		"unbuilt": 0, "open": 1, "open_keys": ["a"]}`, string(text))
	text, err = json.Marshal(newPipeline(t, plain(1)).Snapshot())
	require.NoError(t, err)
	require.NotContains(t, string(text), "keys")
}

// asking is an Observer that reads the pipeline to which it is bound, at once and repeatedly, as a
// scrape may.
type asking struct {
	bound atomic.Pointer[holdfast.Pipeline]
}

func (a *asking) Observe(context.Context, resilience.Event) { a.bound.Load().Snapshot() }

func (a *asking) ForPipeline(p *holdfast.Pipeline) resilience.Observer {
	a.bound.Store(p)
	_, _ = p.Snapshot(), holdfast.Check(context.Background(), p, nil)
	return a
}

func TestObserversOfATotalMayAskForItsKeys(t *testing.T) {
	var a asking
	hosts := newKeyed[int](t, holdfast.KeyedConfig{Size: 8}, holdfast.Observe(&a), openFor(time.Hour))
	for key := range 20 {
		require.Error(t, hosts.Do(t.Context(), key, flake))
	}
	keys := a.bound.Load().Snapshot().Keys
	require.Equal(t, 8, keys.Open)
	require.EqualValues(t, 12, keys.Overflowed)
}

// The health of a Keyed is that of its Total: which keys are in trouble, and how many.
func ExampleHealth_keyed() {
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, holdfast.Critical()...)
	if err != nil {
		panic(err)
	}
	for _, host := range []string{"a.example", "b.example", "c.example"} {
		hosts.Get(host)
	}
	_, _ = hosts.Get("b.example").Tune(context.Background(), holdfast.Tuning{Isolate: []string{"hosts[b.example]"}})

	w := httptest.NewRecorder()
	holdfast.Health(hosts.Total()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/health", http.NoBody))
	var answer struct {
		Pipelines []struct{ Name, State, Why string }
	}
	_ = json.Unmarshal(w.Body.Bytes(), &answer)
	fmt.Println(w.Code, answer.Pipelines[0].Name, answer.Pipelines[0].State)
	fmt.Println(answer.Pipelines[0].Why)
	// Output:
	// 200 hosts degraded
	// 1 of 3 keys has a breaker that is not closed: b.example
}
