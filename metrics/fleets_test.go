package metrics_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// weakStore is a fleet's store that can be out of order.
type weakStore struct {
	fleet.Transport
	gone atomic.Bool
}

func (s *weakStore) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	if s.gone.Load() {
		return nil, errors.New("no store")
	}
	return s.Transport.Exchange(ctx, e)
}

// join makes a pod that follows breakers of these names.
func join(t *testing.T, store fleet.Transport, name string, breakers ...string) *fleet.Fleet {
	t.Helper()
	f, err := fleet.Join(t.Context(), store, name, fleet.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	for _, b := range breakers {
		f.Add(holdfast.Must(holdfast.New(b, breaker.Config{})))
	}
	return f
}

// readFleets returns the samples of all fleets, by fleet, name and labels.
func readFleets(t *testing.T, fs *metrics.Fleets) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	for name, samples := range fs.Read() {
		require.NotEmpty(t, samples)
		for _, s := range samples {
			require.Len(t, s.Values, len(s.Labels), s.Name)
			require.Equal(t, metrics.Fleet.Attribute, s.Subject().Attribute)
			key := strings.Join(append([]string{name, strings.TrimPrefix(s.Name, "holdfast.fleet.")}, s.Values...), " ")
			require.NotContains(t, got, key)
			got[key] = s.Value
		}
	}
	return got
}

func TestFleetsAreReadUntilTheyAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &metrics.Fleets{}
		require.Empty(t, fs.Read())
		fs.Add(nil)
		require.Empty(t, fs.Read())

		store := &weakStore{Transport: fleet.InProcess()}
		f, other := join(t, store, "shop", "checkout", "pay\xff"), join(t, store, "shop", "checkout")
		defer other.Leave()
		fs.Add(f)
		got := readFleets(t, fs)
		require.Equal(t, map[string]float64{
			"shop apart": 0, "shop troubles": 0, "shop ticks": 0, "shop misses": 0, "shop advised": 0, "shop refused": 0, "shop forged": 0,
		}, got, "before the first tick")

		<-time.After(10 * time.Second)
		got = readFleets(t, fs)
		require.Len(t, got, 7+2*7)
		require.Equal(t, 2.0, got["shop pods checkout"])
		require.Equal(t, 1.0, got["shop pods pay\uFFFD"])
		require.InDelta(t, 0.4, got["shop news_age checkout"], 0.8)
		require.Greater(t, got["shop ticks"], 15.0)
		require.Zero(t, got["shop misses"])

		store.gone.Store(true)
		<-time.After(time.Minute)
		got = readFleets(t, fs)
		require.Equal(t, 1.0, got["shop apart"])
		require.Equal(t, 1.0, got["shop troubles"])
		require.InDelta(t, 32, got["shop misses"], 4, "a pod that is alone asks every two seconds")
		require.InDelta(t, 60, got["shop news_age checkout"], 2)
		require.NotContains(t, got, "shop pods checkout")

		f.Leave()
		require.Empty(t, fs.Read())
		<-time.After(2 * time.Second) // until the store that hangs has answered
	})
}

// Fleets of one name in one process, as in a demonstration: what each counts is added up, once, and
// does not fall when one is left.
func TestFleetsOfOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &metrics.Fleets{}
		store := &weakStore{Transport: fleet.InProcess()}
		store.gone.Store(true)
		a, b, elsewhere := join(t, store, "shop", "checkout"), join(t, store, "shop", "checkout"), join(t, fleet.InProcess(), "blog", "checkout")
		defer elsewhere.Leave()
		for _, f := range []*fleet.Fleet{a, b, a, elsewhere} {
			fs.Add(f)
		}
		<-time.After(10 * time.Second)
		got := readFleets(t, fs)
		require.Equal(t, 2.0, got["shop apart"])
		require.Equal(t, 2.0, got["shop troubles"])
		require.Zero(t, got["blog apart"])
		require.Contains(t, got, "blog pods checkout")
		misses := got["shop misses"]
		require.InDelta(t, float64(a.Stats().Misses+b.Stats().Misses), misses, 0)

		a.Leave()
		got = readFleets(t, fs)
		require.Equal(t, 1.0, got["shop apart"])
		require.Equal(t, 2.0, got["shop troubles"])
		require.GreaterOrEqual(t, got["shop misses"], misses)
		store.gone.Store(false)
		<-time.After(5 * time.Second)
		b.Leave()
		require.NotContains(t, readFleets(t, fs), "shop troubles")

		again := join(t, store, "shop", "checkout")
		defer again.Leave()
		fs.Add(again)
		require.Equal(t, 2.0, readFleets(t, fs)["shop troubles"], "it goes on where it was")
	})
}

// The news age while the store hangs, though no tick ends.
func TestTheAgeOfNewsGrowsWhileTheStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hangingStore{Transport: fleet.InProcess(), answer: make(chan struct{})}
		f := join(t, store, "shop", "checkout")
		<-time.After(5 * time.Second)
		store.hangs.Store(true)
		fs := &metrics.Fleets{}
		fs.Add(f)
		<-time.After(time.Hour)
		require.InDelta(t, 3600, readFleets(t, fs)["shop news_age checkout"], 2)
		f.Leave()
		close(store.answer)
	})
}

// hangingStore is a fleet's store that can hang, and does not heed ctx.
type hangingStore struct {
	fleet.Transport
	hangs  atomic.Bool
	answer chan struct{}
}

func (s *hangingStore) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	if s.hangs.Load() {
		<-s.answer
	}
	return s.Transport.Exchange(ctx, e)
}

// Fleets keeps no fleet alive that has been left, though nobody reads.
func TestFleetsKeepsNoneAlive(t *testing.T) {
	fs := &metrics.Fleets{}
	f := join(t, fleet.InProcess(), "shop")
	fs.Add(f)
	f.Leave()
	collected := make(chan struct{})
	runtime.AddCleanup(f, func(done chan struct{}) { close(done) }, collected)
	require.Eventually(t, func() bool {
		runtime.GC()
		select {
		case <-collected:
			return true
		default:
			return false
		}
	}, 10*time.Second, time.Millisecond)
	require.Empty(t, fs.Read())
}

// Pins: fleets that come and go while others are read, under the race detector.
func TestFleetsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs, store := &metrics.Fleets{}, fleet.InProcess()
		var working sync.WaitGroup
		for range 4 {
			working.Go(func() {
				for range 5 {
					f := join(t, store, "shop", "checkout")
					fs.Add(f)
					<-time.After(time.Second)
					fs.Read()
					f.Leave()
				}
			})
		}
		working.Wait()
		require.Empty(t, fs.Read())
	})
}
