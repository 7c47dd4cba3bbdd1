package holdfast_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

// An update to the same numbers, even if written otherwise, keeps the bulkhead and its places.
// Other numbers make a new one.
func TestUpdateOfABulkhead(t *testing.T) {
	full := bulkhead.Config{MaxConcurrent: 1}
	p := newPipeline(t, full, bulkhead.Config{}, plain(1))
	require.NoError(t, p.Do(t.Context(), func(ctx context.Context) error {
		require.NoError(t, p.Update(full, bulkhead.Config{MaxConcurrent: 64}, plain(2)))
		require.ErrorIs(t, p.Do(ctx, succeed), bulkhead.ErrFull)
		require.Equal(t, 1, p.Snapshot().Bulkheads[1].InUse)

		require.NoError(t, p.Update(bulkhead.Config{MaxConcurrent: 2}, bulkhead.Config{MaxConcurrent: 63}, plain(2)))
		require.NoError(t, p.Do(ctx, succeed))
		for i, places := range []int{2, 63} {
			require.Equal(t, bulkhead.Stats{MaxConcurrent: places}, p.Snapshot().Bulkheads[i])
		}
		return nil
	}))
}
