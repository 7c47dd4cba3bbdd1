package fleet_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// gradual is a breaker whose pauses follow its failures, as that of the presets.
var gradual = breaker.Config{MinOpenFor: 100 * time.Millisecond, OpenFor: 2 * time.Second}

// A breaker with MinOpenFor asks by itself at first. In a longer outage one pod asks for all.
func TestOneProbesForBreakersWithAMinOpenFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pods, rate = 50, 4
		w := newWorld(t, pods, rate, gradual, fleet.InProcess())
		defer w.end()
		time.Sleep(10 * time.Second)
		w.backend.down.Store(true)
		time.Sleep(4 * time.Second)
		w.backend.take()
		time.Sleep(time.Second)
		require.Greater(t, len(w.backend.take()), pods/2, "at first each asks by itself")
		time.Sleep(5 * time.Second)
		w.backend.take()
		probes, seconds := map[int]int64{}, 20
		for range seconds {
			time.Sleep(time.Second)
			for pod, n := range w.backend.take() {
				probes[pod] += n
			}
		}
		t.Logf("%d probes of %d pods in %d s", sumOf(probes), len(probes), seconds)
		require.Less(t, sumOf(probes), int64(seconds*5))
		require.Greater(t, sumOf(probes), int64(seconds/2))
		require.Greater(t, len(probes), seconds/2, "another pod after each failure")

		w.backend.down.Store(false)
		t.Logf("all closed after %v", w.settle(breaker.StateClosed, 10*time.Second))
		w.goodput()
		time.Sleep(10 * time.Second)
		require.Equal(t, 1.0, w.goodput())
	})
}

// slowLease is a Transport that answers about the lease after a while, whatever ctx says.
type slowLease struct {
	fleet.Transport
	after   time.Duration
	granted atomic.Int64
}

func (s *slowLease) Acquire(ctx context.Context, room, pod string, ttl time.Duration) (uint64, error) {
	epoch, err := s.Transport.Acquire(ctx, room, pod, ttl)
	if epoch > 0 {
		s.granted.Add(1)
		time.Sleep(s.after)
	}
	return epoch, err
}

// A pod counts its time from its question: an answer that comes when the lease is over is none.
func TestALeaseThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowLease{Transport: fleet.InProcess(), after: 3 * time.Second}
		w := newWorld(t, 5, 10, breaker.Config{HalfOpenProbes: 1, MaxOpenFor: 5 * time.Second}, store)
		defer w.end()
		time.Sleep(10 * time.Second)
		w.backend.down.Store(true)
		for range 200 {
			time.Sleep(100 * time.Millisecond)
			for _, p := range w.pods {
				for _, s := range p.fleet.Stats().Services {
					require.False(t, s.Probes)
				}
			}
		}
		require.Positive(t, store.granted.Load())
		w.backend.down.Store(false)
		w.settle(breaker.StateClosed, 20*time.Second)
	})
}

// A holder that no longer hears from the store probes until its lease is over, and no longer. Then
// it goes by itself.
func TestAHolderWithoutAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		w := newWorld(t, 5, 10, breaker.Config{HalfOpenProbes: 1, OpenFor: time.Second, MaxOpenFor: time.Second}, store)
		defer w.end()
		time.Sleep(10 * time.Second)
		w.backend.down.Store(true)
		holder := -1
		for began := time.Now(); holder < 0; time.Sleep(10 * time.Millisecond) {
			require.Less(t, time.Since(began), time.Minute)
			for i, p := range w.pods {
				if s := p.fleet.Stats().Services; len(s) > 0 && s[0].Probes {
					holder = i
				}
			}
		}
		store.fault.Store(faults()["gone"])
		time.Sleep(3 * time.Second)
		w.backend.take()
		time.Sleep(300 * time.Millisecond)
		require.Zero(t, w.backend.take()[holder], "its lease is over")
		time.Sleep(3 * time.Second)
		require.Positive(t, w.backend.take()[holder], "it goes by itself")
		store.fault.Store(nil)
		w.backend.down.Store(false)
		w.settle(breaker.StateClosed, 20*time.Second)
	})
}

// What a former holder tells does not let the others probe.
func TestAFormerHolderTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleet.InProcess()
		w := newWorld(t, 20, 4, breaker.Config{HalfOpenProbes: 1}, store)
		defer w.end()
		time.Sleep(10 * time.Second)
		w.backend.down.Store(true)
		time.Sleep(10 * time.Second)
		for range 20 {
			require.NoError(t, store.Tell(t.Context(), "shop/checkout", fleet.Told{Pod: "former", Epoch: 1, Good: true}))
			w.backend.take()
			time.Sleep(time.Second)
			require.LessOrEqual(t, len(w.backend.take()), 2)
		}
	})
}

// The presets, as users run them: a fleet costs them no calls in an outage, and spares the
// dependency most of the probes.
func TestPresetsInAFleet(t *testing.T) {
	for name, preset := range map[string]func() []resilience.Stage{"standard": holdfast.Standard, "critical": holdfast.Critical} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldOf(t, 50, 2, preset, fleet.InProcess())
				defer w.end()
				time.Sleep(10 * time.Second)
				w.backend.down.Store(true)
				time.Sleep(10 * time.Second)
				w.backend.take()
				time.Sleep(20 * time.Second)
				require.Less(t, sumOf(w.backend.take()), int64(200), "2000 calls began")
				w.backend.down.Store(false)
				w.settle(breaker.StateClosed, 15*time.Second)
				w.goodput()
				time.Sleep(10 * time.Second)
				require.Equal(t, 1.0, w.goodput())
			})
		})
	}
}
