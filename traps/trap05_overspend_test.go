package traps_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: callers who withdraw at once never spend more than there is.
func TestConcurrentCallersNeverOverspend(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		call := assemble(budget.Config{Burst: 25, Floor: -1}, retry.Config{MaxRetries: 100}).Wrap
		var attempts atomic.Int64
		op := call(func(context.Context) error { attempts.Add(1); return errDown })
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() { _ = op(t.Context()) })
		}
		wg.Wait()
		require.EqualValues(t, 64+25, attempts.Load())
	})
}

// Pins: the ratio is exact at every setting; 0.6 to 0.9 are not 1.
func TestRatioIsExact(t *testing.T) {
	for tenths := 1; tenths <= 10; tenths++ {
		t.Run(fmt.Sprint(tenths), func(t *testing.T) {
			b, err := budget.New(budget.Config{Ratio: float64(tenths) / 10, Initial: -1, Floor: -1, Burst: 100_000})
			require.NoError(t, err)
			for n := 1; n <= 1000; n++ {
				b.Deposit()
				require.Equal(t, n*tenths/10, int(math.Floor(b.Tokens())), "after %d deposits", n)
			}
			paid := 0
			for b.Allow() {
				paid++
			}
			require.Equal(t, 100*tenths, paid)
		})
	}
}

// Pins: a panic or a Goexit of the op gives its permit back.
func TestPermitSurvivesPanicAndGoexit(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		gate, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
		require.NoError(t, err)
		call := assemble(retry.Default(), gate)
		for range 3 {
			require.Equal(t, "boom", survive(func() {
				_ = call.Wrap(func(context.Context) error { panic("boom") })(t.Context())
			}))
			apart(func() {
				_ = call.Wrap(func(context.Context) error { runtime.Goexit(); return nil })(t.Context())
			})
		}
		require.Zero(t, gate.Stats().InUse)
		require.NoError(t, call.Wrap(working)(t.Context()))
	})
}
