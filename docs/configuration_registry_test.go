package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The blocks of Go in configuration.md that are about a registry.

func applied(ctx context.Context, file *config.Config, charge func(context.Context) (string, error), observers ...resilience.Observer) error {
	registry := holdfast.NewRegistry(observers...)
	if err := registry.Apply(file); err != nil {
		return err
	}
	payments := registry.MustGet("payments")
	receipt, err := holdfast.Value(ctx, payments, charge)
	_ = receipt
	return err
}

func amend(registry *holdfast.Registry, isWorthARetry func(error) bool) error {
	err := registry.Amend("payments", func(stages []resilience.Stage) []resilience.Stage {
		for i, stage := range stages {
			if loop, ok := stage.(retry.Config); ok {
				loop.RetryIf = isWorthARetry
				stages[i] = loop
			}
		}
		return stages
	})
	return err
}

func watchFile(ctx context.Context, registry *holdfast.Registry) error {
	watcher, err := config.Watch(ctx, "services.yaml", registry)
	if err != nil {
		return err // the file is wrong, or not there: nothing is watched
	}
	defer watcher.Close()
	return nil
}

func showFile(mux *http.ServeMux, metrics *holdfastprom.Metrics, registry *holdfast.Registry, watcher *config.Watcher) {
	metrics.FollowConfig(watcher) // of holdfastprom or holdfastotel
	mux.Handle("/health", holdfast.HealthRules{}.WithConfig(watcher).RegistryHandler(registry))
}

func followHosts(ctx context.Context, registry *holdfast.Registry, hosts *holdfast.Keyed[string], serve func() error) error {
	var turn sync.Mutex // so that the last to come has read the last that was applied
	follow := func() error {
		turn.Lock()
		defer turn.Unlock()
		return hosts.Update(registry.Applied().Services()["hosts"]...)
	}
	watcher, err := config.Watch(ctx, "services.yaml", registry, config.WithOnReload(func(r config.Reload) {
		if err := errors.Join(r.Err, follow()); err != nil {
			slog.Error("the last good services.yaml stays in force", "error", err)
		}
	}))
	if err != nil {
		return err
	}
	defer watcher.Close()
	if err := follow(); err != nil {
		return err // such as: no hosts in the file
	}
	return serve()
}

func turn(ctx context.Context, registry *holdfast.Registry) error {
	payments := registry.MustGet("payments") // or any pipeline that holdfast.New made
	values := map[string]string{"retry.max_retries": "2"}
	changed, err := config.Tune(ctx, payments, "mary", values)
	if err != nil {
		return err // "config: retry.max_retries is 1.5; want a whole number of at least 0, or none or unlimited"
	}
	for _, c := range changed {
		fmt.Println(c.Key, c.From, "→", c.To) // retry.max_retries 5 → 2
	}
	return errors.Join(keepTurned(values), turnBack(ctx, payments, changed))
}

func turnBack(ctx context.Context, payments *holdfast.Pipeline, changed []config.Changed) error {
	was, back := map[string]string{}, map[string]string{}
	for _, c := range changed {
		was[c.Key], back[c.Key] = c.To, c.From
	}
	_, err := config.TuneFrom(ctx, payments, "mary", was, back)
	return err
}

func keepTurned(values map[string]string) error {
	patch, err := config.Patch("payments", values)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(patch) // services: {payments: {retry: {max_retries: 2}}}, in block style
	return err
}

func logged(logger *slog.Logger) *holdfast.Registry {
	registry := holdfast.NewRegistry(resilience.NewLogObserver(logger))
	return registry
}

func printRunning(registry *holdfast.Registry) error {
	file, err := config.Of(registry)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(file.YAML())
	return err
}

func TestConfigurationRegistry(t *testing.T) {
	file, err := parseNamed("services:\n  payments: {template: critical}\n")
	require.NoError(t, err)
	charge := func(context.Context) (string, error) { return "receipt", nil }
	require.NoError(t, applied(t.Context(), file, charge))

	var log bytes.Buffer
	registry := logged(slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, registry.Apply(file))
	require.NoError(t, amend(registry, func(error) bool { return false }))
	require.NoError(t, printRunning(registry))
	log.Reset()
	require.NoError(t, turn(t.Context(), registry))
	require.Contains(t, registry.MustGet("payments").String(), "retry 5×", "turned back")
	require.Contains(t, log.String(), `msg="pipeline changed by hand" pipeline=payments what="retry max retries" from=5 to=2 by=mary`)
	require.Contains(t, log.String(), `what="retry max retries" from=2 to=5 by=mary`)
	running, err := config.Of(registry)
	require.NoError(t, err)
	require.Contains(t, string(running.YAML()), "# not in this file: retry.RetryIf, a function")
}

