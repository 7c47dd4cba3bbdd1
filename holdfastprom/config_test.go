package holdfastprom_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/holdfastprom"
)

// written is a configuration file that is watched.
type written struct {
	*testing.T
	path    string
	reloads chan config.Reload
	watcher *config.Watcher
}

func watched(t *testing.T, name, content string) *written {
	t.Helper()
	w := &written{T: t, path: filepath.Join(t.TempDir(), name), reloads: make(chan config.Reload, 1000)}
	require.NoError(t, os.WriteFile(w.path, []byte(content), 0o600))
	watcher, err := config.Watch(t.Context(), w.path, holdfast.NewRegistry(), config.WithDebounce(time.Millisecond), config.WithPoll(time.Millisecond),
		config.WithOnReload(func(r config.Reload) { w.reloads <- r }))
	require.NoError(t, err)
	w.watcher = watcher
	t.Cleanup(watcher.Close)
	return w
}

// replace replaces the file, and waits until it was read.
func (w *written) replace(content string) config.Reload {
	w.Helper()
	require.NoError(w, os.WriteFile(w.path+".new", []byte(content), 0o600))
	require.NoError(w, os.Rename(w.path+".new", w.path))
	return <-w.reloads
}

// A file that is broken is shown as broken until it is mended: also if it is mended by writing what
// was there before, and if it is gone.
func TestAConfigurationFileIsShown(t *testing.T) {
	m, r := newMetrics(t)
	before := float64(time.Now().UnixMilli()) / 1e3
	w := watched(t, "services.yaml", "services: {payments: {}}\n")
	require.Empty(t, shown(t, r, "config_last_reload_successful"))
	m.FollowConfig(w.watcher)
	m.FollowConfig(w.watcher)
	m.FollowConfig(nil)
	is := func(successful, applied, refused int) {
		t.Helper()
		require.Equal(t, []string{fmt.Sprintf("config_last_reload_successful{path=%q} %d", w.path, successful)}, shown(t, r, "config_last_reload_successful"))
		require.Equal(t, []string{
			fmt.Sprintf(`config_reloads_total{path=%q,result="applied"} %d`, w.path, applied),
			fmt.Sprintf(`config_reloads_total{path=%q,result="refused"} %d`, w.path, refused),
		}, shown(t, r, "config_reloads_total"))
	}
	is(1, 1, 0)
	first := stamp(t, r)
	require.GreaterOrEqual(t, first, before, "the first load counts")
	require.Less(t, first, before+1000, "in seconds")

	require.Error(t, w.replace("services: 5\n").Err)
	is(0, 1, 1)
	require.Equal(t, first, stamp(t, r), "the time of what is in force") //nolint:testifylint // exactly
	require.NoError(t, w.replace("services: {payments: {}}\n").Err)
	is(1, 2, 1)
	require.Greater(t, stamp(t, r), first)

	require.NoError(t, os.Remove(w.path))
	require.ErrorIs(t, (<-w.reloads).Err, os.ErrNotExist)
	is(0, 2, 2)
	w.watcher.Close()
	require.Empty(t, shown(t, r, "config_last_reload_successful", "config_reloads_total", "config_last_reload_success_timestamp_seconds"))
}

func stamp(t *testing.T, r *prometheus.Registry) (at float64) {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "holdfast_config_last_reload_success_timestamp_seconds" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return 0
}

// Hostile names of files: a scrape succeeds, and each line is one line.
func TestNamesOfFilesInMetrics(t *testing.T) {
	m, r := newMetrics(t)
	w := watched(t, "a\n\"b\" \u202ec.yaml", "services: {payments: {}}\n")
	m.FollowConfig(w.watcher)
	require.Len(t, shown(t, r, "config_last_reload_successful"), 1)
	require.Contains(t, shown(t, r, "config_last_reload_successful")[0], `/a\n\"b\" `)
}

// Scrapes while a file changes, and while its watcher ends.
func TestScrapesWhileAFileIsReloaded(t *testing.T) {
	m, r := newMetrics(t)
	w := watched(t, "services.yaml", "services: {payments: {}}\n")
	m.FollowConfig(w.watcher)
	var scrapes sync.WaitGroup
	stop := make(chan struct{})
	scrapes.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := r.Gather(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for i := range 20 {
		w.replace(fmt.Sprintf("services: {payments: {retry: {max_retries: %d}}}\n", i%3+1))
	}
	w.watcher.Close()
	close(stop)
	scrapes.Wait()
	require.Empty(t, shown(t, r, "config_last_reload_successful"))
}

// broken is a file that was refused.
type broken struct{}

func (broken) Status() holdfast.ConfigStatus {
	return holdfast.ConfigStatus{Path: "services.yaml", Applied: time.Unix(1700000000, 0), Err: errors.New("line 3: …"), Reloads: 1, Refusals: 1}
}

// A program gives the Watcher of its file: metrics.FollowConfig(watcher).
func ExampleMetrics_FollowConfig() {
	metrics, err := holdfastprom.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)

	var watcher holdfast.ConfigFile = broken{} // in a program: watcher, err := config.Watch(ctx, "services.yaml", services)
	metrics.FollowConfig(watcher)
	print(registry, "holdfast_config_reloads_total")
	print(registry, "holdfast_config_last_reload_success")
	// Output:
	// holdfast_config_reloads_total{path="services.yaml",result="applied"} 1
	// holdfast_config_reloads_total{path="services.yaml",result="refused"} 1
	// holdfast_config_last_reload_success_timestamp_seconds{path="services.yaml"} 1.7e+09
}
