package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
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

func newKeyed[K comparable](t testing.TB, c holdfast.KeyedConfig, stages ...resilience.Stage) *holdfast.Keyed[K] {
	t.Helper()
	k, err := holdfast.NewKeyed[K]("hosts", c, stages...)
	require.NoError(t, err)
	return k
}

// openFor is a breaker that opens at the first failure.
func openFor(d time.Duration) breaker.Config {
	return breaker.Config{ConsecutiveFailures: 1, OpenFor: d, MaxOpenFor: d}
}

// fastRetries is retry.Aggressive without the pauses.
func fastRetries() resilience.Stage {
	c := retry.Aggressive()
	c.BaseDelay, c.MaxDelay = 1, 1
	return c
}

func flake(context.Context) error { return errFlaky }

func TestNewKeyedSaysAllThatIsWrong(t *testing.T) {
	_, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{Size: -1, Idle: -2}, retry.Config{MaxRetries: -9}, nil)
	require.EqualError(t, err, strings.Join([]string{
		"keyed: Size is -1; want 1 to 16777216, or 0 for the default (10000)",
		"keyed: Idle is -2ns; want a positive duration, 0 for the default (10m0s), or -1 for no limit",
		"hosts: stage 1: retry: MaxRetries is -9; want 1 or more, 0 for the default (3), retry.None, or retry.Unlimited",
		"hosts: stage 2 is nil; leave it out, or give a Config",
	}, "\n"))
	_, err = holdfast.NewKeyed[string]("", holdfast.KeyedConfig{})
	require.ErrorContains(t, err, `name is ""`)
	require.ErrorContains(t, err, "no stages")

	b := &bindable{}
	_, err = holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{Size: -1}, holdfast.Observe(b), plain(1))
	require.Error(t, err)
	require.Empty(t, b.bound, "who is refused binds nothing")
}

func TestEachKeyHasAPipelineOfItsOwn(t *testing.T) {
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, append(holdfast.Critical(), bulkhead.Config{MaxConcurrent: 3})...)
	a, b := hosts.Get("a"), hosts.Get("b")
	require.NotSame(t, a, b)
	require.Same(t, a, hosts.Get("a"))
	require.Equal(t, "hosts[a]", a.Name())
	require.Equal(t, "hosts", hosts.Name())
	require.Equal(t, strings.TrimPrefix(b.String(), "hosts[b]"), strings.TrimPrefix(hosts.Total().String(), "hosts"))
	require.Equal(t, hosts.Total().Stages()[:3], a.Stages()[:3])
	require.NotSame(t, a.Budget(), b.Budget())
	require.NotSame(t, a.Budget(), hosts.Overflow().Budget())

	found, ok := hosts.Peek("a")
	require.True(t, ok)
	require.Same(t, a, found)
	_, ok = hosts.Peek("c")
	require.False(t, ok)
	all := map[string]*holdfast.Pipeline{}
	for key, p := range hosts.All() {
		all[key] = p
	}
	require.Equal(t, map[string]*holdfast.Pipeline{"a": a, "b": b}, all)
	for range hosts.All() {
		break
	}
	require.Equal(t, holdfast.KeyedStats{Len: 2, Size: 10_000, Misses: 2}, hosts.Stats())
}

func TestOneKeysOutageIsNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := newKeyed[string](t, holdfast.KeyedConfig{}, budget.Config{Burst: 2, Floor: -1}, plain(9), openFor(time.Minute))
		err := hosts.Do(t.Context(), "a", flake)
		require.Regexp(t, `^hosts\[a\]: circuit breaker is open; next probe in 1m[0-9.]+s \(after 1 attempt in 0s\): flaky$`, err.Error())
		require.ErrorIs(t, err, breaker.ErrOpen)
		err = hosts.Do(t.Context(), "a", succeed)
		require.ErrorContains(t, err, "hosts[a]: circuit breaker is open; next probe in 1m")
		require.NoError(t, hosts.Do(t.Context(), "b", succeed))
		require.NoError(t, hosts.Overflow().Do(t.Context(), succeed))

		s := hosts.Stats()
		require.Equal(t, 1, s.Open)
		require.Equal(t, []string{"a"}, s.OpenKeys)
		require.Equal(t, "hosts[a]", hosts.Snapshot().Breakers[0].Name)
		tune(t, hosts.Get("b"), holdfast.Tuning{Isolate: []string{"hosts[b]"}})
		require.Equal(t, 2, hosts.Stats().Open)
		<-time.After(5 * time.Minute / 4)
		require.NoError(t, hosts.Do(t.Context(), "a", succeed))
		require.EqualError(t, hosts.Do(t.Context(), "b", succeed), "hosts[b]: circuit breaker is isolated by hand")
	})
}

