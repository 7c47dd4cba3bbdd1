package fleet_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// All pods know who probes: the holder at once, and the others by the next tick.
func TestWhoProbesIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		w := newWorld(t, 5, 4, breaker.Config{}, store)
		defer w.end()
		holders := func() map[string]int {
			said := map[string]int{}
			for _, p := range w.pods {
				for _, s := range p.fleet.Stats().Services {
					require.Equal(t, s.Probes, s.Holder == p.fleet.Stats().Pod, "what a pod says of itself")
					if s.Holder != "" {
						said[s.Holder]++
					}
				}
			}
			return said
		}
		time.Sleep(10 * time.Second)
		require.Empty(t, holders())
		w.backend.down.Store(true)
		agreed := 0
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			for pod, n := range holders() {
				if n == len(w.pods) {
					agreed++
					looked, err := w.pods[0].fleet.Look(t.Context(), "checkout")
					require.NoError(t, err)
					require.Contains(t, []string{pod, ""}, looked.Holder)
				}
			}
		}
		require.Greater(t, agreed, 20)

		long := strings.Repeat("\xff\n", 1<<20)
		store.fault.Store(&fault{after: func(news []fleet.News) []fleet.News {
			for i := range news {
				news[i].Holder = long
			}
			return news
		}})
		time.Sleep(2 * time.Second)
		require.Equal(t, long[:fleet.MaxPod], w.pods[1].fleet.Stats().Services[0].Holder)

		store.fault.Store(nil)
		w.backend.down.Store(false)
		w.settle(breaker.StateClosed, time.Minute)
		time.Sleep(5 * time.Second)
		require.Empty(t, holders())
	})
}
