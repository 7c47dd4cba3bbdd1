package storm_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/suite"
)

// seeds is with how many seeds a test repeats a storm: n, or a quarter of that, and at least one,
// with -short or -race; and HOLDFAST_STORM_SEEDS times as many, as every night does.
func seeds(t *testing.T, n int) int {
	t.Helper()
	if testing.Short() || suite.Partly() {
		n = max(1, n/4)
	}
	if text := os.Getenv("HOLDFAST_STORM_SEEDS"); text != "" {
		times, err := strconv.Atoi(text)
		require.NoError(t, err, "HOLDFAST_STORM_SEEDS")
		require.Positive(t, times, "HOLDFAST_STORM_SEEDS")
		n *= times
	}
	return n
}
