package holdfastdash

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// following returns a dashboard of a registry. It logs nothing and is closed at the test's end.
func following(t testing.TB, r *holdfast.Registry, opts ...Option) *Dashboard {
	t.Helper()
	d, err := ForRegistry(r, append([]Option{WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// hold gives r services with these names and without deadlines.
func hold(t testing.TB, r *holdfast.Registry, names ...string) {
	t.Helper()
	set := holdfast.Services{}
	for _, name := range names {
		set[name] = []resilience.Stage{budget.Config{}, retry.Config{}}
	}
	require.NoError(t, r.Apply(set))
}

// names returns the names of the rows of a hello.
func names(g greeting) (names []string) {
	for _, p := range g.Pipelines {
		names = append(names, p.Name)
	}
	return names
}

// watchers returns the number of p's observers, which p does not export.
func watchers(p *holdfast.Pipeline) int {
	return reflect.ValueOf(p).Elem().FieldByName("watchers").Len()
}

// read reads what d answers to GET.
func read(t testing.TB, d *Dashboard, path string, into any) int {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/"+path, http.NoBody)
	r.Header.Set("User", "mary")
	answer := httptest.NewRecorder()
	d.ServeHTTP(answer, r)
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), into), answer.Body)
	return answer.Code
}

func TestForRegistryRefuses(t *testing.T) {
	d, err := ForRegistry(nil, WithLogger(nil), WithInterval(time.Hour))
	require.EqualError(t, err, "holdfastdash: WithLogger is nil; want a logger; leave the option out for slog.Default()\n"+
		"holdfastdash: WithInterval is 1h0m0s; want 100ms to 1m0s, or 0 for the default (1s)\n"+
		"holdfastdash: registry is nil; want one made by holdfast.NewRegistry")
	require.Nil(t, d)
}

// Pins: added and removed services appear on and disappear from the page, with one hello each. The
// others keep their history. A removed pipeline is no longer watched. If the same pipeline is added
// again, its history begins anew.
func TestThePageFollowsARegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := holdfast.NewRegistry()
		b := connect(t, serve(t, following(t, r), nil), events)
		var hello greeting
		b.wants(t, "hello", &hello)
		require.Empty(t, hello.Pipelines)
		var now tick
		b.wants(t, "tick", &now)
		require.Empty(t, now.Samples)

		hold(t, r, "payments")
		payments := r.MustGet("payments")
		call(t, payments, 0, nil)
		b.wants(t, "hello", &hello)
		require.Equal(t, []string{"payments"}, names(hello))
		require.Equal(t, []*sample{{}}, hello.Pipelines[0].Samples, "what it did before is not known to be of this second")
		require.Equal(t, 2, watchers(payments), "one counts, one listens to changes")
		call(t, payments, 20*time.Millisecond, nil)
		b.wants(t, "tick", &now)
		require.Equal(t, 1.0, now.Samples["0"].Calls)
		require.InEpsilon(t, 0.02, now.Samples["0"].P50, 0.04)

		hold(t, r, "audit", "payments") // which comes before it
		audit := r.MustGet("audit")
		b.wants(t, "hello", &hello)
		require.Equal(t, []string{"audit", "payments"}, names(hello))
		require.Len(t, hello.Pipelines[0].Samples, 1)
		require.Len(t, hello.Pipelines[1].Samples, 3)
		require.Equal(t, 1.0, hello.Pipelines[1].Samples[1].Calls, "its history stays")
		call(t, audit, 0, nil)
		b.wants(t, "tick", &now)
		require.Equal(t, 1.0, now.Samples["0"].Calls)

		hold(t, r, "audit")
		b.wants(t, "hello", &hello)
		require.Equal(t, []string{"audit"}, names(hello))
		require.Len(t, hello.Pipelines[0].Samples, 3)
		require.Zero(t, watchers(payments))
		require.Equal(t, 2, watchers(audit), "one counts, one listens to changes")

		hold(t, r, "audit", "payments")
		require.Same(t, payments, r.MustGet("payments"))
		b.wants(t, "hello", &hello)
		require.Equal(t, []string{"audit", "payments"}, names(hello))
		require.Len(t, hello.Pipelines[1].Samples, 1)
		require.Equal(t, 2, watchers(payments), "one counts, one listens to changes")
		b.wants(t, "tick", &now)
		require.Zero(t, now.Samples["1"].Calls, "its calls of earlier are not told again")

		hold(t, r)
		b.wants(t, "hello", &hello)
		require.Empty(t, hello.Pipelines)
		require.Zero(t, watchers(audit))
	})
}