func TestConfigurationWatch(t *testing.T) {
	t.Chdir(t.TempDir())
	require.ErrorContains(t, watchFile(t.Context(), holdfast.NewRegistry()), "services.yaml")
	saveServices(t, "services:\n  payments: {template: critical}\n")
	registry := holdfast.NewRegistry()
	require.NoError(t, watchFile(t.Context(), registry), "nobody ends the ctx, and it returns")

	metrics, err := holdfastprom.New()
	require.NoError(t, err)
	watcher, err := config.Watch(t.Context(), "services.yaml", registry)
	require.NoError(t, err)
	defer watcher.Close()
	mux := http.NewServeMux()
	showFile(mux, metrics, registry, watcher)
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/health", http.NoBody))
	require.Contains(t, answer.Body.String(), `"path": "services.yaml"`)
	require.Equal(t, 4, testutil.CollectAndCount(metrics, "holdfast_config_last_reload_successful", "holdfast_config_reloads_total", "holdfast_config_last_reload_success_timestamp_seconds"))
	require.Equal(t, "payments", registry.MustGet("payments").Name())
}

func TestConfigurationHosts(t *testing.T) {
	t.Chdir(t.TempDir())
	saveServices(t, "services:\n  hosts: {template: critical}\n")
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, holdfast.Background()...)
	require.NoError(t, err)
	registry := holdfast.NewRegistry()
	of := func(stages []resilience.Stage) string {
		p, err := holdfast.New("hosts", stages...)
		require.NoError(t, err)
		return p.String()
	}
	require.NoError(t, followHosts(t.Context(), registry, hosts, func() error {
		require.Equal(t, of(holdfast.Critical()), of(hosts.Get("db-7").Stages()))
		saveServices(t, "services:\n  hosts: {template: standard}\n")
		require.Eventually(t, func() bool {
			return of(hosts.Get("db-7").Stages()) == of(holdfast.Standard())
		}, 20*time.Second, time.Millisecond)
		return nil
	}))

	saveServices(t, "services: {}\n")
	err = followHosts(t.Context(), registry, hosts, func() error { return nil })
	require.ErrorContains(t, err, "hosts")
	require.Equal(t, of(holdfast.Standard()), of(hosts.Get("db-7").Stages()), "it changes nothing")
}

// What is said of an edit of the file while a breaker is isolated and a budget tuned.
func TestConfigurationEditInTrouble(t *testing.T) {
	registry := holdfast.NewRegistry()
	apply := func(payments string) {
		file, err := parseNamed("services:\n  search: {}\n  payments: " + payments)
		require.NoError(t, err)
		require.NoError(t, registry.Apply(file))
	}
	apply("{}")
	payments := registry.MustGet("payments")
	_, err := payments.Tune(t.Context(), holdfast.Tuning{
		Budget: func(c *budget.Config) { c.Ratio = 0.05 }, Isolate: []string{"payments"},
	})
	require.NoError(t, err)
	state := func() resilience.State { return payments.Snapshot().Breakers[0].State }
	require.Equal(t, resilience.StateIsolated, state())

	file, err := parseNamed("services:\n  search: {template: critical}\n  payments: {}")
	require.NoError(t, err)
	require.NoError(t, registry.Apply(file))
	require.InDelta(t, 0.05, payments.Budget().Config().Ratio, 0, "another service's change")
	require.Equal(t, resilience.StateIsolated, state())

	apply("{deadline: 9s}")
	require.InDelta(t, 3, payments.Budget().Config().Ratio, 0, "a change of its own, of another stage")
	require.Equal(t, resilience.StateIsolated, state(), "not of the breaker")

	apply("{deadline: 9s, breaker: {window: 11s}}")
	require.Equal(t, resilience.StateIsolated, state(), "nor is a number of the breaker a reason to let calls pass")
}

// saveServices puts a new services.yaml in the place of the old one.
func saveServices(t *testing.T, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile("services.yaml.new", []byte(text), 0o600))
	require.NoError(t, os.Rename("services.yaml.new", "services.yaml"))
}
