package holdfastprom_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// fleetStore is a fleet's store that can be out of order.
type fleetStore struct {
	fleet.Transport
	gone atomic.Bool
}

func (s *fleetStore) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	if s.gone.Load() {
		return nil, errors.New("no store")
	}
	return s.Transport.Exchange(ctx, e)
}

// join makes a pod of the fleet shop that reports to the observers and follows a breaker called
// checkout. It leaves when the test ends.
func join(t *testing.T, store fleet.Transport, observers ...resilience.Observer) *fleet.Fleet {
	t.Helper()
	f, err := fleet.Join(context.Background(), store, "shop", fleet.WithKey([]byte("a key of the fleet, of 32 bytes!")), fleet.WithLogger(slog.New(slog.DiscardHandler)), fleet.WithObserver(observers...))
	require.NoError(t, err)
	t.Cleanup(f.Leave)
	f.Add(holdfast.Must(holdfast.New("checkout", budget.Config{Fleet: true}, retry.Default(), breaker.Config{})))
	return f
}

// followed makes a fleet that m follows, and waits until there are news.
func followed(t *testing.T, m *holdfastprom.Metrics) {
	t.Helper()
	f := join(t, fleet.InProcess(), m)
	require.Eventually(t, func() bool {
		s := f.Stats().Services
		return len(s) > 0 && s[0].Age >= 0
	}, 10*time.Second, 10*time.Millisecond)
}

// ofFleets are the metrics of fleets that need no store.
var ofFleets = []string{
	"fleet_apart", "fleet_troubles_total", "fleet_advised_total", "fleet_refused_total",
	"fleet_forged_total", "fleet_orders",
	"fleet_pods", "fleet_pods_speaking", "fleet_pods_failing", "fleet_pods_open", "fleet_probing", "fleet_banned",
}

// A fleet that is given Metrics as its observer is exported, until it is left.
func TestAFleetIsExported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t)
		store := &fleetStore{Transport: fleet.InProcess()}
		f := join(t, store, resilience.Observers(m, resilience.NewLogObserver(slog.New(slog.DiscardHandler))))
		m.Follow(f) // twice is once
		m.Follow(nil)
		<-time.After(5 * time.Second)
		require.Equal(t, []string{
			`fleet_advised_total{fleet="shop"} 0`,
			`fleet_apart{fleet="shop"} 0`,
			`fleet_banned{fleet="shop",service="checkout"} 0`,
			`fleet_forged_total{fleet="shop"} 0`,
			`fleet_orders{fleet="shop",order="isolate",service="checkout"} 0`,
			`fleet_orders{fleet="shop",order="reset",service="checkout"} 0`,
			`fleet_orders{fleet="shop",order="tune",service="checkout"} 0`,
			`fleet_pods{fleet="shop",service="checkout"} 1`,
			`fleet_pods_failing{fleet="shop",service="checkout"} 0`,
			`fleet_pods_open{fleet="shop",service="checkout"} 0`,
			`fleet_pods_speaking{fleet="shop",service="checkout"} 0`,
			`fleet_probing{fleet="shop",service="checkout"} 0`,
			`fleet_refused_total{fleet="shop"} 0`,
			`fleet_troubles_total{fleet="shop"} 0`,
		}, shown(t, r, ofFleets...))

		store.gone.Store(true)
		<-time.After(5 * time.Second)
		require.Equal(t, []string{
			`fleet_advised_total{fleet="shop"} 0`,
			`fleet_apart{fleet="shop"} 1`,
			`fleet_forged_total{fleet="shop"} 0`,
			`fleet_orders{fleet="shop",order="isolate",service="checkout"} 0`,
			`fleet_orders{fleet="shop",order="reset",service="checkout"} 0`,
			`fleet_orders{fleet="shop",order="tune",service="checkout"} 0`,
			`fleet_refused_total{fleet="shop"} 0`,
			`fleet_troubles_total{fleet="shop"} 1`,
		}, shown(t, r, ofFleets...))
		require.Len(t, shown(t, r, "fleet_news_age_seconds", "fleet_misses_total", "fleet_ticks_total"), 3)

		// Its events are of no pipeline, so there are no series of a pipeline without a name.
		require.Empty(t, shown(t, r, "calls_total", "calls_in_flight", "denials_total", "updates_total"))

		f.Leave()
		require.Empty(t, shown(t, r, append(ofFleets, "fleet_news_age_seconds", "fleet_misses_total", "fleet_ticks_total")...))
	})
}

// Pins: pods of one fleet in one process make no series twice, which would fail the whole scrape;
// nor do services whose names are not UTF-8.
func TestFleetsOfOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t)
		store := fleet.InProcess()
		for range 3 {
			join(t, store, m)
		}
		f, err := fleet.Join(context.Background(), store, "other", fleet.WithObserver(m))
		require.NoError(t, err)
		t.Cleanup(f.Leave)
		f.Add(holdfast.Must(holdfast.New("b\xff", breaker.Config{})), holdfast.Must(holdfast.New("b\xfe", breaker.Config{})))
		<-time.After(5 * time.Second)
		require.Contains(t, shown(t, r, "fleet_pods"), `fleet_pods{fleet="shop",service="checkout"} 3`)
		require.Len(t, shown(t, r, "fleet_apart"), 2)
	})
}

// Pins: fleets and pipelines have no label in common, so that a registry takes both.
func TestFleetsInAWrappedRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := newMetrics(t)
		followed(t, m)
		registry := prometheus.NewPedanticRegistry()
		require.NoError(t, prometheus.WrapRegistererWith(prometheus.Labels{"pod": "x"}, registry).Register(m))
		require.Equal(t, []string{`fleet_apart{fleet="shop",pod="x"} 0`}, shown(t, registry, "fleet_apart"))
	})
}
