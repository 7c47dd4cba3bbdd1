package holdfast_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

// An update keeps the places that are taken, whatever the numbers.
func TestUpdateOfABulkhead(t *testing.T) {
	full := bulkhead.Config{MaxConcurrent: 1}
	p := newPipeline(t, full, bulkhead.Config{}, plain(1))
	require.NoError(t, p.Do(t.Context(), func(ctx context.Context) error {
		require.NoError(t, p.Update(full, bulkhead.Config{MaxConcurrent: 64}, plain(2)))
		require.ErrorIs(t, p.Do(ctx, succeed), bulkhead.ErrFull)
		require.Equal(t, 1, p.Snapshot().Bulkheads[1].InUse)

		require.NoError(t, p.Update(bulkhead.Config{MaxConcurrent: 2}, bulkhead.Config{MaxConcurrent: 63}, plain(2)))
		require.NoError(t, p.Do(ctx, succeed))
		require.Equal(t, bulkhead.Stats{MaxConcurrent: 2, InUse: 1, Rejected: 1}, p.Snapshot().Bulkheads[0])
		require.Equal(t, bulkhead.Stats{MaxConcurrent: 63, InUse: 1}, p.Snapshot().Bulkheads[1])
		return nil
	}))
	require.Zero(t, p.Snapshot().Bulkheads[0].InUse)
	require.Zero(t, p.Snapshot().Bulkheads[1].InUse)
}
