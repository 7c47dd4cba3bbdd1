package bulkhead

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

// inFlight is a pipeline with so many calls in flight, all at their first attempt.
type inFlight int

func (n inFlight) InFlight() (calls, firsts int) { return int(n), int(n) }

// linked returns the bulkhead of a pipeline with so many calls in flight.
func linked(t *testing.T, c Config, n inFlight) (b *Bulkhead, again func() *Bulkhead) {
	t.Helper()
	row, errs := stage.Read([]resilience.Stage{c})
	require.Empty(t, errs)
	p, err := c.Build()
	require.NoError(t, err)
	at := stage.Place{Pipeline: "p", Row: row, Policies: []resilience.Policy{p}, Calls: n}
	b, ok := at.Link().(*Bulkhead)
	require.True(t, ok)
	return b, func() *Bulkhead {
		at := at
		at.Policies = []resilience.Policy{b}
		other, ok := at.Link().(*Bulkhead)
		require.True(t, ok)
		return other
	}
}

var (
	errLate  = resilience.MarkOverload(errors.New("503"), 0)
	errQuick = resilience.MarkTransient(errors.New("refused"))
)

func TestTheFirstSlowFailureMakesTheState(t *testing.T) {
	b, again := linked(t, Config{Adaptive: &Adaptive{SlowFailures: 2}}, 20)
	pass := func(b *Bulkhead, err error) {
		e := b.Enter(mono.At(mono.Now()))
		require.True(t, e.OK())
		b.Leave(t.Context(), &e, err)
		require.False(t, e.OK())
	}
	for _, err := range []error{nil, errQuick, resilience.MarkPermanent(errQuick), resilience.MarkRejected(errQuick), context.Canceled} {
		pass(b, err)
	}
	e := b.Enter(mono.Began{})
	b.Abort(&e)
	require.False(t, e.OK())
	require.Equal(t, Stats{Adaptive: true, InUse: 20}, b.Stats())
	require.Equal(t, stage.Plain, worth(b))
	require.Nil(t, b.shared.Load())

	other := again() // as an update makes it
	early := b.Enter(mono.At(mono.Now()))
	pass(b, errLate)
	require.NotNil(t, b.shared.Load())
	require.Same(t, b.shared.Load(), other.shared.Load(), "what one learns, the other knows")
	pass(other, nil) // ends the row
	pass(b, errLate)
	require.Zero(t, other.Stats().Limit)
	pass(other, errLate)
	require.Equal(t, 14, b.Stats().Limit)
	before := b.shared.Load().limiter.Load().older.Load()
	b.Leave(t.Context(), &early, nil) // it began when there was no state
	require.Equal(t, before-1, b.shared.Load().limiter.Load().older.Load())
}

func TestWhoCountsHasAStateAtOnce(t *testing.T) {
	for name, c := range map[string]Config{
		"not adaptive":   {},
		"MaxConcurrent":  {MaxConcurrent: 5, Adaptive: &Adaptive{}},
		"looks at times": {Adaptive: &Adaptive{Times: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := linked(t, c, 1)
			require.NotNil(t, b.shared.Load())
			require.Equal(t, b.looks, b.shared.Load().times != nil)
		})
	}
	adaptive := Config{Adaptive: &Adaptive{}}
	b, err := New(adaptive)
	require.NoError(t, err)
	require.NotNil(t, b.shared.Load(), "used by hand")
	p, err := adaptive.Build()
	require.NoError(t, err)
	alone := p.(*Bulkhead) //nolint:forcetypeassert,errcheck // Build returns nothing else
	require.Nil(t, alone.shared.Load())
	require.NoError(t, alone.Acquire(t.Context()))
	require.Equal(t, Stats{Adaptive: true, InUse: 1}, alone.Stats())
	alone.Release(t.Context(), nil)
	require.Zero(t, alone.Stats().InUse)
	p, err = adaptive.Build()
	require.NoError(t, err)
	require.NoError(t, resilience.Chain(p).Wrap(func(context.Context) error {
		require.Equal(t, 1, p.(*Bulkhead).Stats().InUse) //nolint:forcetypeassert // as above
		return nil
	})(t.Context()))
}

// However many slow failures come first at once, all are in one row.
func TestOneStateIsMade(t *testing.T) {
	const calls = 64
	for range 50 {
		b, again := linked(t, Config{Adaptive: &Adaptive{SlowFailures: calls}}, calls)
		places := []*Bulkhead{b, again()}
		var entered, wg sync.WaitGroup
		entered.Add(calls)
		for i := range calls {
			wg.Go(func() {
				b := places[i%2]
				e := b.Enter(mono.At(mono.Now()))
				entered.Done()
				entered.Wait()
				b.Leave(context.Background(), &e, errLate)
			})
		}
		wg.Wait()
		s := b.Stats()
		require.EqualValues(t, calls, b.shared.Load().row.Load())
		require.EqualValues(t, 1, s.Cuts)
		require.Equal(t, "64 slow failures in a row", s.Why)
		require.Equal(t, s.Cuts, places[1].Stats().Cuts)
	}
}

// Two calls that end at once may both take themselves for the last that nobody counted.
func TestNoMoreOfThoseWhomNobodyCountedEndThanThereWere(t *testing.T) {
	s, by := &state{}, settingsOf(Config{MaxConcurrent: 3})
	s.older.calls.Store(1)
	for range 2 {
		s.endOlder(by)
		require.Zero(t, s.older.calls.Load())
		require.EqualValues(t, 3, s.most.Load())
	}
}

// A limit is needed as long as it refuses calls, also those for which its queue has no room.
func TestAFullQueueNeedsItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := New(Config{MaxWait: time.Minute, QueueLimit: 1, Adaptive: &Adaptive{SlowFailures: 1, CalmFor: time.Second}})
		require.NoError(t, err)
		require.NoError(t, b.Acquire(t.Context()))
		b.Release(t.Context(), errLate)
		require.NoError(t, b.Acquire(t.Context()))
		waited := make(chan error)
		go func() { waited <- b.Acquire(t.Context()) }()
		time.Sleep(time.Second + 1)
		require.False(t, b.Stats().binds)
		require.ErrorIs(t, b.Acquire(t.Context()), ErrFull)
		require.True(t, b.Stats().binds)
		b.Release(t.Context(), nil)
		require.NoError(t, <-waited)
		b.Release(t.Context(), nil)
	})
}
