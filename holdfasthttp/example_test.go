package holdfasthttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// flaky answers 503 the given number of times, and then 200.
func flaky(failures int) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if failures--; failures >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "paid")
	}))
}

func ExampleNewClient() {
	server := flaky(2)
	defer server.Close()

	payments, err := holdfast.New("payments", holdfast.Critical()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := holdfasthttp.NewClient(payments)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Get(server.URL + "/charges/42")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body), err)
	fmt.Println(payments.Snapshot().Attempts, "attempts")
	// Output:
	// 200 paid <nil>
	// 3 attempts
}

// One pipeline per host, so that one host's outage does not affect the others.
func ExampleNewTransport() {
	server := flaky(0)
	defer server.Close()

	pipelines := map[string]*holdfast.Pipeline{
		"payments.example": holdfast.Must(holdfast.New("payments", holdfast.Critical()...)),
		"search.example":   holdfast.Must(holdfast.New("search", holdfast.Background()...)),
	}
	others := holdfast.Must(holdfast.New("others", holdfast.Standard()...))
	transport, err := holdfasthttp.NewTransport(others, holdfasthttp.WithPipelines(func(r *http.Request) *holdfast.Pipeline {
		return pipelines[r.URL.Host] // nil for any other host: through others
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.Status)
	// Output: 200 OK
}

func ExampleStopped() {
	server := flaky(9)
	defer server.Close()

	payments := holdfast.Must(holdfast.New("payments", retry.Config{MaxRetries: 2, BaseDelay: time.Millisecond}))
	client, err := holdfasthttp.NewClient(payments)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	why := holdfasthttp.Stopped(resp)
	fmt.Println(resp.StatusCode, resilience.ReasonOf(why))
	// Output: 503 retries_exhausted
}

// A POST is sent again only if you say that the server can take it twice.
func ExampleTransport_markIdempotent() {
	server := flaky(1)
	defer server.Close()

	payments := holdfast.Must(holdfast.New("payments", retry.Config{BaseDelay: time.Millisecond}))
	client, err := holdfasthttp.NewClient(payments)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := resilience.MarkIdempotent(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/search", strings.NewReader("query"))
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.Status)
	// Output: 200 OK
}

// A rate limit, and a limit on what is in flight that finds itself.
func ExampleMiddleware() {
	orders := holdfast.Must(holdfast.New("orders",
		ratelimit.Config{Rate: 0.01, Burst: 1}, // the next token comes in 100 s
		bulkhead.Config{Adaptive: &bulkhead.Adaptive{}},
		deadline.In(2*time.Second),
	))
	protect, err := holdfasthttp.Middleware(orders)
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "order 42")
	}))
	for range 2 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/orders/42", http.NoBody))
		fmt.Print(w.Code, " ", w.Header().Get("Retry-After"), " ", w.Body.String())
	}
	// Output:
	// 200  order 42
	// 429 100 Too Many Requests
}

// Health checks are served whatever the server has to do.
func ExampleWithPipelines_server() {
	orders := holdfast.Must(holdfast.New("orders", ratelimit.Config{Rate: 0.01, Burst: 1}))
	protect, err := holdfasthttp.Middleware(orders, holdfasthttp.WithPipelines(func(r *http.Request) *holdfast.Pipeline {
		if r.URL.Path == "/healthz" {
			return holdfast.None()
		}
		return nil // orders
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, path := range []string{"/orders/42", "/orders/42", "/healthz"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		fmt.Println(path, w.Code)
	}
	// Output:
	// /orders/42 204
	// /orders/42 429
	// /healthz 204
}

// Without a pipeline, a Middleware only reads what clients say.
func ExampleMiddleware_headers() {
	protect, err := holdfasthttp.Middleware(holdfast.None())
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, limited := r.Context().Deadline()
		fmt.Fprintln(w, "attempt", holdfasthttp.Attempt(r.Context()), limited)
	}))
	for _, timeout := range []string{"250", "0"} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set(holdfasthttp.TimeoutHeader, timeout)
		r.Header.Set(holdfasthttp.AttemptHeader, "2")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body.String())
	}
	// Output:
	// 200 attempt 2 true
	// 504 Gateway Timeout
}

func ExampleWriteError() {
	orders := holdfast.Must(holdfast.New("orders", bulkhead.Config{MaxConcurrent: 1}))
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := orders.Do(r.Context(), func(ctx context.Context) error {
			return orders.Do(ctx, func(context.Context) error { return nil }) // the only place is taken
		})
		if err != nil {
			holdfasthttp.WriteError(w, err)
		}
	})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	fmt.Println(w.Code, w.Header().Get("Retry-After"))
	// Output: 503 1
}

// This GET has an effect, so it is not sent again.
func ExampleTransport_markOnce() {
	server := flaky(1)
	defer server.Close()

	payments := holdfast.Must(holdfast.New("payments", retry.Config{BaseDelay: time.Millisecond}))
	client, err := holdfasthttp.NewClient(payments)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := resilience.MarkOnce(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/next-number", http.NoBody)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	why := holdfasthttp.Stopped(resp)
	fmt.Println(resp.StatusCode, resilience.ReasonOf(why), errors.Is(why, resilience.ErrOutcomeUnknown))
	// Output: 503 outcome_unknown true
}

// GitHub answers 403 when a quota is exhausted. That is not a refusal: it asks the client to come
// back later.
func ExampleWithClassifyResponse() {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.Header().Set("X-RateLimit-Remaining", "0")
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()

	github := holdfast.Must(holdfast.New("github", retry.Config{BaseDelay: time.Millisecond}))
	client, err := holdfasthttp.NewClient(github, holdfasthttp.WithClassifyResponse(func(r *http.Response) resilience.Verdict {
		if r.StatusCode == http.StatusForbidden && r.Header.Get("X-RateLimit-Remaining") == "0" {
			return resilience.Overload
		}
		return resilience.Unclassified // the status decides
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.Status, "after", asked, "requests")
	// Output: 200 OK after 2 requests
}

// A proxy's refusal proves that nothing was sent, even if the base wraps the http.Transport.
func ExampleOnProxyConnect() {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	inner := &http.Transport{Proxy: http.ProxyURL(proxyURL), OnProxyConnectResponse: holdfasthttp.OnProxyConnect}
	defer inner.CloseIdleConnections()
	instrumented := struct{ http.RoundTripper }{inner}

	payments := holdfast.Must(holdfast.New("payments", holdfast.Critical()...))
	client, err := holdfasthttp.NewClient(payments, holdfasthttp.WithBase(instrumented))
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Post("https://payments.example/charges", "text/plain", strings.NewReader("10 EUR"))
	if err == nil {
		_ = resp.Body.Close()
	}
	var refusal *holdfasthttp.ProxyError
	fmt.Println(errors.As(err, &refusal) && refusal.StatusCode == http.StatusProxyAuthRequired, resilience.Unsent(err))
	// Output: true true
}
