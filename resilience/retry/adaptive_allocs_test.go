//go:build !race

package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/retry"
)

// Learning allocates nothing, and neither does going by what was learned, up to the final error.
func TestAdaptiveAllocatesNothing(t *testing.T) {
	p := newPolicy(t, retry.Config{BaseDelay: 1, MaxDelay: 1, Adaptive: &retry.Adaptive{}})
	plain := newPolicy(t, retry.Config{MaxRetries: retry.None})
	ctx := t.Context()
	n := 0
	allocs(t, 0, func() { _ = p.Do(ctx, func(context.Context) error { n++; return nil }) })
	allocs(t, 0, func() {
		n = 0
		_ = p.Do(ctx, func(context.Context) error {
			if n++; n < 3 {
				return errDown
			}
			return nil
		})
	})
	final := testing.AllocsPerRun(200, func() { _ = plain.Do(ctx, failing) })
	allocs(t, final, func() { _ = p.Do(ctx, failing) })
}

// Pins: a tenth of the window in which more is counted than its word holds keeps the rate.
func TestAdaptiveCountsBeyondAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, retry.Config{MaxRetries: retry.None, Adaptive: &retry.Adaptive{Window: time.Hour}})
		n := 0
		for range 1 << 20 {
			_ = p.Do(t.Context(), func(context.Context) error {
				if n++; n%4 == 0 {
					return errDown
				}
				return nil
			})
		}
		a := p.Learned().Attempts[0]
		require.EqualValues(t, 1<<19, a.Tries, "half of 2²⁰ - 1, and one more")
		require.InDelta(t, 0.75, a.Rate(), 1e-5)
	})
}
