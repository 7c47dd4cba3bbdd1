package fleet_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// floorParts returns the parts of the floor of pods that have news.
func floorParts(t *testing.T, pods []*payer) (sum float64, each []float64) {
	t.Helper()
	for _, p := range pods {
		if s := p.fleet.Stats(); len(s.Budgets) > 0 && !s.Apart {
			each = append(each, s.Budgets[0].FloorShare)
			sum += s.Budgets[0].FloorShare
		}
	}
	return sum, each
}

func TestPodsWithTrafficDivideOneFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleet.InProcess()
		var pods []*payer
		var stops []func()
		join := func(pause time.Duration) *payer {
			p := newPayer(t, store, fmt.Sprint(len(pods)), budget.Config{Floor: 1})
			pods = append(pods, p)
			if pause > 0 {
				stops = append(stops, p.busy(t.Context(), pause))
			}
			return p
		}
		within := func(d time.Duration) {
			t.Helper()
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(37 * time.Millisecond) {
				sum, each := floorParts(t, pods)
				require.LessOrEqual(t, sum, 1.000001, "%v", each)
			}
		}
		for range 4 {
			join(time.Second)
		}
		join(0) // quiet
		within(10 * time.Second)
		_, each := floorParts(t, pods)
		require.Equal(t, []float64{0.25, 0.25, 0.25, 0.25, 0}, each)

		for range 4 { // one after the other
			join(200 * time.Millisecond)
			within(time.Second)
		}
		within(8 * time.Second)
		sum, each := floorParts(t, pods)
		require.InDelta(t, 1, sum, 1e-9, "%v", each)
		require.Equal(t, 0.125, each[0])

		pods[0].fleet.Leave()
		pods = pods[1:]
		within(10 * time.Second)
		_, each = floorParts(t, pods)
		require.Equal(t, 1.0/7, each[0])

		for _, stop := range stops {
			stop()
		}
		within(20 * time.Second)
		sum, _ = floorParts(t, pods)
		require.Zero(t, sum, "who has no traffic has no part")
		for _, p := range pods {
			p.fleet.Leave()
		}
	})
}

// floorOf returns for how many retries a second the budget's floor pays.
func floorOf(p *payer) float64 {
	for p.pipeline.Budget().Allow() {
	}
	n := 0
	for range 1000 {
		time.Sleep(10 * time.Millisecond)
		if p.pipeline.Budget().Withdraw().Payer == budget.FromFloor {
			n++
		}
	}
	return float64(n) / 10
}

// Three ticks without news, for whatever reason, and the floor is whole; and so it is after the pod
// has left.
func TestAFloorIsWholeWithoutNews(t *testing.T) {
	all := faults()
	all["leaves"] = nil
	for name, fault := range all {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFaulty()
				pods := make([]*payer, 4)
				for i := range pods {
					pods[i] = newPayer(t, store, fmt.Sprint(i), budget.Config{Floor: 8, Burst: 1, Ratio: -1})
					defer pods[i].busy(t.Context(), 100*time.Millisecond)()
				}
				time.Sleep(10 * time.Second)
				require.InDelta(t, 2, floorOf(pods[0]), 0.2)
				if fault == nil {
					pods[0].fleet.Leave()
				} else {
					store.fault.Store(fault)
					time.Sleep(5 * time.Second)
				}
				require.InDelta(t, 8, floorOf(pods[0]), 0.2)
				store.fault.Store(nil)
				if fault != nil {
					time.Sleep(10 * time.Second)
					require.InDelta(t, 2, floorOf(pods[0]), 0.2, "back again")
				}
				for _, p := range pods {
					p.fleet.Leave()
				}
				time.Sleep(time.Minute) // until a store that is slow has answered
			})
		})
	}
}
