package docs

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/resilience"
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
	defer watcher.Wait() // ends with ctx
	return nil
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

	registry := holdfast.NewRegistry()
	require.NoError(t, registry.Apply(file))
	require.NoError(t, amend(registry, func(error) bool { return false }))
	require.NoError(t, printRunning(registry))
	running, err := config.Of(registry)
	require.NoError(t, err)
	require.Contains(t, string(running.YAML()), "# not in this file: the retry loop's RetryIf, a function")
}

func TestConfigurationWatch(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "services.yaml"), []byte("services:\n  payments: {template: critical}\n"), 0o600))
	t.Chdir(dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, watchFile(ctx, holdfast.NewRegistry()))
}
