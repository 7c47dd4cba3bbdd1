package docs

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestGuideAdaptive(t *testing.T) {
	lookups, err := holdfast.New("lookups",
		deadline.In(10*time.Second),
		retry.Config{Adaptive: &retry.Adaptive{}},
		deadline.In(2*time.Second),
	)
	require.NoError(t, err)
	require.NoError(t, lookups.Do(t.Context(), func(context.Context) error { return nil }))
	require.Equal(t, retry.AttemptStats{Tries: 1, Successes: 1}, lookups.Snapshot().Learned.Attempts[0])
}
