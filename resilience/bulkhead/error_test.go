package bulkhead_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

// A nil *FullError in an error variable is no refusal, and does not panic.
func TestARefusalThatIsNil(t *testing.T) {
	var none *bulkhead.FullError
	require.Equal(t, "a nil *bulkhead.FullError", none.Error())
	require.NotErrorIs(t, none, bulkhead.ErrFull)
	require.Equal(t, resilience.Unclassified, none.Verdict())
	require.Equal(t, resilience.ReasonUnclassified, none.StopReason())
}

func TestARefusalIsNoOtherError(t *testing.T) {
	b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1})
	require.NoError(t, b.Acquire(t.Context()))
	err := b.Acquire(t.Context())
	require.ErrorIs(t, err, bulkhead.ErrFull)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, errors.ErrUnsupported)
	b.Release(t.Context(), nil)
}
