package fleet_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Whatever the store does, a readiness probe by Health does not fail.
func TestHealthIsNeverUnhealthy(t *testing.T) {
	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, store := joined(t)
				require.Equal(t, holdfast.Status{Name: "shop"}, f.Health())
				time.Sleep(5 * time.Second)
				require.Equal(t, holdfast.Status{Name: "shop"}, f.Health())

				store.fault.Store(fault)
				for range 60 {
					time.Sleep(time.Second)
					require.Less(t, f.Health().State, holdfast.Unhealthy)
				}
				h := f.Health()
				require.Equal(t, holdfast.Degraded, h.State)
				require.Regexp(t, `^no news from the fleet's store for (5[789](\.\d)?s|1m), so every breaker goes by itself: .+`, h.Why)

				store.fault.Store(nil)
				time.Sleep(5 * time.Second)
				require.Equal(t, holdfast.Status{Name: "shop"}, f.Health())
				store.fault.Store(fault)
				time.Sleep(10 * time.Second)
				require.Equal(t, holdfast.Degraded, f.Health().State)
				f.Leave()
				require.Equal(t, holdfast.Status{Name: "shop"}, f.Health(), "who has left misses nothing")
				time.Sleep(time.Minute) // until a store that is slow has answered
			})
		})
	}
}

// A pod that is found out to be broken says so.
func TestHealthOfABrokenPod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 4, breaker.Config{}, fleet.InProcess())
		defer w.end()
		time.Sleep(10 * time.Second)
		w.backend.down.Store(true)
		time.Sleep(20 * time.Second)
		w.pods[0].broken.Store(true)
		w.backend.down.Store(false)
		for began := time.Now(); w.pods[0].fleet.Health().State == holdfast.Healthy; time.Sleep(100 * time.Millisecond) {
			require.Less(t, time.Since(began), time.Minute)
		}
		h := w.pods[0].fleet.Health()
		require.Equal(t, holdfast.Degraded, h.State)
		require.Equal(t, "probes of checkout failed in this pod and succeeded in others", h.Why)
		for _, p := range w.pods[1:] {
			require.Equal(t, holdfast.Healthy, p.fleet.Health().State)
		}
		text, err := json.Marshal(h)
		require.NoError(t, err)
		require.JSONEq(t, `{"name": "shop", "state": "degraded", "why": "probes of checkout failed in this pod and succeeded in others"}`, string(text))
	})
}
