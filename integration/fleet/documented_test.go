package fleet_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience"
)

const documented = `
fleet: {name: documented}
services:
  payments:
    template: critical
    breaker: {fleet: on}
    budget: {fleet: pooled}
`

var errServed = errors.New("served")

// The program of docs/fleet.md is a pod of the fleet that its file names, and leaves at its end.
func TestTheDocumentedProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "services.yaml")
	require.NoError(t, os.WriteFile(path, []byte(documented), 0o600))
	var left *fleet.Fleet
	s := newServer(t)
	log := resilience.NewLogObserver(slog.New(slog.DiscardHandler))
	err := run(t.Context(), path, s.addr, log, func(services *holdfast.Registry, f *fleet.Fleet) error {
		left = f
		require.Eventually(t, func() bool {
			now := f.Stats()
			return len(now.Services) == 1 && now.Services[0].Pods == 1 && len(now.Budgets) == 1
		}, time.Minute, 50*time.Millisecond)
		require.Equal(t, "documented", f.Stats().Fleet)
		require.Equal(t, "payments", f.Stats().Services[0].Name)
		require.NoError(t, services.MustGet("payments").Do(t.Context(), func(context.Context) error { return nil }))
		return errServed
	})
	require.ErrorIs(t, err, errServed)
	require.True(t, left.Stats().Left)

	require.Error(t, run(t.Context(), filepath.Join(t.TempDir(), "none.yaml"), s.addr, log, nil))
}

// The client of the documented program says what is wrong with Redis, and not only that it took too
// long: the client's own retries would take longer than a tick.
func TestTheDocumentedProgramSaysWhyRedisIsGone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "services.yaml")
	require.NoError(t, os.WriteFile(path, []byte(documented), 0o600))
	log := resilience.NewLogObserver(slog.New(slog.DiscardHandler))
	nobody := "127.0.0.1:1" // where nobody listens
	require.NoError(t, run(t.Context(), path, nobody, log, func(_ *holdfast.Registry, f *fleet.Fleet) error {
		// Where a tick is too short for the machine, it says so in that tick.
		require.Eventually(t, func() bool {
			s := f.Stats()
			return s.Apart && strings.Contains(s.Why, "refused")
		}, time.Minute, 50*time.Millisecond)
		return nil
	}))
}
