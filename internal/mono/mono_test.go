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

func TestLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := mono.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		deadline, _ := ctx.Deadline()
		require.Equal(t, time.Minute, mono.Left(deadline, now))

		time.Sleep(90 * time.Second)
		require.Equal(t, 90*time.Second, mono.Since(now))
		require.Equal(t, -30*time.Second, mono.Left(deadline, mono.Now()))
	})
}

func TestBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		then := mono.Now()
		time.Sleep(time.Second)
		require.Equal(t, then, mono.At(then).OrNow())
		require.Equal(t, mono.Now(), mono.Began{}.OrNow())
		require.Equal(t, mono.Now(), mono.At(0).OrNow())
	})
}
