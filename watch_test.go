package holdfast_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
)

func succeed(context.Context) error { return nil }

// bindable is a PipelineObserver that counts the pipelines it was bound to.
type bindable struct {
	bound []string
	calls atomic.Int64
	deaf  bool
}

func (*bindable) Observe(context.Context, resilience.Event) {
	panic("an unbound observer heard something")
}

func (b *bindable) ForPipeline(p *holdfast.Pipeline) resilience.Observer {
	p.Snapshot() // may be read at once
	b.bound = append(b.bound, p.Name())
	if b.deaf {
		return nil
	}
	return resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventCall {
			b.calls.Add(1)
		}
	})
}

func TestAnObserverIsBoundToItsPipelines(t *testing.T) {
	var plainly diary
	b := &bindable{}
	together := resilience.Observers(&plainly, b) // also when it hides among others
	_, err := holdfast.New("wrong", holdfast.Observe(together))
	require.Error(t, err)
	require.Empty(t, b.bound, "a pipeline that was refused binds nothing")

	p := newPipeline(t, holdfast.Observe(together), plain(1))
	require.Equal(t, []string{p.Name()}, b.bound)
	require.NoError(t, p.Do(t.Context(), succeed))
	require.Equal(t, int64(1), b.calls.Load())
	require.Len(t, plainly.take(), 2)

	require.NoError(t, p.Update(holdfast.Observe(b), plain(2)))
	require.Equal(t, []string{p.Name(), p.Name()}, b.bound)
	require.NoError(t, p.Do(t.Context(), succeed))
	require.Equal(t, int64(2), b.calls.Load())
	require.Empty(t, plainly.take(), "the update left it out")

	require.NoError(t, p.Update(plain(2)))
	require.NoError(t, p.Do(t.Context(), succeed))
	require.Equal(t, int64(2), b.calls.Load())
}

func TestAnObserverMayDeclineAPipeline(t *testing.T) {
	p := newPipeline(t, holdfast.Observe(&bindable{deaf: true}), plain(1))
	require.NoError(t, p.Do(t.Context(), succeed))
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var named, first, second diary
		trip := breaker.Config{ConsecutiveFailures: 1}
		p := newPipeline(t, holdfast.Observe(&named), plain(1), trip)
		require.Error(t, p.Do(t.Context(), func(context.Context) error { return errFlaky }))
		named.take()

		stopFirst, stopSecond := p.Watch(&first), p.Watch(&second)
		require.Equal(t, breaker.StateOpen, p.Snapshot().Breakers[0].State, "the stages are the same ones")
		require.ErrorIs(t, p.Do(t.Context(), succeed), breaker.ErrOpen)
		heard := named.take()
		require.NotEmpty(t, heard)
		require.Equal(t, heard, first.take())
		require.Equal(t, heard, second.take())

		require.NoError(t, p.Update(plain(1), trip))
		require.Equal(t, []string{"update attempt=0 success"}, first.take(), "a watcher stays through an update")
		second.take()

		stopFirst()
		stopFirst() // a second time does nothing
		require.ErrorIs(t, p.Do(t.Context(), succeed), breaker.ErrOpen)
		require.Empty(t, first.take())
		require.NotEmpty(t, second.take())
		require.Empty(t, named.take(), "the update left it out")

		stopSecond()
		require.ErrorIs(t, p.Do(t.Context(), succeed), breaker.ErrOpen)
		require.Empty(t, second.take())
		require.Equal(t, uint64(4), p.Snapshot().Calls, "nothing was forgotten")

		p.Watch(nil)()
		var none *bindable
		p.Watch(none)()
	})
}

func TestWatchOneObserverTwice(t *testing.T) {
	b := &bindable{}
	p := newPipeline(t, plain(1))
	stop := p.Watch(b)
	p.Watch(b)
	require.NoError(t, p.Do(t.Context(), succeed))
	require.Equal(t, int64(2), b.calls.Load())
	stop()
	require.NoError(t, p.Do(t.Context(), succeed))
	require.Equal(t, int64(3), b.calls.Load())
}

func TestWatchUnderLoad(t *testing.T) {
	const callers, calls = 4, 500
	p := newPipeline(t, budget.Config{}, plain(1), breaker.Config{})
	always := &bindable{}
	p.Watch(always)
	var working sync.WaitGroup
	for range callers {
		working.Go(func() {
			for range calls {
				_ = p.Do(context.Background(), succeed)
			}
		})
	}
	working.Go(func() {
		for range calls {
			p.Watch(&bindable{})()
		}
	})
	working.Wait()
	require.Equal(t, int64(callers*calls), always.calls.Load(), "no call is lost to those who stay")
	require.Equal(t, uint64(callers*calls), p.Snapshot().Calls)
	require.Zero(t, p.Snapshot().Live)
}

// latencyOnly is a Selective that does not want a breaker's changes.
type latencyOnly struct{ calls atomic.Int64 }

func (*latencyOnly) Hears(k resilience.EventKind) bool { return k == resilience.EventCall }

func (l *latencyOnly) Observe(_ context.Context, e resilience.Event) {
	if e.Kind == resilience.EventCall {
		l.calls.Add(1)
	}
}

// A shared breaker's change is kept for an observer that wants it, even if the next call comes
// through a pipeline whose observer does not.
func TestAChangeIsKeptForAnObserverThatCares(t *testing.T) {
	shared, err := breaker.New(breaker.Config{ConsecutiveFailures: 1})
	require.NoError(t, err)
	var heard []resilience.Event
	log := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventBreaker {
			heard = append(heard, e)
		}
	})
	logged := newPipeline(t, holdfast.Observe(log), shared)
	watched := newPipeline(t, shared)
	var deaf, deafToo latencyOnly
	defer watched.Watch(&deaf)()
	defer watched.Watch(&deafToo)()

	require.Error(t, watched.Do(t.Context(), func(context.Context) error { return errFlaky }))
	require.Empty(t, heard)
	require.ErrorIs(t, logged.Do(t.Context(), succeed), breaker.ErrOpen)
	require.Len(t, heard, 1)
	require.Equal(t, resilience.StateOpen, heard[0].To)
	require.Equal(t, int64(1), deaf.calls.Load())
}