// Pins: a removed service stays on the page while its calls are in flight, and does not come back
// if the program makes calls through a pipeline that it kept.
func TestARemovedServiceStaysWhileItDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := holdfast.NewRegistry()
		hold(t, r, "audit", "payments", "search")
		payments := r.MustGet("payments")
		d := following(t, r, WithAuthorizer(byHeader))
		k := sit(t, d)
		b := connect(t, serve(t, d, nil), events)
		b.wants(t, "hello", new(greeting))
		var flight sync.WaitGroup
		flight.Go(func() { call(t, payments, 3500*time.Millisecond, nil) })
		b.wants(t, "tick", new(tick))
		hold(t, r, "audit", "search")
		var now tick
		b.wants(t, "tick", &now)
		require.True(t, now.Samples["1"].Draining, "in its place")
		require.EqualValues(t, 1, now.Samples["1"].Live)
		require.Equal(t, http.StatusOK, k.send(k.order(`{"pipeline":"payments","values":{"budget.ratio":"0.3"},"was":{"budget.ratio":"0.1"}}`)).Code)
		require.InDelta(t, 0.3, payments.Budget().Config().Ratio, 0)
		var change changeEvent
		var hello greeting
		b.wants(t, "change", &change)
		require.Equal(t, []string{"payments"}, change.Pipelines)
		b.wants(t, "hello", &hello)
		require.Equal(t, []string{"audit", "payments", "search"}, names(hello), "the chain is another, and it is still there")
		b.wants(t, "hello", &hello)
		flight.Wait()
		require.Equal(t, []string{"audit", "search"}, names(hello))
		require.Zero(t, watchers(payments))
		require.Equal(t, http.StatusNotFound, k.send(k.order(`{"pipeline":"payments","values":{"budget.ratio":"0.4"},"was":{"budget.ratio":"0.3"}}`)).Code)

		flight.Go(func() { call(t, payments, 2500*time.Millisecond, nil) })
		b.wants(t, "tick", &now)
		require.Len(t, r.Draining(), 1)
		b.wants(t, "tick", &now)
		flight.Wait()

		flight.Go(func() { call(t, r.MustGet("search"), 5*time.Second, nil) })
		synctest.Wait()
		hold(t, r, "audit")
		b.wants(t, "tick", &now)
		require.True(t, now.Samples["1"].Draining)
		hold(t, r, "audit", "search")
		b.wants(t, "change", &change)
		require.Equal(t, []string{"search"}, change.Pipelines, "it got stages anew")
		b.wants(t, "tick", &now)
		require.False(t, now.Samples["1"].Draining, "it is back before it was gone")
		flight.Wait()
	})
}

// Pins: tuning lasts until an Apply gives the service other stages, and no longer.
func TestTuningServicesOfARegistry(t *testing.T) {
	stages := func(ratio float64, retries int) []resilience.Stage {
		return []resilience.Stage{budget.Config{Ratio: ratio}, retry.Config{MaxRetries: retries}}
	}
	r := holdfast.NewRegistry()
	d := following(t, r, WithAuthorizer(byHeader))
	k := sit(t, d)
	ratio := func() float64 { return r.MustGet("search").Budget().Config().Ratio }
	tune := func() int {
		return k.send(k.order(`{"pipeline":"search","values":{"budget.ratio":"0.5"},"was":{"budget.ratio":"0.1"}}`)).Code
	}

	require.Equal(t, http.StatusNotFound, tune())
	require.NoError(t, r.Apply(holdfast.Services{"search": stages(0.1, 3)}))
	require.Equal(t, http.StatusOK, tune(), "it came later")
	require.InDelta(t, 0.5, ratio(), 0)

	require.NoError(t, r.Apply(holdfast.Services{"search": stages(0.1, 3), "payments": stages(0.2, 1)}))
	require.InDelta(t, 0.5, ratio(), 0, "others were changed")
	require.NoError(t, r.Apply(holdfast.Services{"search": stages(0.1, 2)}))
	require.InDelta(t, 0.1, ratio(), 0, "another of its numbers was changed")
	require.NoError(t, r.Apply(holdfast.Services{}))
	require.Equal(t, http.StatusNotFound, tune())
}

