//go:build !race

package holdfast_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// A hundred thousand keys of the Critical preset take at most 165 MB, and 175 MB if each has had a
// failure. (The race detector takes memory by itself.)
func TestAHundredThousandKeysFitIn165MB(t *testing.T) {
	const keys = 100_000
	names := make([]string, keys) // the caller's, in any case
	for i := range names {
		names[i] = fmt.Sprintf("host-%06d.example.com", i)
	}
	for failures, limit := range []float64{165e6, 175e6} {
		t.Run(fmt.Sprintf("%d failures", failures), func(t *testing.T) {
			stages := holdfast.Critical()
			// As large as shorter ones, and never reached.
			stages[0], stages[5] = deadline.In(2*time.Hour), deadline.In(time.Hour)
			stages[2] = fastRetries()
			before := heap()
			hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{Size: keys}, stages...)
			require.NoError(t, err)
			for _, host := range names {
				left := failures
				require.NoError(t, hosts.Do(t.Context(), host, func(context.Context) error {
					if left--; left >= 0 {
						return errFlaky
					}
					return nil
				}))
			}
			taken := heap() - before
			t.Logf("%d bytes for a key, %.0f MB for %d keys", taken/keys, float64(taken)/1e6, hosts.Len())
			require.Equal(t, keys, hosts.Len())
			require.EqualValues(t, keys*(1+failures), hosts.Snapshot().Attempts)
			require.Less(t, float64(taken), limit)
			runtime.KeepAlive(hosts)
		})
	}
	runtime.KeepAlive(names)
}

// They take no more when all have moved to other stages, and back.
func TestUpdatesLeaveAHundredThousandKeysWithin200MB(t *testing.T) {
	const keys, limit = 100_000, 200e6
	before := heap()
	hosts := newKeyed[int](t, holdfast.KeyedConfig{Size: keys}, holdfast.Critical()...)
	other := holdfast.Critical()
	other[1], other[2] = budget.Config{Burst: 7}, retry.Custom(2, 1, 1, false)
	var first *holdfast.Pipeline
	for _, stages := range [][]resilience.Stage{holdfast.Critical(), other, holdfast.Critical()} {
		require.NoError(t, hosts.Update(stages...))
		for key := range keys {
			hosts.Get(key)
		}
		if first == nil {
			first = hosts.Get(0)
		}
	}
	taken := heap() - before
	t.Logf("%d bytes for a key", taken/keys)
	require.Less(t, float64(taken), limit)
	require.Equal(t, keys, hosts.Len())
	require.Same(t, first, hosts.Get(0))
}

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the first leaves what pools hold
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