func TestOneKeysBudgetPaysForNoOther(t *testing.T) {
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, budget.Config{Burst: 2, Floor: -1}, retry.Config{MaxRetries: 9, BaseDelay: 1})
	for _, host := range []string{"a", "b"} {
		op, runs := failing(99, errFlaky)
		err := hosts.Do(t.Context(), host, op)
		require.ErrorIs(t, err, budget.ErrExhausted)
		require.ErrorContains(t, err, "hosts["+host+"]: retry budget exhausted")
		require.Equal(t, 3, *runs)
		require.Zero(t, hosts.Get(host).Budget().Tokens())
	}
	require.EqualValues(t, 2, hosts.Overflow().Budget().Tokens())
}

func TestErrorsNameTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := newKeyed[string](t, holdfast.KeyedConfig{}, deadline.In(time.Second), breaker.Config{Name: "db"})
		err := hosts.Do(t.Context(), "a", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.EqualError(t, err, "hosts[a]: deadline of 1s exceeded")
		require.Equal(t, "db[a]", hosts.Get("a").Snapshot().Breakers[0].Name)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorContains(t, hosts.Do(ended, "a", succeed), "hosts[a]: ")
	})
}

func TestWhatIsGivenBuiltIsShared(t *testing.T) {
	shared, err := breaker.New(openFor(time.Hour))
	require.NoError(t, err)
	hosts := newKeyed[string](t, holdfast.KeyedConfig{Size: 1}, resilience.Prebuilt(&keyedDoor{}), shared)
	require.ErrorIs(t, hosts.Do(t.Context(), "a", flake), errFlaky)
	require.ErrorIs(t, hosts.Do(t.Context(), "b", succeed), breaker.ErrOpen)
	require.Zero(t, hosts.Stats().Open, "it is no key's own")
	require.EqualValues(t, 1, hosts.Stats().EvictedForSize, "and nothing of it is lost with a key")
}

func TestAllWhoMissAKeyAtOnceGetTheSamePipeline(t *testing.T) {
	const callers, keys = 4, 5000
	k := newKeyed[int](t, holdfast.KeyedConfig{}, plain(1))
	var found [callers][keys]*holdfast.Pipeline
	var arrived [keys]atomic.Int32
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for key := range keys {
				arrived[key].Add(1)
				for arrived[key].Load() < callers { // all at once, to the nanosecond
					runtime.Gosched()
				}
				found[i][key] = k.Get(key)
			}
		})
	}
	wg.Wait()
	for _, same := range found {
		for key, p := range same {
			if p != found[0][key] { // Same would take a while
				t.Fatalf("key %d has two pipelines", key)
			}
		}
	}
	require.Equal(t, keys, k.Len())
}

func TestObserversAreBoundOnceAndHearOfTheKey(t *testing.T) {
	var events []resilience.Event
	b := &bindable{}
	hear := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) { events = append(events, e) })
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, holdfast.Observe(b, hear), plain(2), openFor(time.Hour))
	require.Error(t, hosts.Do(t.Context(), "a", flake))
	require.NoError(t, hosts.Do(t.Context(), "b", succeed))
	tune(t, hosts.Get("b"), holdfast.Tuning{Isolate: []string{"hosts[b]"}})
	require.NoError(t, hosts.Overflow().Do(t.Context(), succeed))
	require.Equal(t, []string{"hosts"}, b.bound)
	require.EqualValues(t, 3, b.calls.Load())
	var told []string
	for _, e := range events {
		require.Equal(t, "hosts", e.Pipeline)
		told = append(told, e.Key+" "+e.Kind.String())
	}
	require.Equal(t, []string{"a attempt", "a breaker", "a give_up", "a call", "b attempt", "b call", "b update", " attempt", " call"}, told)
}

