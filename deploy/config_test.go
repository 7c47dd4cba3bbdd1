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
// again, after a scrape.
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
	next := make(chan struct{}, 1) // the file may be changed
	next <- struct{}{}
	watcher, err := config.Watch(t.Context(), path, holdfast.NewRegistry(metrics), config.WithDebounce(time.Millisecond), config.WithPoll(10*time.Millisecond),
		config.WithOnReload(func(config.Reload) {
			select {
			case next <- struct{}{}:
			default:
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
		select {
		case <-next:
			files[0], files[1] = files[1], files[0]
			replace(files[0])
		default: // the last change is still to be told: a scrape does not wait, it may be given up
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}
