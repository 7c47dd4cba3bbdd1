package holdfastdash_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastdash"
)

// The dashboard is mounted under a prefix, and users known to the program may tune.
func ExampleHandler() {
	payments := holdfast.Must(holdfast.New("payments", holdfast.Critical()...))

	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{payments},
		holdfastdash.WithAuthorizer(func(r *http.Request) (string, error) {
			user, password, _ := r.BasicAuth()
			if user != "mary" || password != "hunter2" {
				return user, errors.New("only mary may tune")
			}
			return user, nil
		}),
		holdfastdash.WithLogger(slog.New(slog.DiscardHandler)),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dash.Close()
	mux := http.NewServeMux()
	mux.Handle("/debug/holdfast/", http.StripPrefix("/debug/holdfast", dash))

	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/debug/holdfast/session", http.NoBody))
	body, _ := io.ReadAll(answer.Result().Body)
	fmt.Print(string(body))
	// Output: {"can_tune":false,"who":"","token":"","why":"only mary may tune"}
}

// The page follows a registry. In this example code applies the services; with config.Watch, a file
// does.
func ExampleForRegistry() {
	services := holdfast.NewRegistry()
	dash, err := holdfastdash.ForRegistry(services, holdfastdash.WithTitle("Checkout"), holdfastdash.WithInterval(100*time.Millisecond))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dash.Close()
	server := httptest.NewServer(dash)
	defer server.Close()
	response, err := server.Client().Get(server.URL + "/events") // as a page that was opened before there were any
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = response.Body.Close() }()

	if err := services.Apply(holdfast.Services{"payments": holdfast.Critical()}); err != nil {
		fmt.Println(err)
		return
	}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), `"name":"payments"`) {
			fmt.Println("payments is on the page")
			return
		}
	}
	// Output: payments is on the page
}

// The page of a pod, with the fleet that it is in.
func ExampleWithFleet() {
	payments := holdfast.Must(holdfast.New("payments", holdfast.Standard()...))
	key := make([]byte, 32) // in a program, a secret that all pods have
	shop, err := fleet.Join(context.Background(), fleet.InProcess(), "shop", fleet.WithKey(key))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer shop.Leave()
	shop.Add(payments)

	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{payments}, holdfastdash.WithFleet(shop))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dash.Close()
	answer := httptest.NewRecorder()
	dash.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/fleet", http.NoBody))
	fmt.Println(answer.Code, strings.Contains(answer.Body.String(), `"fleet":"shop"`))
	// Output: 200 true
}

// The page knows the file: the line of each number, and how the file stands.
func ExampleWithWatcher() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // nothing depends on it
	file := filepath.Join(dir, "services.yaml")
	if err := os.WriteFile(file, []byte("services:\n  payments:\n    retry: {max_retries: 2}\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	registry := holdfast.NewRegistry()
	watcher, err := config.Watch(context.Background(), file, registry)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer watcher.Close()
	dash, err := holdfastdash.ForRegistry(registry, holdfastdash.WithWatcher(watcher))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dash.Close()

	answer := httptest.NewRecorder()
	dash.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/knobs?pipeline=payments", http.NoBody))
	var told struct {
		Knobs []struct {
			Key, Value string
			File       struct{ Origin config.Origin }
		}
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &told); err != nil {
		fmt.Println(err)
		return
	}
	for _, k := range told.Knobs {
		if k.Key == "retry.max_retries" {
			fmt.Printf("%s is %s (%s:%d)\n", k.Key, k.Value, k.File.Origin.File, k.File.Origin.Line)
		}
	}
	// Output: retry.max_retries is 2 (services.yaml:3)
}
