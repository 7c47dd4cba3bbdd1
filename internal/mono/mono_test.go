package mono_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
)

func TestBubbled(t *testing.T) {
	require.False(t, mono.Bubbled())
	synctest.Test(t, func(t *testing.T) {
		require.True(t, mono.Bubbled())
		time.Sleep(50 * 365 * 24 * time.Hour)
		require.True(t, mono.Bubbled(), "however long the bubble lives")
	})
	require.False(t, mono.Bubbled())
}

func TestMarksMeasure(t *testing.T) {
	var none mono.Mark
	require.True(t, none.IsZero())
	synctest.Test(t, func(t *testing.T) {
		now := mono.Now()
		mark := mono.MarkNow()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		deadline, _ := ctx.Deadline()
		until, left := mono.MarkUntil(deadline)
		require.Equal(t, time.Minute, left)
		require.False(t, mark.IsZero())
		require.False(t, until.IsZero())

		time.Sleep(90 * time.Second)
		require.Equal(t, 90*time.Second, mono.Since(now))
		require.Equal(t, 90*time.Second, mark.Elapsed())
		require.Equal(t, 90*time.Second, until.Elapsed())
	})
}
