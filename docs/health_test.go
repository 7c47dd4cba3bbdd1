package docs

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func readiness(payments *holdfast.Pipeline) (http.Handler, error) {
	mux := http.NewServeMux()
	rules, err := holdfast.HealthConfig{Window: time.Minute, DegradedShare: 0.2, UnhealthyShare: 0.9}.Build()
	if err != nil {
		return nil, err
	}
	mux.Handle("/ready", rules.Handler(payments))
	return mux, nil
}

func TestGuideHealth(t *testing.T) {
	payments := holdfast.Must(holdfast.New("payments", retry.Config{MaxRetries: retry.None}))
	ready, err := readiness(payments)
	require.NoError(t, err)
	ask := func() (int, string) {
		w := httptest.NewRecorder()
		ready.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ready", http.NoBody))
		return w.Code, w.Body.String()
	}
	for range 100 {
		_ = payments.Do(t.Context(), func(context.Context) error { return &resilience.Error{Kind: resilience.KindAuthentication} })
	}
	code, body := ask()
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "100 % of 100 calls in 60 s failed: permanent")
	for range 900 {
		_ = payments.Do(t.Context(), func(context.Context) error { return &resilience.Error{Kind: resilience.KindNetwork} })
	}
	code, _ = ask()
	require.Equal(t, http.StatusServiceUnavailable, code)
}
