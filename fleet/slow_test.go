package fleet_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/breaker"
)

// A store that is slow now and then, but answers within a tick, keeps the fleet's times: one pod
// probes at a time.
func TestAStoreThatIsSlowNowAndThen(t *testing.T) {
	together := 0
	for range 10 {
		synctest.Test(t, func(t *testing.T) {
			const pods = 20
			store := newFaulty()
			store.fault.Store(&fault{before: func(context.Context) error {
				time.Sleep(time.Duration(rand.Int64N(int64(120 * time.Millisecond)))) // up to four times in a tick
				return nil
			}})
			w := newWorld(t, pods, 10, breaker.Config{HalfOpenProbes: 1}, store)
			defer w.end()
			time.Sleep(10 * time.Second)
			misses := uint64(0) // before a fleet has a digest
			for _, p := range w.pods {
				misses += p.fleet.Stats().Misses
			}
			w.backend.down.Store(true)
			time.Sleep(6 * time.Second) // all are open
			w.backend.take()
			for range 240 {
				time.Sleep(250 * time.Millisecond)
				if len(w.backend.take()) > 1 {
					together++
				}
			}
			for _, p := range w.pods {
				misses -= p.fleet.Stats().Misses
			}
			require.Zero(t, misses, "the store has answered at each tick")
		})
	}
	require.LessOrEqual(t, together, 2, "of 2400 times, pods probe at once")
}
