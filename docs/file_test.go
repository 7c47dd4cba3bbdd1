package docs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The README's file, and the guide's keyed pipelines and linter.

func watchedServices(ctx context.Context, observer resilience.Observer, charge resilience.Func) error {
	services := holdfast.NewRegistry(observer)
	watcher, err := config.Watch(ctx, "services.yaml", services) // applied now, and whenever the file changes
	if err != nil {
		return err // every problem, with its line
	}
	defer watcher.Close()

	payments, ok := services.Get("payments") // no lock, no allocation: ask anew for each call
	if !ok {
		return errors.New("no payments in services.yaml")
	}
	return payments.Do(ctx, charge)
}

func onePerHost(ctx context.Context, host string, fetch func(ctx context.Context, host string) (string, error)) error {
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{Size: 1000, Idle: time.Hour}, holdfast.Standard()...)
	if err != nil {
		return err
	}
	page, err := holdfast.Value(ctx, hosts.Get(host), func(ctx context.Context) (string, error) {
		return fetch(ctx, host)
	})
	_ = page
	return err
}

func printFindings(payments *holdfast.Pipeline) {
	for _, finding := range payments.Lint() {
		fmt.Println(finding)
		fmt.Println("    fix:", finding.Fix)
	}
}

// The README's first block of YAML is a file that a program can run with.
func TestReadmeFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "services.yaml"), []byte(readmeYAML(t)), 0o600))
	t.Chdir(dir)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	observer := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventCall {
			calls++
		}
	})
	require.NoError(t, watchedServices(ctx, observer, func(context.Context) error {
		cancel()
		return nil
	}))
	require.Equal(t, 1, calls)
}

func readmeYAML(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(read(t, "../README.md"))
	require.NotNil(t, m)
	return m[1]
}

func TestGuideOnePerHost(t *testing.T) {
	require.NoError(t, onePerHost(t.Context(), "db-7", func(_ context.Context, host string) (string, error) { return host, nil }))
}

func TestGuideShowsARealFinding(t *testing.T) {
	payments, err := holdfast.New("payments",
		deadline.In(2*time.Second), budget.Config{},
		retry.Config{MaxRetries: 5, BaseDelay: 50 * time.Millisecond, Jitter: retry.FullJitter},
		breaker.Config{}, deadline.In(500*time.Millisecond))
	require.NoError(t, err)
	printFindings(payments)
	guide := read(t, "guide.md")
	for _, f := range payments.Lint() {
		if f.Code == "HF001" {
			require.Contains(t, guide, f.String()+"\n    fix: "+f.Fix.String()+"\n")
			return
		}
	}
	t.Fatal("no HF001")
}
