// Command health serves the health of two pipelines, and of a dependency that goes down and comes
// back. It needs nothing: the dependency is a server of its own.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// endpoints is what you would copy. GET /health says how the pipelines stand, and asks nobody;
// GET /health/catalog asks the catalog, through its pipeline.
func endpoints(payments, catalog *holdfast.Pipeline, ping resilience.Func) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/health", holdfast.Health(payments, catalog))
	mux.HandleFunc("GET /health/catalog", func(w http.ResponseWriter, r *http.Request) {
		status := holdfast.Check(r.Context(), catalog, ping)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if status.State == holdfast.Unhealthy {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(status)
	})
	return mux
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	var down atomic.Bool
	dependency := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer dependency.Close()
	ping := func(ctx context.Context) error {
		response, err := get(ctx, dependency.URL)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return &resilience.Error{Kind: resilience.KindExternalAPI, Service: "catalog", Op: "ping", Status: response.StatusCode}
		}
		return nil
	}

	payments, err := holdfast.New("payments", holdfast.Critical()...)
	if err != nil {
		return err
	}
	catalog, err := holdfast.New("catalog", // small numbers, so that two calls show it all
		budget.Config{Ratio: 1, Burst: 2, Floor: -1},
		retry.Custom(1, time.Millisecond, time.Second, true),
		breaker.Config{ConsecutiveFailures: 4, OpenFor: 3 * time.Second, HalfOpenProbes: 1},
	)
	if err != nil {
		return err
	}
	server := httptest.NewServer(endpoints(payments, catalog, ping))
	defer server.Close()

	look := func(when, path string) {
		if err == nil {
			fmt.Fprintf(out, "%s: GET %s: ", when, path)
			err = show(ctx, out, server.URL+path)
		}
	}
	look("all is well", "/health")
	down.Store(true)
	for range 2 {
		_ = catalog.Do(ctx, ping) // fails, is retried, fails
	}
	look("the catalog is down", "/health")
	look("still down", "/health/catalog")
	time.Sleep(catalog.Snapshot().Breakers[0].RetryAfter)
	look("time to probe", "/health")
	down.Store(false)
	look("it is back", "/health/catalog")
	look("all is well again", "/health")
	return err
}

func get(ctx context.Context, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(request)
}

// show writes what a health endpoint answers, as a dashboard would show it.
func show(ctx context.Context, out io.Writer, url string) error {
	response, err := get(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	type status struct{ Name, State, Why string }
	var answer struct {
		status
		Pipelines []status
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	fmt.Fprintln(out, response.StatusCode, answer.State, answer.Why)
	for _, p := range answer.Pipelines {
		fmt.Fprintln(out, " ", p.Name, p.State, p.Why)
	}
	return nil
}
