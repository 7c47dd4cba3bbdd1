package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/holdfastdash"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// WebAddr is where "holdfast demo -web" listens by default.
const WebAddr = "127.0.0.1:8642"

// Web is a play in the browser. It repeats the same outage, and shows it on the dashboard, where
// every number can be turned.
type Web struct {
	cfg      Config
	log      *slog.Logger
	services []*service
	client   *http.Client
	dash     *holdfastdash.Dashboard
	dir      string          // of the file
	watcher  *config.Watcher // of search
	listener net.Listener
	http     *http.Server
	cancel   context.CancelFunc
	running  sync.WaitGroup
	calls    sync.WaitGroup
}

// service is a dependency and the pipeline around its calls.
type service struct {
	*server
	pipeline *holdfast.Pipeline
}

// StartWeb plays cfg round after round, until ctx ends or Close is called. On addr it serves the
// dashboard of its pipelines, and /metrics. addr must be a loopback address, since there is no
// password. StartWeb logs each phase, and each change by hand.
func StartWeb(ctx context.Context, cfg Config, addr string, log *slog.Logger) (*Web, error) {
	l, err := listen(addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Web{cfg: cfg, log: log, client: newHTTPClient(), listener: l, cancel: cancel}
	if err := w.open(); err != nil {
		w.Close()
		return nil, err
	}
	w.running.Go(func() { _ = w.http.Serve(l) }) // always an error: that it was closed
	w.running.Go(func() { w.perform(ctx) })
	return w, nil
}

// listen listens on a loopback address. It refuses other addresses, since everybody who reaches the
// page can change the pipelines.
func listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w; want host:port, such as %s", addr, err, WebAddr)
	}
	if !loopback(host) {
		return nil, fmt.Errorf("address %q is not on the loopback interface; want one that is, such as %s: "+
			"whoever reaches the page can change the pipelines", addr, WebAddr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot serve the page: %w; another address can be given by -addr (port 0 takes a free one)", err)
	}
	return l, nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// open makes the dependencies, their pipelines, and the page.
func (w *Web) open() error {
	metrics, err := holdfastprom.New()
	if err != nil {
		return err
	}
	var pipelines []*holdfast.Pipeline
	for _, made := range webPipelines(w.cfg) {
		stages := append([]resilience.Stage{holdfast.Observe(metrics)}, made.stages...)
		p, err := holdfast.New(made.name, stages...)
		if err != nil {
			return err
		}
		pipelines = append(pipelines, p)
	}
	search, err := w.follow(metrics)
	if err != nil {
		return err
	}
	pipelines = append(pipelines, search)
	for i, p := range pipelines {
		srv, err := serve(p.Name(), NewBackend(w.cfg.Backend, w.cfg.Seed+uint64(i)))
		if err != nil {
			return err
		}
		w.services = append(w.services, &service{srv, p})
	}
	everybody := func(*http.Request) (string, error) { return "you", nil }
	w.dash, err = holdfastdash.Handler(pipelines, holdfastdash.WithAuthorizer(everybody), holdfastdash.WithLogger(w.log),
		holdfastdash.WithWatcher(w.watcher))
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics, collectors.NewGoCollector())
	mux := http.NewServeMux()
	mux.Handle("/", w.dash)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true, Registry: registry}))
	w.http = &http.Server{Handler: localOnly(mux), ReadHeaderTimeout: 5 * time.Second}
	return nil
}

// file is where the numbers of search stand.
func (w *Web) file() string { return filepath.Join(w.dir, "services.yaml") }

// follow returns the pipeline of search, whose numbers are in a file that the user may edit. Its
// budget is in shadow, and it has no breaker: the user is to put the budget in force by hand.
func (w *Web) follow(metrics resilience.Observer) (*holdfast.Pipeline, error) {
	dir, err := os.MkdirTemp("", "holdfast-demo-")
	if err != nil {
		return nil, err
	}
	w.dir = dir
	draft := holdfast.NewRegistry()
	if err := draft.Apply(holdfast.Services{"search": searchStages(w.cfg)}); err != nil {
		return nil, err
	}
	numbers, err := config.Of(draft)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(w.file(), numbers.YAML(), 0o600); err != nil {
		return nil, err
	}
	registry := holdfast.NewRegistry(metrics)
	w.watcher, err = config.Watch(context.Background(), w.file(), registry, config.WithOnReload(func(r config.Reload) {
		w.log.Info("the file of search was read again", "changes", len(r.Changes), "error", r.Err)
	}))
	if err != nil {
		return nil, err
	}
	return registry.MustGet("search"), nil
}

