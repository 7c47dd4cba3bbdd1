package holdfastprom_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestWhatALoopLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t)
		c := plain(2)
		c.Adaptive = &retry.Adaptive{Window: 3 * time.Second, MinSamples: 3, Explore: -1} // each call falls in another tenth of it
		p := newPipeline(t, "payments", holdfast.Observe(m), c)
		names := []string{"adaptive_success_ratio", "adaptive_stretch_ratio", "denials_total"}
		require.Contains(t, shown(t, r, names...), `denials_total{reason="unlikely_to_help",stage="retry"} 0`, "a zero before it first happens")
		for range 4 {
			require.Error(t, p.Do(t.Context(), fail))
		}
		require.NoError(t, p.Do(t.Context(), succeed))
		got := shown(t, r, names...)
		for _, want := range []string{
			`adaptive_stretch_ratio 2.8`, `adaptive_success_ratio{attempt="1"} 0.2`,
			`adaptive_success_ratio{attempt="2"} 0`, `adaptive_success_ratio{attempt="3"} 0`,
			`denials_total{reason="unlikely_to_help",stage="retry"} 1`,
		} {
			require.Contains(t, got, want)
		}
		problems, err := testutil.GatherAndLint(r)
		require.NoError(t, err)
		require.Empty(t, problems)

		require.NoError(t, p.Update(holdfast.Observe(m), plain(2)))
		require.Empty(t, shown(t, r, names[:2]...), "a loop that does not learn has no such gauges")
	})
}
