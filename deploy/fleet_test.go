package deploy_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// strange is a fleet's store in which somebody else writes too.
type strange struct{ fleet.Transport }

func (s strange) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	news, err := s.Transport.Exchange(ctx, e)
	for i := range news {
		news[i].Refused++
	}
	return news, err
}

// lost is a fleet's store that is not there.
type lost struct{ fleet.Transport }

func (lost) Exchange(context.Context, fleet.Exchange) ([]fleet.News, error) {
	return nil, errors.New("no store")
}

// serveFleets returns where the metrics are served of two fleets: one of pods whose dependency is
// down, and one that has lost its store.
func serveFleets(t *testing.T) string {
	t.Helper()
	metrics, err := holdfastprom.New()
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(metrics))
	join := func(store fleet.Transport, name string, c breaker.Config) *holdfast.Pipeline {
		f, err := fleet.Join(context.Background(), store, name, fleet.WithObserver(metrics), fleet.WithLogger(slog.New(slog.DiscardHandler)))
		require.NoError(t, err)
		t.Cleanup(f.Leave)
		p, err := holdfast.New("checkout", c)
		require.NoError(t, err)
		f.Add(p)
		return p
	}
	store := strange{fleet.InProcess()}
	join(lost{fleet.InProcess()}, "blog", breaker.Config{})
	var pods []*holdfast.Pipeline
	for range 3 {
		// With a call a second each would see it after eight seconds, and all together see it after
		// three.
		pods = append(pods, join(store, "shop", breaker.Config{
			ConsecutiveFailures: -1, MinRequests: 8, OpenFor: 3 * time.Second, MaxOpenFor: 3 * time.Second, HalfOpenProbes: 1,
		}))
	}
	show := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, p := range pods {
			_ = p.Do(r.Context(), func(context.Context) error { return resilience.MarkTransient(io.ErrUnexpectedEOF) })
		}
		show.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}
