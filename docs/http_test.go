package docs

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func newPaymentsClient() (*http.Client, error) {
	payments, err := holdfast.New("payments", holdfast.Critical()...)
	if err != nil {
		return nil, err
	}
	return holdfasthttp.NewClient(payments)
}

func fetch(client *http.Client, url string) ([]byte, error) {
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if why := holdfasthttp.Stopped(resp); why != nil {
		slog.Warn("payments failed", "status", resp.StatusCode, "reason", resilience.ReasonOf(why), "why", why)
	}
	return io.ReadAll(resp.Body)
}

func perHost(payments, search *holdfast.Pipeline) (*http.Client, error) {
	return holdfasthttp.NewClient(nil, holdfasthttp.WithPipelines(func(r *http.Request) *holdfast.Pipeline {
		switch r.URL.Host {
		case "payments.example":
			return payments
		case "search.example":
			return search
		}
		return holdfast.None() // any other host is called as if there were no Transport
	}))
}

func perHostOfMany() (*http.Client, error) {
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, holdfast.Standard()...)
	if err != nil {
		return nil, err
	}
	return holdfasthttp.NewClient(nil, holdfasthttp.WithPipelines(func(r *http.Request) *holdfast.Pipeline {
		return hosts.Get(holdfast.HostKey(r.URL.Scheme, r.URL.Host))
	}))
}

func query(ctx context.Context, client *http.Client, url, text string) (*http.Response, error) {
	ctx = resilience.MarkIdempotent(ctx) // a search by POST changes nothing
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	return client.Do(req)
}

func withHeaders(payments *holdfast.Pipeline) (*http.Client, error) {
	return holdfasthttp.NewClient(payments,
		holdfasthttp.WithAttemptHeader(holdfasthttp.AttemptHeader),
		holdfasthttp.WithTimeoutHeader(holdfasthttp.TimeoutHeader),
	)
}

func githubClient(github *holdfast.Pipeline) (*http.Client, error) {
	return holdfasthttp.NewClient(github, holdfasthttp.WithClassifyResponse(func(r *http.Response) resilience.Verdict {
		if r.StatusCode == http.StatusForbidden && r.Header.Get("X-RateLimit-Remaining") == "0" {
			return resilience.Overload // with the pause that X-RateLimit-Reset asks for
		}
		return resilience.Unclassified // the status decides
	}))
}

func signingClient(payments *holdfast.Pipeline, sign func(*http.Request) error) (*http.Client, error) {
	return holdfasthttp.NewClient(payments, holdfasthttp.WithBeforeAttempt(func(req *http.Request, attempt int) error {
		return sign(req) // a copy, which may be changed
	}))
}

func newServer(payments *holdfast.Pipeline, charge func(context.Context) error) (http.Handler, error) {
	protect, err := holdfasthttp.Middleware(holdfast.None())
	if err != nil {
		return nil, err
	}
	return protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := holdfasthttp.Attempt(r.Context()); n > 1 {
			slog.Info("a client tries again", "attempt", n)
		}
		if err := payments.Do(r.Context(), charge); err != nil {
			holdfasthttp.WriteError(w, err)
		}
	})), nil
}

func TestHTTP(t *testing.T) {
	failures := 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failures--; failures >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, r.Header.Get(holdfasthttp.AttemptHeader))
	}))
	defer server.Close()

	client, err := newPaymentsClient()
	require.NoError(t, err)
	text, err := fetch(client, server.URL)
	require.NoError(t, err)
	require.Empty(t, text)

	payments, err := holdfast.New("payments", holdfast.Critical()...)
	require.NoError(t, err)
	client, err = withHeaders(payments)
	require.NoError(t, err)
	failures = 1
	resp, err := query(t.Context(), client, server.URL, "order 42")
	require.NoError(t, err)
	text, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "2", string(text))

	client, err = perHost(payments, payments)
	require.NoError(t, err)
	failures = 1
	resp, err = client.Get(server.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)

	handler, err := newServer(payments, func(context.Context) error {
		return resilience.MarkRejected(resilience.MarkOverload(io.ErrNoProgress, time.Second))
	})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", http.NoBody))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
}

func TestWhatGitHubMeansBy403(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		if requests == 1 {
			w.Header().Set("X-RateLimit-Remaining", "0")
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	defer server.Close()
	github, err := holdfast.New("github", holdfast.Critical()...)
	require.NoError(t, err)
	client, err := githubClient(github)
	require.NoError(t, err)
	_, err = fetch(client, server.URL)
	require.NoError(t, err)
	require.Equal(t, 2, requests)

	client, err = signingClient(github, func(r *http.Request) error { r.Header.Set("Authorization", "signed"); return nil })
	require.NoError(t, err)
	text, err := fetch(client, server.URL)
	require.NoError(t, err)
	require.Equal(t, "signed", string(text))
}

// A host that is down is kept from, and no other.
func TestEachHostHasABreakerOfItsOwn(t *testing.T) {
	client, err := perHostOfMany()
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer down.Close()
	well := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer well.Close()
	get := func(url string, patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		require.NoError(t, err)
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	refused := false
	for range 1000 { // no time for a retry, nor to wait until the breaker probes
		if refused = errors.Is(get(down.URL, 90*time.Millisecond), breaker.ErrOpen); refused {
			break
		}
	}
	require.True(t, refused)
	require.NoError(t, get(well.URL, time.Minute))
}
