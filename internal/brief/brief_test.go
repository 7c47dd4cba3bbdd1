package brief_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/brief"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Nanosecond: "1ns", 500 * time.Millisecond: "500ms", 10 * time.Second: "10s",
		time.Minute: "1m", 10 * time.Minute: "10m", 90 * time.Second: "1m30s", time.Hour: "1h", 100 * time.Hour: "100h",
		time.Hour + time.Second: "1h0m1s", time.Hour + 10*time.Minute: "1h10m", -2 * time.Hour: "-2h",
		math.MaxInt64: "2562047h47m16.854775807s",
	} {
		text := brief.Duration(d)
		require.Equal(t, want, text)
		again, err := time.ParseDuration(text)
		require.NoError(t, err)
		require.Equal(t, d, again)
	}
}
