package holdfast_test

import (
	"context"
	"fmt"
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
	"github.com/media-gateway/holdfast/resilience/retry"
)

// kept returns how many of the keys from 0 to n have a pipeline.
func kept(k *holdfast.Keyed[int], n int) (found int) {
	for key := range n {
		if _, ok := k.Peek(key); ok {
			found++
		}
	}
	return found
}

func TestKeysInUseStayWhileNewOnesComeAndGo(t *testing.T) {
	for _, size := range []int{2, 10, 100, 400} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			k := newKeyed[int](t, holdfast.KeyedConfig{Size: size}, holdfast.Standard()...)
			used := size / 2
			for i := range 10 * size {
				if i%(size/2) == 0 {
					for key := range used {
						k.Get(key)
					}
					require.LessOrEqual(t, k.Len(), size)
				}
				k.Get(1_000_000 + i)
			}
			require.Equal(t, used, kept(k, used))
			require.Equal(t, size, k.Len())
			s := k.Stats()
			require.EqualValues(t, used+10*size, s.Misses, "none of the keys in use was ever missed")
			require.EqualValues(t, used+10*size-size, s.EvictedForSize, "one for each that came when it was full")
		})
	}
}

func TestWhereAllKeysAreInUseOneOfThemMakesRoom(t *testing.T) {
	const size = 200
	k := newKeyed[int](t, holdfast.KeyedConfig{Size: size}, plain(1))
	for range 2 {
		for key := range size {
			k.Get(key)
		}
	}
	require.NotSame(t, k.Overflow(), k.Get(size))
	require.Equal(t, size-1, kept(k, size))
	for range 100 { // the new one in its turn
		k.Get(size)
		k.Get(size + 1)
		require.NotSame(t, k.Overflow(), k.Get(size+2))
	}
	require.Zero(t, k.Stats().Overflowed)
}

// An open breaker is not evicted before it is due to probe, and an isolated one never, no matter
// what other keys do.
func TestAFloodOfNewKeysResetsNoOpenBreaker(t *testing.T) {
	for name, op := range map[string]resilience.Func{"that succeed": succeed, "that fail": flake} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const size = 50
				trip := breaker.Config{ConsecutiveFailures: 3, OpenFor: time.Minute}
				k := newKeyed[int](t, holdfast.KeyedConfig{Size: size}, trip)
				tune(t, k.Get(-2), holdfast.Tuning{Isolate: []string{"hosts[-2]"}})
				for range 3 {
					_ = k.Do(t.Context(), -1, flake)
				}
				victim := k.Get(-1)
				for i := range 20 * size {
					for range 1 + i%4 { // a few calls each: some breakers open, some do not
						_ = k.Do(t.Context(), i, op)
					}
					if i%size == 0 {
						<-time.After(2 * time.Second) // 40s in all
					}
					require.LessOrEqual(t, k.Len(), size)
				}
				require.Same(t, victim, k.Get(-1))
				require.ErrorIs(t, k.Do(t.Context(), -1, succeed), breaker.ErrOpen)

				<-time.After(time.Hour) // they are all due, or were never open; only the isolated one still is
				for i := range 20 * size {
					require.NotSame(t, k.Overflow(), k.Get(1_000_000+i))
				}
				require.ErrorIs(t, k.Do(t.Context(), -2, succeed), breaker.ErrOpen)
			})
		})
	}
}

// When the breakers of all keys are open there is no room, until they are due to probe.
func TestWhenNoKeyMayBeEvictedTheOverflowServesNewOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 200 // more than a miss looks at
		k := newKeyed[int](t, holdfast.KeyedConfig{Size: size, Idle: -1}, openFor(time.Minute))
		for key := range size {
			require.ErrorIs(t, k.Do(t.Context(), key, flake), errFlaky)
		}
		for key := size; key < 2*size; key++ {
			require.Same(t, k.Overflow(), k.Get(key))
		}
		require.NoError(t, k.Do(t.Context(), size, succeed))
		require.ErrorIs(t, k.Do(t.Context(), size, flake), errFlaky)
		require.NoError(t, k.Do(t.Context(), size+1, succeed), "one new key's failure is no other's")
		tune(t, k.Overflow(), holdfast.Tuning{Isolate: []string{"hosts (overflow)"}})
		require.ErrorContains(t, k.Do(t.Context(), size+1, succeed), "hosts (overflow): circuit breaker is isolated by hand")
		tune(t, k.Overflow(), holdfast.Tuning{Reset: []string{"hosts (overflow)"}})
		s := k.Stats()
		require.Equal(t, size, s.Len)
		require.Equal(t, size, s.Open)
		require.Len(t, s.OpenKeys, 16)
		require.Len(t, k.Snapshot().Breakers, 16)
		require.EqualValues(t, size+4, s.Overflowed)
		require.Zero(t, s.EvictedForSize)

		<-time.After(5 * time.Minute / 4) // the longest that they may stay open
		require.NotSame(t, k.Overflow(), k.Get(size))
		require.Equal(t, size, k.Len())
	})
}

