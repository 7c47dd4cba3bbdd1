// Command configfile keeps its services in a file, which changes while it runs: a number, a new
// service, and a mistake. It needs nothing: the file is written to a temporary folder, and the
// dependency is a server of its own.
package main

import (
	"context"
	_ "embed" // for services.yaml
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/resilience"
)

//go:embed services.yaml
var embedded string // in a program of yours, the file lies where whoever runs it can change it

// shop is what you would copy: it asks the registry for a service's pipeline at each call, so that
// a service may come and go with the file.
type shop struct {
	services *holdfast.Registry
	url      string
}

func (s *shop) get(ctx context.Context, service string) error {
	pipeline, ok := s.services.Get(service)
	if !ok {
		return fmt.Errorf("the file has no service %q", service)
	}
	return pipeline.Do(ctx, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/"+service, http.NoBody)
		if err != nil {
			return resilience.MarkPermanent(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return &resilience.Error{Kind: resilience.KindExternalAPI, Service: service, Op: "get", Status: response.StatusCode}
		}
		return nil
	})
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	var down atomic.Bool
	dependency := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() && r.URL.Path == "/catalog" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer dependency.Close()
	defer http.DefaultClient.CloseIdleConnections()

	dir, err := os.MkdirTemp("", "configfile")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "services.yaml")
	services := embedded
	if err := save(path, services); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	registry := holdfast.NewRegistry(resilience.NewLogObserver(slog.New(slog.NewTextHandler(out, nil))))
	reloads := make(chan config.Reload, 1)
	watcher, err := config.Watch(ctx, path, registry, config.WithOnReload(func(r config.Reload) { reloads <- r }))
	if err != nil {
		cancel()
		return err // the first file is wrong: nothing is watched
	}
	defer func() {
		cancel()
		watcher.Wait()
	}()

	s := &shop{registry, dependency.URL}
	call := func(service string) { fmt.Fprintf(out, "GET /%s: %v\n", service, s.get(ctx, service)) }
	change := func(replace ...string) error {
		services = strings.NewReplacer(replace...).Replace(services)
		if err := save(path, services); err != nil {
			return err
		}
		r := <-reloads
		fmt.Fprintf(out, "added %v, changed %v, removed %v, error %v\n", r.Added, r.Changed, r.Removed, r.Err)
		for _, c := range r.Changes {
			fmt.Fprintf(out, "%s: %s %s → %s, line %d\n", c.Service, c.Key, c.FromText(), c.ToText(), c.Origin.Line)
		}
		return nil
	}

	fmt.Fprintln(out, "-- as the file says")
	call("catalog")
	show(out, registry)

	fmt.Fprintln(out, "-- the catalog goes down, which spends the budget and opens the breaker")
	down.Store(true)
	for range 3 {
		call("catalog")
	}
	show(out, registry)

	fmt.Fprintln(out, "-- the file is changed: a larger ratio, and a new service; the bank and the breaker stay as they were")
	if err := change("ratio: 0.1", "ratio: 0.2", "services:", "services:\n  reviews: {template: background}"); err != nil {
		return err
	}
	call("catalog")
	call("reviews")
	show(out, registry)

	fmt.Fprintln(out, "-- the file is changed again, with two mistakes in it: nothing changes")
	if err := change("max_retries: 3", "max_retires: 9", "open_for: 1m", "open_for: 5"); err != nil {
		return err
	}
	call("reviews")
	show(out, registry)
	return nil
}

// save writes a new file and renames it over the old one, so that nobody sees half of it.
func save(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// show writes how every service stands.
func show(out io.Writer, registry *holdfast.Registry) {
	for _, pipeline := range registry.All() {
		s := pipeline.Snapshot()
		fmt.Fprintf(out, "%s: %s; %.0f of %d tokens", s.Name, s.Chain, s.Budget.Tokens, s.Budget.Burst)
		for _, b := range s.Breakers {
			fmt.Fprintf(out, ", breaker %s", b.State)
		}
		fmt.Fprintln(out)
	}
}
