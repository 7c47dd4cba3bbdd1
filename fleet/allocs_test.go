//go:build !race

package fleet_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// A breaker that a fleet follows costs a call what any breaker costs. The fleet's own goroutine
// allocates, once a tick: less than one allocation for each call of a run.
func TestAFleetCostsACallNothing(t *testing.T) {
	p, err := holdfast.New("checkout", breaker.Config{})
	require.NoError(t, err)
	f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop")
	require.NoError(t, err)
	defer f.Leave()
	f.Add(p)
	waitForNews(t, f)
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(200_000, func() { _ = p.Do(ctx, nothing) }))
}