// localOnly refuses requests whose Host is not a loopback address. This prevents DNS rebinding: a
// page elsewhere whose name points to the loopback address could otherwise act for the user of the
// browser.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !loopback(host) {
			http.Error(w, fmt.Sprintf("host %q: want localhost or a loopback address", r.Host), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// chain is the name and the stages of a pipeline.
type chain struct {
	name   string
	stages []resilience.Stage
}

// webPipelines returns payments and auth, as in the demo without a browser.
func webPipelines(cfg Config) []chain {
	guarded := func() []resilience.Stage {
		return append([]resilience.Stage{bulkhead.Config{MaxConcurrent: 40}}, holdfastStages(cfg)...)
	}
	return []chain{
		{dependencies[0], guarded()},
		{dependencies[1], guarded()},
	}
}

// searchStages are those of search at first.
func searchStages(cfg Config) []resilience.Stage {
	return []resilience.Stage{
		deadline.In(cfg.Deadline),
		bulkhead.Config{MaxConcurrent: 80},
		budget.Config{Ratio: 0.1, Floor: 1, Shadow: true},
		retry.Config{MaxRetries: cfg.Retries, BaseDelay: cfg.BaseDelay, MaxDelay: cfg.Deadline, Jitter: retry.FullJitter},
		deadline.In(cfg.Attempt),
	}
}

// URL returns the address of the page.
func (w *Web) URL() string { return "http://" + w.listener.Addr().String() + "/" }

// Pipelines returns the pipelines on the page.
func (w *Web) Pipelines() []*holdfast.Pipeline {
	var pipelines []*holdfast.Pipeline
	for _, s := range w.services {
		pipelines = append(pipelines, s.pipeline)
	}
	return pipelines
}

// Close ends the play. When it returns, no goroutine, connection or port is left.
func (w *Web) Close() {
	w.cancel()
	if w.dash != nil {
		w.dash.Close()
	}
	if w.http != nil {
		_ = w.http.Close()
	}
	_ = w.listener.Close()
	w.running.Wait()
	w.calls.Wait()
	w.client.CloseIdleConnections()
	for _, s := range w.services {
		s.shutDown()
	}
	if w.watcher != nil {
		w.watcher.Close()
	}
	if w.dir != "" {
		_ = os.RemoveAll(w.dir) // else the system does, some day
	}
}

// perform plays one round after the other.
func (w *Web) perform(ctx context.Context) {
	start := time.Now()
	for round := uint64(0); ctx.Err() == nil; round++ {
		arrivals := Schedule(w.cfg.Seed+round, w.cfg.Rate, w.cfg.Length(), len(w.services))
		var script sync.WaitGroup
		script.Go(func() { direct(ctx, w.cfg, start, w.slowDown) })
		pace(ctx, start, arrivals, func(a Arrival) { w.call(ctx, w.services[a.Backend]) })
		script.Wait()
		start = start.Add(w.cfg.Length())
	}
}

func (w *Web) slowDown(n int) {
	for _, s := range w.services {
		s.SlowDown(n)
	}
	if n == 1 {
		w.log.Info("the backends are as fast as ever", "for", w.cfg.Recovery+w.cfg.Healthy)
	} else {
		w.log.Info(fmt.Sprintf("outage: the backends are %d times slower", n), "for", w.cfg.Outage)
	}
}

// call makes a call on a goroutine of its own.
func (w *Web) call(ctx context.Context, s *service) {
	w.calls.Go(func() {
		_ = s.pipeline.Do(ctx, func(ctx context.Context) error { // the dashboard shows the outcome
			return request(ctx, w.client, s.name, s.url)
		})
	})
}

// playWeb runs "holdfast demo -web" until ctx ends.
func (o *options) playWeb(ctx context.Context, stdout, stderr io.Writer) error {
	w, err := o.startWeb(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := io.WriteString(stdout, w.intro()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// startWeb listens on -addr. Without it, it takes a free port if the usual one is taken.
func (o *options) startWeb(ctx context.Context, log *slog.Logger) (*Web, error) {
	cfg := Round()
	cfg.Seed = o.seed
	if o.addr != "" {
		return StartWeb(ctx, cfg, o.addr, log)
	}
	w, err := StartWeb(ctx, cfg, WebAddr, log)
	if opErr, ok := errors.AsType[*net.OpError](err); ok && opErr.Op == "listen" {
		return StartWeb(ctx, cfg, "127.0.0.1:0", log)
	}
	return w, err
}

func (w *Web) intro() string {
	c := w.cfg
	return fmt.Sprintf("The dashboard is at %s, its metrics are at %smetrics. Ctrl-C ends it.\n\n", w.URL(), w.URL()) +
		wrapped(fmt.Sprintf("Every %v the backends become %d times slower for %v. payments and auth have a budget and a breaker. "+
			"search has a budget in shadow, which refuses nothing: after the first outage its own retries keep it down. "+
			"Switch its shadow off on the page, and watch it come back. The numbers of search stand in %s: edit them while it runs.", c.Length(), c.Slowdown, c.Outage, w.file()), 96) + "\n\n"
}