func TestWhoWatchesTheFrontHearsOfAllKeys(t *testing.T) {
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, plain(1), openFor(time.Hour))
	require.Error(t, hosts.Do(t.Context(), "a", flake))
	b := &bindable{}
	stop := hosts.Total().Watch(b)
	require.ErrorIs(t, hosts.Do(t.Context(), "a", succeed), breaker.ErrOpen, "it is the same breaker")
	require.NoError(t, hosts.Do(t.Context(), "b", succeed))
	require.EqualValues(t, 2, b.calls.Load())
	require.Equal(t, []string{"hosts"}, b.bound)

	own := &bindable{} // one key alone
	defer hosts.Get("b").Watch(own)()
	stop()
	require.NoError(t, hosts.Do(t.Context(), "b", succeed))
	require.EqualValues(t, 2, b.calls.Load())
	require.EqualValues(t, 1, own.calls.Load())
}

// Watch and its stop are no update: what an operator tuned by hand stays.
func TestWhoWatchesChangesNoKey(t *testing.T) {
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, budget.Config{}, plain(1), breaker.Config{})
	a := hosts.Get("a")
	tune(t, a, holdfast.Tuning{
		Budget: func(c *budget.Config) { c.Ratio = 0.5 }, Isolate: []string{"hosts[a]"},
	})
	before := a.Snapshot()
	b := &bindable{}
	stop := hosts.Total().Watch(b)
	require.Same(t, a, hosts.Get("a"))
	require.Equal(t, before, a.Snapshot())
	require.ErrorIs(t, a.Do(t.Context(), succeed), breaker.ErrOpen)
	require.EqualValues(t, 1, b.calls.Load(), "though it was moved to the new observers")
	stop()
	require.InDelta(t, 0.5, hosts.Get("a").Budget().Config().Ratio, 0)
	a.Watch(deafObserver)()
	require.InDelta(t, 0.5, hosts.Get("a").Budget().Config().Ratio, 0, "of one key either")
	require.NoError(t, hosts.Update(budget.Config{}, plain(1), breaker.Config{}))
	require.InDelta(t, 0.1, hosts.Get("a").Budget().Config().Ratio, 0, "an update sets what its stages say")
}

// An Update of one key's pipeline lasts until the next Get of the key. Its event has the Keyed's
// name and the key.
func TestAKeysPipelineFollowsTheKeyed(t *testing.T) {
	var told []string
	hear := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		told = append(told, e.Pipeline+" "+e.Key+" "+e.Kind.String())
	})
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, plain(1))
	a := hosts.Get("a")
	require.NoError(t, a.Update(holdfast.Observe(hear), plain(7)))
	require.Equal(t, []string{"hosts a update"}, told)
	require.Contains(t, a.String(), "retry 7×")
	require.Same(t, a, hosts.Get("a"))
	require.Contains(t, a.String(), "retry 1×")
	require.NoError(t, a.Do(t.Context(), succeed))
	require.Len(t, told, 1)

	require.NoError(t, a.Update(plain(7)))
	require.NoError(t, hosts.Update(plain(3))) // as many updates as a had
	require.Contains(t, hosts.Get("a").String(), "retry 3×")
}

func TestUpdateMovesEveryKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told diary
		bank := budget.Config{Burst: 4, Floor: -1}
		hosts := newKeyed[string](t, holdfast.KeyedConfig{}, holdfast.Observe(&told), bank, plain(1), openFor(time.Hour))
		require.Error(t, hosts.Do(t.Context(), "a", flake))
		require.NoError(t, hosts.Do(t.Context(), "b", succeed))
		a := hosts.Get("a")
		before := hosts.Total().Snapshot()

		err := hosts.Update(bank, plain(-9))
		require.ErrorContains(t, err, "hosts: stage 2: retry: MaxRetries is -9")
		require.Equal(t, before, hosts.Total().Snapshot(), "a refused update changes nothing")
		require.Contains(t, hosts.Get("a").String(), "retry 1×")

		bank.Burst = 7
		told.take()
		require.NoError(t, hosts.Update(holdfast.Observe(&told), bank, plain(2), openFor(time.Hour)))
		require.Len(t, told.take(), 1, "told once")
		require.Same(t, a, hosts.Get("a"))
		require.Contains(t, a.String(), "retry 2×")
		require.Equal(t, breaker.StateOpen, a.Snapshot().Breakers[0].State)
		require.Equal(t, 7, a.Snapshot().Budget.Burst)
		require.EqualValues(t, 4, a.Budget().Tokens(), "a budget keeps its bank")
		require.Equal(t, 7, hosts.Get("new").Budget().Config().Burst)
		require.Empty(t, told.take())

		require.NoError(t, hosts.Update(plain(2), openFor(time.Minute)))
		require.Nil(t, hosts.Get("a").Budget())
		require.Equal(t, breaker.StateOpen, a.Breakers()[0].State())
		require.LessOrEqual(t, a.Breakers()[0].RetryAfter(), 75*time.Second, "but not for longer than the new numbers say")
	})
}

