package recipes

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// probes has what Kubernetes asks (of the process alone), and what people and alerts look at.
func probes(ready *atomic.Bool, pipelines ...*holdfast.Pipeline) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", func(http.ResponseWriter, *http.Request) {}) // 200: the process answers
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() { // it starts, or it drains
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.Handle("/health", holdfast.Health(pipelines...))
	return mux
}

// With a breaker open, the pod stays alive and in rotation, and Health says what is wrong.
func TestKubernetesProbes(t *testing.T) {
	p := holdfast.Must(holdfast.New("payments", breaker.Config{ConsecutiveFailures: 1}))
	require.Error(t, p.Do(t.Context(), func(context.Context) error { return syscall.ECONNREFUSED }))
	var ready atomic.Bool
	handler := probes(&ready, p)
	ask := func(path any) int {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path.(string), http.NoBody))
		return w.Code
	}
	container := documented(t, "Deployment")[0].at("spec", "template", "spec", "containers", 0)
	at := func(path ...any) any { return object(container.(map[string]any)).at(path...) }
	live, readiness := at("livenessProbe", "httpGet", "path"), at("readinessProbe", "httpGet", "path")
	require.Equal(t, 200, ask(live))
	require.Equal(t, 503, ask(readiness), "it has not started")
	ready.Store(true)
	require.Equal(t, 200, ask(readiness))
	require.Equal(t, 503, ask("/health"))
	require.NotEqual(t, "/health", live)
	require.NotEqual(t, "/health", readiness)
	for _, probe := range []string{"livenessProbe", "readinessProbe"} {
		require.Equal(t, at("ports", 0, "name"), at(probe, "httpGet", "port"), "a port by its name")
	}
}

// The ConfigMap is mounted as a folder, since a file mounted by subPath is never renewed. What is
// in it is a file that Holdfast takes, and the program reads it where it is mounted.
func TestKubernetesConfigMap(t *testing.T) {
	configMap, deployment := documented(t, "ConfigMap")[0], documented(t, "Deployment")[0]
	pod := func(path ...any) any { return deployment.at(append([]any{"spec", "template", "spec"}, path...)...) }
	mount := object(pod("containers", 0, "volumeMounts", 0).(map[string]any))
	require.Nil(t, mount.at("subPath"))
	require.Nil(t, mount.at("subPathExpr"))
	require.Equal(t, mount.at("name"), pod("volumes", 0, "name"))
	require.Equal(t, configMap.at("metadata", "name"), pod("volumes", 0, "configMap", "name"))
	require.Equal(t, deployment.at("spec", "selector", "matchLabels"), deployment.at("spec", "template", "metadata", "labels"))
	mounted := filepath.Join(mount.at("mountPath").(string), "services.yaml")
	require.Equal(t, servicesFile, mounted)

	text := configMap.at("data", "services.yaml").(string)
	renewed := filepath.Join(t.TempDir(), "services.yaml")
	require.NoError(t, os.WriteFile(renewed, []byte(text), 0o600))
	registry := holdfast.NewRegistry()
	w, err := config.Watch(t.Context(), renewed, registry)
	require.NoError(t, err)
	defer w.Wait()
	defer w.Close()
	_, ok := registry.Get("payments")
	require.True(t, ok)
}

// servicesFile is where the ConfigMap is mounted.
const servicesFile = "/etc/holdfast/services.yaml"

var _ = watchConfigMap

func watchConfigMap(ctx context.Context) (*holdfast.Registry, error) {
	registry := holdfast.NewRegistry()
	if _, err := config.Watch(ctx, servicesFile, registry); err != nil {
		return nil, err
	}
	return registry, nil
}
