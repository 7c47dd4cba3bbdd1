package holdfastotel_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestWhatALoopLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSDK(t)
		c := plain(2)
		c.Adaptive = &retry.Adaptive{Window: 3 * time.Second, MinSamples: 3, Explore: -1} // each call falls in another tenth of it
		p := s.pipeline(t, "payments", c)
		for range 4 {
			require.Error(t, p.Do(t.Context(), fail))
		}
		require.NoError(t, p.Do(t.Context(), succeed))
		got := s.read(t)
		for name, want := range map[string]float64{
			"adaptive.stretch": 2.8, "adaptive.success{attempt.place=1}": 0.2,
			"adaptive.success{attempt.place=2}": 0, "adaptive.success{attempt.place=3}": 0,
			"denials{reason=unlikely_to_help,stage=retry}": 1,
		} {
			require.Contains(t, got, name)
			require.InDelta(t, want, got[name], 1e-9, name)
		}
	})
}
