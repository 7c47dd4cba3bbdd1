package traps_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: after a hundred retries the loop still sleeps MaxDelay; base·2ⁿ never overflows.
func TestLongLoopKeepsSleepingMaxDelay(t *testing.T) {
	for _, backoff := range []retry.Backoff{retry.Exponential, retry.Linear, retry.Fibonacci} {
		inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
			call := assemble(retry.Config{
				MaxRetries: 100, BaseDelay: 50 * time.Millisecond, Jitter: retry.NoJitter, Backoff: backoff,
			})
			var pauses []time.Duration
			last := time.Now()
			err := call.Wrap(func(context.Context) error {
				pauses = append(pauses, time.Since(last))
				last = time.Now()
				return errDown
			})(t.Context())
			require.ErrorIs(t, err, retry.ErrExhausted)
			require.Len(t, pauses, 101)
			for i := 1; i < len(pauses)-1; i++ {
				require.GreaterOrEqual(t, pauses[i+1], pauses[i])
			}
			require.Equal(t, 5*time.Second, pauses[100])
		})
	}
}

// Pins: no retry number, base or limit makes a backoff negative or longer than the limit.
func TestBackoffNeverLeavesItsBounds(t *testing.T) {
	const longest = time.Duration(1<<63 - 1)
	for _, backoff := range []retry.StandardBackoff{retry.Exponential, retry.Constant, retry.Linear, retry.Fibonacci} {
		for _, base := range []time.Duration{1, 50 * time.Millisecond, time.Hour, longest} {
			for _, n := range []int{0, 1, 30, 31, 33, 61, 62, 63, 64, 65, 100, 1000, math.MaxInt32, math.MaxInt} {
				for _, multiplier := range []float64{1, 1.5, 2, 10, 1e300} {
					s := retry.Step{Retry: n, Base: base, Max: longest, Multiplier: multiplier}
					require.GreaterOrEqual(t, backoff.Backoff(s), base, "%v of %+v", backoff, s)
				}
			}
		}
	}
}
