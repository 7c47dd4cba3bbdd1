package deploy_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/holdfastprom"
)

// serveFile returns where the metrics are served of a configuration file that is broken, and mended
// again, at each scrape.
func serveFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "services.yaml")
	files := []string{"services: {checkout: {}}\n", "services: 5\n"}
	replace := func(content string) {
		require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
	}
	replace(files[0])
	metrics, err := holdfastprom.New()
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(metrics))
	reloads := make(chan config.Reload)
	watcher, err := config.Watch(t.Context(), path, holdfast.NewRegistry(metrics), config.WithDebounce(time.Millisecond), config.WithPoll(10*time.Millisecond),
		config.WithOnReload(func(r config.Reload) {
			select {
			case reloads <- r:
			case <-t.Context().Done():
			}
		}))
	require.NoError(t, err)
	t.Cleanup(watcher.Close)
	metrics.FollowConfig(watcher)
	show := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		show.ServeHTTP(w, r)
		files[0], files[1] = files[1], files[0]
		replace(files[0])
		select {
		case <-reloads:
		case <-t.Context().Done(): // it ends the watching, so that none may come
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// Pins: a test that ends during a scrape does not wait for a reload that no longer comes.
func TestAScrapeAtTheEnd(t *testing.T) {
	var all sync.WaitGroup
	t.Run("it ends at once", func(t *testing.T) {
		url, scraped := serveFile(t), make(chan struct{}, 100)
		for range 4 {
			all.Go(func() {
				for {
					resp, err := http.Get(url) //nolint:noctx // the server ends it
					if err != nil {
						return
					}
					_ = resp.Body.Close()
					select {
					case scraped <- struct{}{}:
					default:
					}
				}
			})
		}
		<-scraped
	})
	all.Wait()
}
