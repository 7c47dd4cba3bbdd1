package docs

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

func limitedServer(handler http.Handler) (http.Handler, error) {
	orders, err := holdfast.New("orders",
		ratelimit.Config{Rate: 500},
		bulkhead.Config{Adaptive: &bulkhead.Adaptive{}},
		deadline.In(2*time.Second),
	)
	if err != nil {
		return nil, err
	}
	protect, err := holdfasthttp.Middleware(orders)
	if err != nil {
		return nil, err
	}
	return protect(handler), nil
}

func aroundHealthChecks(orders *holdfast.Pipeline) (func(http.Handler) http.Handler, error) {
	return holdfasthttp.Middleware(orders, holdfasthttp.WithPipelines(func(r *http.Request) *holdfast.Pipeline {
		if r.URL.Path == "/healthz" {
			return holdfast.None()
		}
		return nil // orders
	}))
}

func withProblems(orders *holdfast.Pipeline) (func(http.Handler) http.Handler, error) {
	return holdfasthttp.Middleware(orders, holdfasthttp.WithRefusal(func(w http.ResponseWriter, r *http.Request, status int, err error) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "title": resilience.ReasonOf(err)})
	}))
}

func get(handler http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return w
}

func TestHTTPServer(t *testing.T) {
	ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, limited := r.Context().Deadline(); limited {
			w.WriteHeader(http.StatusAccepted)
		}
	})
	handler, err := limitedServer(ok)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, get(handler, "/orders").Code)

	full, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
	require.NoError(t, err)
	require.NoError(t, full.Acquire(context.Background()))
	orders, err := holdfast.New("orders", full)
	require.NoError(t, err)

	protect, err := aroundHealthChecks(orders)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, get(protect(ok), "/healthz").Code)
	require.Equal(t, http.StatusServiceUnavailable, get(protect(ok), "/orders").Code)

	protect, err = withProblems(orders)
	require.NoError(t, err)
	w := get(protect(ok), "/orders")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	require.JSONEq(t, `{"status": 503, "title": "bulkhead_full"}`, w.Body.String())
}