// An attacker may choose keys. No matter how many of them fail, with and without room, before and
// after an update, a good new key is never refused.
func TestAFloodOfFailingKeysGetsNoGoodNewKeyRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, flood = 100, 1000
		trip := breaker.Config{ConsecutiveFailures: 3, MinRequests: 3, SlowCallDuration: 1, OpenFor: time.Hour, MaxOpenFor: time.Hour}
		k := newKeyed[int](t, holdfast.KeyedConfig{Size: size, Idle: -1}, trip)
		good := 1_000_000
		for _, name := range []string{"new", "updated, same numbers", "updated, other numbers"} {
			for bad := range flood {
				for range 4 {
					_ = k.Do(t.Context(), bad, func(context.Context) error { <-time.After(2); return errFlaky })
				}
				good++
				require.NoError(t, k.Do(t.Context(), good, succeed), "%s, after %d bad ones", name, bad+1)
			}
			require.Equal(t, size, k.Stats().Open, "theirs are open")
			require.ErrorIs(t, k.Do(t.Context(), 0, succeed), breaker.ErrOpen, "and not forgotten")
			if name == "updated, same numbers" {
				trip.ConsecutiveFailures = 2
			}
			require.NoError(t, k.Update(trip))
		}
	})
}

// A pipeline with a half-open breaker or a spent budget is evicted after those that are as good as
// new.
func TestWhatHasLearnedSomethingGoesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 60
		k := newKeyed[int](t, holdfast.KeyedConfig{Size: size, Idle: -1},
			budget.Config{Burst: 1, Floor: -1}, retry.Config{MaxRetries: 1, BaseDelay: 1}, breaker.Config{ConsecutiveFailures: 4, OpenFor: time.Second})
		for range 4 {
			_ = k.Do(t.Context(), 0, flake) // opens, and spends
		}
		_ = k.Do(t.Context(), 1, flake) // spends
		<-time.After(5 * time.Second / 4)
		for i := range 10 * size {
			require.NoError(t, k.Do(t.Context(), 1000+i, succeed))
		}
		require.Equal(t, 2, kept(k, 2))
		require.Equal(t, breaker.StateHalfOpen, k.Get(0).Snapshot().Breakers[0].State)
		require.Zero(t, k.Get(1).Budget().Tokens())
	})
}

func TestAPipelineWithCallsInFlightIsNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 3
		k := newKeyed[int](t, holdfast.KeyedConfig{Size: size, Idle: time.Minute}, plain(1))
		leave := make(chan struct{})
		for key := range size {
			go func() {
				_ = k.Do(context.Background(), key, func(context.Context) error { <-leave; return nil })
			}()
		}
		synctest.Wait()
		<-time.After(time.Hour)
		require.Equal(t, size, k.Len(), "not for being idle either")
		require.Same(t, k.Overflow(), k.Get(size))
		require.EqualValues(t, size, k.Snapshot().Live)
		close(leave)
		synctest.Wait()
		require.NotSame(t, k.Overflow(), k.Get(size))
		require.Zero(t, k.Snapshot().Live)
	})
}

func TestIdleKeysAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeyed[int](t, holdfast.KeyedConfig{Idle: time.Minute}, openFor(time.Hour))
		for key := range 1000 {
			k.Get(key)
		}
		_ = k.Do(t.Context(), 0, flake)
		<-time.After(time.Minute)
		k.Get(1)
		require.Equal(t, 1000, k.Len(), "a minute is not longer than a minute")
		<-time.After(time.Second)
		require.Equal(t, 2, k.Len())
		require.Equal(t, 2, kept(k, 1000), "the one in use, and the one whose breaker is open")
		<-time.After(2 * time.Hour)
		require.Zero(t, k.Len())
		require.EqualValues(t, 1000, k.Stats().EvictedForIdle)

		// a miss looks at a few, so that they go also when nobody asks
		for key := range 100 {
			k.Get(key)
		}
		<-time.After(time.Hour)
		for key := range 20 {
			k.Get(1000 + key)
		}
		require.Zero(t, kept(k, 100))

		// in a full one, an idle key makes room for the new one
		full := newKeyed[int](t, holdfast.KeyedConfig{Size: 2, Idle: time.Minute}, plain(1))
		full.Get(0)
		full.Get(1)
		<-time.After(time.Hour)
		full.Get(2)
		require.Zero(t, full.Stats().EvictedForSize)
		require.EqualValues(t, 2, full.Stats().EvictedForIdle, "and Stats drops the other")

		never := newKeyed[int](t, holdfast.KeyedConfig{Idle: -1}, plain(1))
		never.Get(1)
		<-time.After(10_000 * time.Hour)
		never.Get(2)
		require.Equal(t, 2, never.Len())
	})
}

