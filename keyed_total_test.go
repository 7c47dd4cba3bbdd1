package holdfast_test

import (
	"context"
	"errors"
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

// A call through the total is a mistake: it has no key, and so no breaker or budget of its own.
func TestATotalRunsNothing(t *testing.T) {
	var told diary
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, holdfast.Observe(&told), plain(1), openFor(time.Hour))
	total := hosts.Total()
	const want = "holdfast: hosts is the total over all keys of a Keyed, and runs nothing; " +
		"want the pipeline of a key (Keyed.Get) or Keyed.Overflow"
	op := func(context.Context) error { t.Error("the op ran"); return nil }
	require.EqualError(t, total.Do(t.Context(), op), want)
	require.EqualError(t, total.Wrap(op)(t.Context()), want)
	_, err := holdfast.Value(t.Context(), total, func(context.Context) (int, error) { return 1, op(nil) })
	require.EqualError(t, err, want)
	s := holdfast.Check(t.Context(), total, op)
	require.Equal(t, holdfast.Unhealthy, s.State)
	require.Equal(t, want, s.Why)
	require.Zero(t, total.Snapshot().Calls)
	require.Empty(t, told.take())
}

func TestATotalCountsTheOverflowToo(t *testing.T) {
	hosts := newKeyed[int](t, holdfast.KeyedConfig{Size: 1}, openFor(time.Hour))
	require.Error(t, hosts.Do(t.Context(), 1, flake))
	require.NoError(t, hosts.Do(t.Context(), 2, succeed))
	require.Error(t, hosts.Overflow().Do(t.Context(), flake))
	require.EqualValues(t, 2, hosts.Overflow().Snapshot().Calls)
	s := hosts.Total().Snapshot()
	require.EqualValues(t, 3, s.Calls)
	require.EqualValues(t, 2, s.Failed)
	require.EqualValues(t, 1, s.Keys.Overflowed, "a Get that found no room")
	require.Nil(t, hosts.Overflow().Snapshot().Keys)
	require.Equal(t, uint64(2), holdfast.Check(t.Context(), hosts.Total(), nil).Recent.Failed)
	require.Nil(t, holdfast.Check(t.Context(), hosts.Overflow(), nil).Recent, "the total remembers them")
}

// A total reports only the stages that all keys share.
func TestATotalShowsTheSharedStagesOnly(t *testing.T) {
	bank, err := budget.New(budget.Config{Burst: 7})
	require.NoError(t, err)
	door, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 3})
	require.NoError(t, err)
	adaptive := retry.Config{Adaptive: &retry.Adaptive{}}
	own := newKeyed[string](t, holdfast.KeyedConfig{}, budget.Config{}, adaptive, breaker.Config{}, bulkhead.Config{MaxConcurrent: 3})
	shared := newKeyed[string](t, holdfast.KeyedConfig{}, bank, adaptive, breaker.Config{}, door)
	for _, hosts := range []*holdfast.Keyed[string]{own, shared} {
		require.NoError(t, hosts.Do(t.Context(), "a", succeed))
		require.Equal(t, "hosts"+hosts.Get("a").String()[len("hosts[a]"):], hosts.Total().String(), "it has all stages")
		require.Len(t, hosts.Total().Stages(), 4)
	}
	s := own.Total().Snapshot()
	require.Nil(t, s.Budget)
	require.Empty(t, s.Bulkheads)
	require.Empty(t, s.Breakers)
	require.Nil(t, s.Learned)
	require.Nil(t, own.Total().Budget())

	s = shared.Total().Snapshot()
	require.Equal(t, 7, s.Budget.Burst)
	require.Len(t, s.Bulkheads, 1)
	require.Empty(t, s.Breakers)
	require.Same(t, bank, shared.Total().Budget())
}

func TestATotalTunesTheSharedStagesOnly(t *testing.T) {
	shared, err := breaker.New(breaker.Config{Name: "shared"})
	require.NoError(t, err)
	bank, err := budget.New(budget.Config{})
	require.NoError(t, err)
	half := func(c *budget.Config) { c.Ratio = 0.5 }

	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, budget.Config{}, plain(1), breaker.Config{})
	_, err = hosts.Total().Tune(t.Context(), holdfast.Tuning{Budget: half, Isolate: []string{"hosts"}})
	require.EqualError(t, err, `hosts: Tuning: Isolate names breaker "hosts"; the keys share no breaker; tune the pipeline of a key (Keyed.Get), or Keyed.Overflow
hosts: Tuning: Budget is set; the keys share no budget to change; tune the pipeline of a key (Keyed.Get), or Keyed.Overflow`)

	hosts = newKeyed[string](t, holdfast.KeyedConfig{}, bank, plain(1), breaker.Config{}, shared)
	_, err = hosts.Total().Tune(t.Context(), holdfast.Tuning{Isolate: []string{"hosts"}})
	require.EqualError(t, err, `hosts: Tuning: Isolate names breaker "hosts"; want one of "shared"`)
	changes, err := hosts.Total().Tune(t.Context(), holdfast.Tuning{Budget: half, Isolate: []string{"shared"}})
	require.NoError(t, err)
	require.Len(t, changes, 2)
	require.ErrorIs(t, hosts.Do(t.Context(), "a", succeed), breaker.ErrOpen)
	require.InDelta(t, 0.5, hosts.Get("a").Budget().Config().Ratio, 0)
}

