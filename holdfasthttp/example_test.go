package holdfasthttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// flaky answers 503 as often as it is told, and then 200.
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

// One pipeline per host, so that one host's outage is no other's.
func ExampleNewTransport() {
	server := flaky(0)
	defer server.Close()

	pipelines := map[string]*holdfast.Pipeline{
		"payments.example": holdfast.Must(holdfast.New("payments", holdfast.Critical()...)),
		"search.example":   holdfast.Must(holdfast.New("search", holdfast.Background()...)),
	}
	transport, err := holdfasthttp.NewTransport(nil, holdfasthttp.WithPipelines(func(r *http.Request) *holdfast.Pipeline {
		return pipelines[r.URL.Host] // nil for any other host: as if there were no Transport
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
func ExampleMarkIdempotent() {
	server := flaky(1)
	defer server.Close()

	payments := holdfast.Must(holdfast.New("payments", retry.Config{BaseDelay: time.Millisecond}))
	client, err := holdfasthttp.NewClient(payments)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := holdfasthttp.MarkIdempotent(context.Background())
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

func ExampleMiddleware() {
	protect, err := holdfasthttp.Middleware()
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
func ExampleMarkOnce() {
	server := flaky(1)
	defer server.Close()

	payments := holdfast.Must(holdfast.New("payments", retry.Config{BaseDelay: time.Millisecond}))
	client, err := holdfasthttp.NewClient(payments)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := holdfasthttp.MarkOnce(context.Background())
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
	fmt.Println(resp.StatusCode, holdfasthttp.Stopped(resp))
	// Output: 503 HTTP status 503 Service Unavailable (not sent again: the request is not idempotent)
}