func TestNoCountIsLostWithAKey(t *testing.T) {
	k := newKeyed[int](t, holdfast.KeyedConfig{Size: 3}, retry.Config{MaxRetries: 1, BaseDelay: 1})
	old := k.Get(0)
	for key := range 100 {
		op, _ := failing(key%3, errFlaky) // 0: at once, 1: with a retry, 2: not at all
		_ = k.Do(t.Context(), key, op)
	}
	_, ok := k.Peek(0)
	require.False(t, ok)
	require.NoError(t, old.Do(t.Context(), succeed), "whoever has it may go on using it")
	s := k.Snapshot()
	require.EqualValues(t, 101, s.Calls)
	require.EqualValues(t, 33, s.Failed)
	require.EqualValues(t, 101+33+33, s.Attempts)
	require.Equal(t, map[resilience.Reason]uint64{resilience.ReasonExhausted: 33}, s.Denials)
	require.EqualValues(t, 2, old.Snapshot().Calls)
	require.Equal(t, "hosts", s.Name)
}

// Several floods at once, with and without failures, beside callers of a few good keys, updates,
// watchers and readers: the bound holds at every moment, an open breaker stays, and every call is
// counted.
func TestFloodsFromAllSides(t *testing.T) {
	const (
		size   = 64
		floods = 4
		calls  = 3000
	)
	k := newKeyed[int](t, holdfast.KeyedConfig{Size: size}, fastRetries(), openFor(time.Hour))
	require.Error(t, k.Do(t.Context(), -1, flake))
	victim := k.Get(-1)
	var made atomic.Uint64
	made.Add(1)
	var wg, readers sync.WaitGroup
	var over atomic.Bool
	for flood := range floods {
		wg.Go(func() {
			for i := range calls {
				op := succeed
				if flood == 0 && i%100 == 0 { // fewer than size in all, or there would be no room
					op = flake
				}
				_ = k.Do(context.Background(), flood*calls+i, op)
				made.Add(1)
			}
		})
	}
	wg.Go(func() { // all want the same new key at once
		for i := range calls {
			_ = k.Do(context.Background(), 1_000_000+i/2, succeed)
			made.Add(1)
		}
	})
	readers.Go(func() {
		for i := 0; !over.Load(); i++ {
			entries := 0
			for range k.All() {
				entries++
			}
			if entries > size {
				t.Errorf("%d pipelines, want %d at the most", entries, size)
			}
			before := made.Load()
			s := k.Snapshot()
			// Its counts are read one after the other: a call that begins in between is in one of
			// them only.
			if most := floods + 1 + made.Load() - before; s.Live > most {
				t.Errorf("%d calls in flight, want %d at the most", s.Live, most)
			}
			if err := k.Do(context.Background(), -1, succeed); err == nil {
				t.Error("the open breaker was forgotten")
			}
			made.Add(1)
			k.Stats()
		}
	})
	readers.Go(func() {
		for i := 0; !over.Load(); i++ {
			if err := k.Update(retry.Config{MaxRetries: 1 + i%3, BaseDelay: 1}, openFor(time.Hour)); err != nil {
				t.Error(err)
			}
			k.Total().Watch(deafObserver)()
		}
	})
	wg.Wait()
	over.Store(true)
	readers.Wait()
	require.Same(t, victim, k.Get(-1))
	s := k.Snapshot()
	require.Equal(t, made.Load(), s.Calls)
	require.Zero(t, s.Live)
	require.LessOrEqual(t, k.Len(), size)
}

var deafObserver = resilience.ObserverFunc(func(context.Context, resilience.Event) {})

// The table is read without a lock while it grows and shrinks. A key that is in it is always found,
// if need be under the lock.
func TestKeysAreFoundWhileTheTableGrows(t *testing.T) {
	const keys = 5000
	k := newKeyed[int](t, holdfast.KeyedConfig{Size: 2 * keys}, plain(1))
	first := make([]*holdfast.Pipeline, 10)
	for key := range first {
		first[key] = k.Get(-key)
	}
	var growing, wg sync.WaitGroup
	var over atomic.Bool
	growing.Go(func() {
		for key := range keys {
			k.Get(key + 1)
		}
	})
	for range 2 {
		wg.Go(func() {
			for !over.Load() {
				for key, p := range first {
					if k.Get(-key) != p {
						t.Errorf("key %d has another pipeline", -key)
					}
				}
			}
		})
	}
	growing.Wait()
	over.Store(true)
	wg.Wait()
	require.Equal(t, keys+len(first), k.Len())
	for key := range keys {
		p, ok := k.Peek(key + 1)
		require.True(t, ok)
		require.Equal(t, fmt.Sprintf("hosts[%d]", key+1), p.Name())
	}
}
