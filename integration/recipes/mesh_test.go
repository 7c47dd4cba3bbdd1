package recipes

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The VirtualService turns the mesh's own retries off, which are on without it, and lets an attempt
// have more time than the pipeline gives it, so that the pipeline knows why it ended.
func TestMeshVirtualService(t *testing.T) {
	services := documented(t, "VirtualService")
	for _, s := range services {
		require.Equal(t, 0, s.at("spec", "http", 0, "retries", "attempts"))
		require.NotEmpty(t, s.at("spec", "http", 0, "route", 0, "destination", "host"))
		limit, err := time.ParseDuration(s.at("spec", "http", 0, "timeout").(string))
		require.NoError(t, err)
		require.Greater(t, limit, time.Second, "an attempt of Critical")
	}
	rule := documented(t, "DestinationRule")[0]
	require.Equal(t, services[0].at("spec", "http", 0, "route", 0, "destination", "host"), rule.at("spec", "host"))
	require.LessOrEqual(t, rule.at("spec", "trafficPolicy", "outlierDetection", "maxEjectionPercent"), 50)
}

// A stub of a sidecar that retries twice, as Istio does by itself, multiplies what the pipeline
// sends: 4 attempts become 12 requests. With its retries off there are 4.
func TestMeshMultiplies(t *testing.T) {
	for _, c := range []struct{ retries, requests int32 }{{2, 12}, {0, 4}} {
		var asked atomic.Int32
		sidecar := base(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			for range c.retries + 1 {
				asked.Add(1)
				w = httptest.NewRecorder()
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			resp := w.Result()
			resp.Request = r
			return resp, nil
		})
		p := holdfast.Must(holdfast.New("p", retry.Custom(3, time.Millisecond, time.Millisecond, false)))
		client, err := holdfasthttp.NewClient(p, holdfasthttp.WithBase(sidecar))
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://payments.shop", http.NoBody)
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, c.requests, asked.Load())
	}
}

type base func(*http.Request) (*http.Response, error)

func (f base) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