// The overflow's name is unlike any key's, and it follows the total as a key does.
func TestAnOverflowFollowsTheTotal(t *testing.T) {
	var events []resilience.Event
	hear := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) { events = append(events, e) })
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, plain(1), openFor(time.Hour))
	overflow := hosts.Overflow()
	require.Equal(t, "hosts (overflow)", overflow.Name())
	require.Equal(t, "hosts[ (overflow)]", hosts.Get(" (overflow)").Name())
	stop := hosts.Total().Watch(hear)
	require.Same(t, overflow, hosts.Overflow())
	require.Error(t, overflow.Do(t.Context(), flake))
	require.NotEmpty(t, events)
	for _, e := range events {
		require.Equal(t, "hosts", e.Pipeline)
		require.Empty(t, e.Key)
	}
	stop()
	events = nil
	require.NoError(t, hosts.Update(budget.Config{Burst: 7}, plain(3)))
	require.Equal(t, 7, hosts.Overflow().Budget().Config().Burst)
	require.Contains(t, overflow.String(), "retry 3×")
	require.NoError(t, hosts.Overflow().Do(t.Context(), succeed))
	require.Empty(t, events)
}

// once is a stage that can be built only once: for the total, and not for a key.
type once struct{ built *bool }

func (o once) Build() (resilience.Policy, error) {
	if *o.built {
		return nil, errors.New("no")
	}
	*o.built = true
	return &keyedDoor{}, nil
}

func TestNewKeyedSaysThatAnOverflowCannotBeBuilt(t *testing.T) {
	b := &bindable{}
	_, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, holdfast.Observe(b), once{new(bool)}, plain(1))
	require.EqualError(t, err, "hosts (overflow): stage 1: no")
	require.Empty(t, b.bound)
}

// Its breaker counts, and does not open by itself, also after an update.
func TestAnOverflowsBreakerOpensByHandOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := newKeyed[string](t, holdfast.KeyedConfig{}, openFor(time.Hour))
		for _, stage := range []resilience.Stage{openFor(time.Hour), openFor(time.Minute), openFor(time.Minute)} {
			overflow := hosts.Overflow()
			for range 100 {
				require.ErrorIs(t, overflow.Do(t.Context(), flake), errFlaky)
			}
			require.Equal(t, breaker.StateClosed, overflow.Snapshot().Breakers[0].State)
			require.NoError(t, hosts.Update(stage))
		}
		tune(t, hosts.Overflow(), holdfast.Tuning{Isolate: []string{"hosts (overflow)"}})
		require.ErrorIs(t, hosts.Overflow().Do(t.Context(), succeed), breaker.ErrOpen)
	})
}

// All keys share a loop that does not learn, and so its queue: the Total knows how many calls wait.
func TestTheTotalKnowsHowManyCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := retry.Config{Patient: true, QueueLimit: 3}
		hosts := newKeyed[string](t, holdfast.KeyedConfig{}, budget.Config{Initial: -1, Floor: -1}, loop)
		var calls sync.WaitGroup
		for _, key := range []string{"a", "b", "c", "d"} {
			calls.Go(func() { _ = hosts.Get(key).Do(t.Context(), down) })
		}
		<-time.After(200 * time.Millisecond)
		for _, s := range []holdfast.Snapshot{hosts.Total().Snapshot(), hosts.Snapshot(), hosts.Get("a").Snapshot()} {
			require.Equal(t, &retry.Waits{Waiting: 3, QueueLimit: 3}, s.Waits)
		}
		require.Contains(t, holdfast.Check(t.Context(), hosts.Total(), nil).Why, "3 calls wait for what was refused to them, as many as may")
		calls.Wait()
		require.Equal(t, &retry.Waits{QueueLimit: 3}, hosts.Total().Snapshot().Waits)

		require.NoError(t, hosts.Update(retry.Config{Patient: true, QueueLimit: -1}))
		require.Equal(t, &retry.Waits{}, hosts.Total().Snapshot().Waits, "any number")
		require.NoError(t, hosts.Update(retry.Config{}))
		require.Nil(t, hosts.Total().Snapshot().Waits)
	})
}
