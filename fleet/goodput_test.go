package fleet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// A fleet is not to cost calls where it has nothing to do. What it costs and spares in an outage is
// logged only: after a short one it costs some, see docs/fleet.md. 100 pods make a call a second
// each, and four where one is broken; there is no retry loop.
func TestGoodputWithAndWithoutAFleet(t *testing.T) {
	type outcome struct {
		goodput float64 // from when the trouble begins until a while after it
		calls   int64   // that reached the dependency in the trouble
		open    time.Duration
	}
	run := func(t *testing.T, transport fleet.Transport, pods int, rate float64, during, after time.Duration, begin, end func(*world)) (o outcome) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, pods, rate, breaker.Config{}, transport)
			defer w.end()
			time.Sleep(30 * time.Second)
			w.goodput()
			w.backend.take()
			begin(w)
			for passed := time.Duration(0); passed < during; passed += 100 * time.Millisecond {
				time.Sleep(100 * time.Millisecond)
				if o.open == 0 && w.states()[breaker.StateOpen] > pods/2 {
					o.open = passed + 100*time.Millisecond
				}
			}
			o.calls = sumOf(w.backend.take())
			end(w)
			time.Sleep(after)
			o.goodput = w.goodput()
		})
		return o
	}
	down := func(is bool) func(*world) { return func(w *world) { w.backend.down.Store(is) } }
	fail := func(share float64) func(*world) { return func(w *world) { w.backend.fail.Store(int64(share * 1000)) } }
	broken := func(is bool) func(*world) { return func(w *world) { w.pods[0].broken.Store(is) } }
	for _, test := range []struct {
		name          string
		pods          int
		rate          float64
		during, after time.Duration
		begin, end    func(*world)
	}{
		{"an outage of 10s", 100, 1, 10 * time.Second, 20 * time.Second, down(true), down(false)},
		{"an outage of 60s", 100, 1, time.Minute, 20 * time.Second, down(true), down(false)},
		{"20 % of the calls fail", 100, 1, time.Minute, 0, fail(0.2), fail(0)},
		{"one broken pod of 3", 3, 4, time.Minute, 0, broken(true), broken(false)},
		{"one broken pod of 10", 10, 4, time.Minute, 0, broken(true), broken(false)},
		{"one broken pod of 100", 100, 4, time.Minute, 0, broken(true), broken(false)},
	} {
		without := run(t, nil, test.pods, test.rate, test.during, test.after, test.begin, test.end)
		with := run(t, fleet.InProcess(), test.pods, test.rate, test.during, test.after, test.begin, test.end)
		t.Logf("%s: goodput %.3f without, %.3f with; calls in the trouble %d without, %d with; half of the breakers open after %v without, %v with",
			test.name, without.goodput, with.goodput, without.calls, with.calls, without.open, with.open)
		if test.after == 0 {
			require.GreaterOrEqual(t, with.goodput, without.goodput-0.03, test.name)
		} else {
			require.Less(t, 2*with.calls, without.calls, test.name)
			require.Less(t, 2*with.open, without.open, test.name)
		}
	}
}