// Pins: a reload that changes more services than fit into a stream's queue is one frame, and drops
// nothing.
func TestAReloadOfManyIsOneChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, want := holdfast.Services{}, []string(nil)
		for i := range 10 * queueLength {
			name := fmt.Sprintf("service-%03d", i)
			set[name], want = holdfast.Standard(), append(want, name)
		}
		r := holdfast.NewRegistry()
		require.NoError(t, r.Apply(set))
		d := following(t, r)
		b := connect(t, serve(t, d, nil), events)
		var c changeEvent
		var hello greeting
		b.wants(t, "hello", &hello)
		synctest.Wait() // for the sampler to watch
		for _, stages := range [][]resilience.Stage{holdfast.Critical(), holdfast.Background()} {
			for name := range set {
				set[name] = stages
			}
			require.NoError(t, r.Apply(set))
		}
		b.wants(t, "change", &c)
		require.Equal(t, changeEvent{
			ID: 1, Time: time.Now().Add(-time.Second).UnixMilli(), Pipelines: want, By: byCode, Changes: c.Changes, More: c.More,
		}, c)
		require.GreaterOrEqual(t, len(c.Changes), listedLines, "no frame is without bounds")
		require.Positive(t, c.More)
		var kept changesAnswer
		read(t, d, "changes", &kept)
		require.Len(t, kept.Changes[0].Pipelines, keptNames)
		require.Equal(t, len(want)-keptNames, kept.Changes[0].MoreNames)
		b.wants(t, "hello", &hello)
		require.Zero(t, hello.Dropped)
		b.wants(t, "tick", new(tick))
	})
}

// Pins: services that are added and removed a thousand times leave nothing behind: no watcher, no
// goroutine, and no pipeline that is kept alive. Nor does one that the program keeps.
func TestAThousandServicesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := holdfast.NewRegistry()
		hold(t, r, "kept", "stays")
		kept := r.MustGet("kept")
		d := following(t, r, WithInterval(minInterval))
		b := connect(t, serve(t, d, nil), events)
		b.wants(t, "hello", new(greeting))
		before := runtime.NumGoroutine()
		var gone []weak.Pointer[holdfast.Pipeline]
		var hello greeting
		for i := range 1000 {
			name := fmt.Sprintf("service-%d", i)
			hold(t, r, name, "stays")
			p := r.MustGet(name)
			require.NoError(t, p.Do(t.Context(), func(context.Context) error { return nil }))
			gone = append(gone, weak.Make(p))
			b.wants(t, "hello", &hello)
			require.Equal(t, []string{name, "stays"}, names(hello))
			require.Zero(t, watchers(kept))
			hold(t, r, "kept", "stays")
			b.wants(t, "hello", &hello)
			require.Equal(t, []string{"kept", "stays"}, names(hello))
			require.Equal(t, 2, watchers(kept), "one counts, one listens to changes")
		}
		require.Len(t, hello.Pipelines[1].Samples, historyLength)
		require.Equal(t, 2, watchers(r.MustGet("stays")))
		require.Less(t, runtime.NumGoroutine(), before+10) // of other tests, some may have ended since
		runtime.GC()
		runtime.GC()
		for i, p := range gone {
			require.Nil(t, p.Value(), i)
		}
		d.Close()
		require.Zero(t, watchers(kept))
		require.Zero(t, watchers(r.MustGet("stays")))
	})
}

// Pins, with the race detector: browsers, changes and tuning while services are added and removed.
// Every tick has only indexes of pipelines that the browser knows.
func TestServicesComeAndGoWhileAllElseGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := holdfast.NewRegistry()
		hold(t, r, "even", "odd")
		d := following(t, r, WithInterval(minInterval), WithAuthorizer(byHeader))
		k := sit(t, d)
		client := serve(t, d, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var running sync.WaitGroup
		every := func(pause time.Duration, do func(i int)) {
			running.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					do(i)
					pass(pause)
				}
			})
		}
		every(37*time.Millisecond, func(i int) { hold(t, r, []string{"even", "odd"}[i%2]) })
		every(11*time.Millisecond, func(int) {
			for _, p := range r.All() {
				_ = p.Do(ctx, func(context.Context) error { pass(time.Millisecond); return nil })
			}
		})
		every(23*time.Millisecond, func(i int) {
			code := k.send(k.order(fmt.Sprintf(`{"pipeline":"odd","values":{"budget.burst":"%d"},"was":{"budget.burst":"10"}}`, 1+i%9))).Code
			require.Contains(t, []int{http.StatusOK, http.StatusNotFound, http.StatusConflict}, code)
		})
		for range 3 {
			b := connect(t, client, events)
			running.Go(func() {
				rows := 0
				for ctx.Err() == nil {
					m, err := b.next()
					require.NoError(t, err)
					switch m.event {
					case "hello":
						rows = len(parsed[greeting](t, m).Pipelines)
					case "tick":
						for i := range parsed[tick](t, m).Samples {
							require.Less(t, i, fmt.Sprint(rows))
						}
					}
				}
			})
		}
		running.Wait()
	})
}