// keyedDoor is a Guard that admits every call.
type keyedDoor struct{}

func (*keyedDoor) Wrap(next resilience.Func) resilience.Func { return next }
func (*keyedDoor) Acquire(context.Context) error             { return nil }
func (*keyedDoor) Release(context.Context, error)            {}

// A user's own stage may fail to build after NewKeyed has accepted it.
type moody struct{ fails, panics *bool }

func (m moody) Build() (resilience.Policy, error) {
	if *m.panics {
		panic("no")
	}
	if *m.fails {
		return nil, errors.New("no")
	}
	return &keyedDoor{}, nil
}

func TestAStageThatCannotBeBuiltAnyMore(t *testing.T) {
	var fails, panics bool
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, moody{&fails, &panics}, plain(1))
	b := hosts.Get("b")
	fails = true
	require.Same(t, hosts.Overflow(), hosts.Get("a"))
	fails, panics = false, true
	require.Same(t, hosts.Overflow(), hosts.Get("a"))
	require.EqualValues(t, 2, hosts.Stats().Unbuilt)
	_, ok := hosts.Peek("a")
	require.False(t, ok)
	panics = false
	require.NotSame(t, hosts.Overflow(), hosts.Get("a"))
	require.NoError(t, hosts.Update(moody{&fails, &panics}, plain(3)))
	fails = true
	require.Same(t, b, hosts.Get("b"))
	require.Contains(t, b.String(), "retry 1×", "it stays as it was")
	require.EqualValues(t, 3, hosts.Stats().Unbuilt)
	fails = false
	require.Contains(t, hosts.Get("b").String(), "retry 3×")
}

func TestLabels(t *testing.T) {
	type shard struct {
		Zone string
		N    int
	}
	require.Equal(t, "hosts[{eu 7}]", newKeyed[shard](t, holdfast.KeyedConfig{}, plain(1)).Get(shard{"eu", 7}).Name())
	require.Equal(t, "hosts[1m0s]", newKeyed[time.Duration](t, holdfast.KeyedConfig{}, plain(1)).Get(time.Minute).Name())

	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, plain(1))
	require.Equal(t, `hosts["a\nb"]`, hosts.Get("a\nb").Name(), "no key writes lines of its own into a log")
	require.Equal(t, `hosts["\xff"]`, hosts.Get("\xff").Name())
	require.Equal(t, "hosts[]", hosts.Get("").Name())
	require.Equal(t, "hosts["+strings.Repeat("x", 128)+"…]", hosts.Get(strings.Repeat("x", 1<<20)).Name())
	require.Equal(t, "hosts["+strings.Repeat("x", 127)+"…]", hosts.Get(strings.Repeat("x", 127)+"äää").Name())

	fail := true
	secret := newKeyed[string](t, holdfast.KeyedConfig{Label: func(key any) string {
		if fail {
			panic("no label")
		}
		return fmt.Sprintf("tenant %d", len(key.(string)))
	}}, plain(1))
	require.PanicsWithValue(t, "no label", func() { secret.Get("s3cret") })
	fail = false
	require.Equal(t, "hosts[tenant 6]", secret.Get("s3cret").Name(), "the panic left no lock held")
}

func TestKeysThatAreNotLikeOthers(t *testing.T) {
	floats := newKeyed[float64](t, holdfast.KeyedConfig{Size: 10}, plain(1))
	for range 1000 {
		require.Equal(t, "hosts[NaN]", floats.Get(math.NaN()).Name())
	}
	require.LessOrEqual(t, floats.Len(), 10, "what is never found again is dropped all the same")
	require.Same(t, floats.Get(0), floats.Get(math.Copysign(0, -1)), "0 and -0 are equal")

	anything := newKeyed[any](t, holdfast.KeyedConfig{}, plain(1))
	require.NotSame(t, anything.Get(1), anything.Get("1"))
	require.Panics(t, func() { anything.Get([]int{1}) }, "as in a map")
	require.NotNil(t, anything.Get(2), "and no lock is held")
}
