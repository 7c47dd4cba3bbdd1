package storms_test

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/storm"
)

// The recording is of the fleet, the presets and the lab as they are: the first seed gives today
// what it gave then. At night that is tried for every row and client; with each change, for a few
// of them.
func TestTheRunIsCurrent(t *testing.T) {
	found, n := readRecording(t), 0
	eachCell(func(r *row, c cell) {
		if n++; n%stride() != 0 {
			return
		}
		was := found.cells[c][0]
		assert.Equal(t, was.text(1), outcomeOf(t, r, c, 1).text(1), "%v: run fleet/storms/run.sh", c)
	})
}

// stride is how far apart the cells are that are played again: it has no divisor in common with the
// number of clients, so that each of them has its turns.
func stride() int {
	switch {
	case suite.Nightly():
		return 1
	case suite.Partly():
		return 97
	}
	return 13
}

// One seed gives one report, byte for byte, however many processors there are: with all faults at
// once, a rollout, pods that stand still and one that lies.
func TestSameSeedSameReport(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	r := *rowOf(t, "all of that at once")
	liar := hostile("", r).faults
	faults := r.faults
	r.faults = func(l *lab) {
		faults(l)
		rollout(l)
		standStill(l)
		liar(l)
	}
	several, processors := clients[1:3], []int{4, 1}
	if suite.Partly() {
		several, processors = several[:1], processors[:1]
	}
	for _, c := range several {
		_, want := play(t, &r, c, with, 7)
		for _, n := range processors {
			runtime.GOMAXPROCS(n)
			_, got := play(t, &r, c, with, 7)
			require.True(t, reflect.DeepEqual(want, got), "%s, %d processors", c.name, n)
		}
	}
}

// With a store that does not answer, a fleet is as if it followed nothing: not a call has another
// end.
func TestADeadStoreChangesNothing(t *testing.T) {
	for i, c := range clients {
		if i > 0 && suite.Partly() {
			return
		}
		for _, name := range []string{"outage 20 s", "capacity ¼ for 10 s"} {
			r := *rowOf(t, name)
			_, want := play(t, &r, c, idle, 3)
			r.faults = func(l *lab) { l.bus.Down(true) }
			_, got := play(t, &r, c, with, 3)
			require.Equal(t, endings(want), endings(got), "%s: %s", name, c.name)
		}
	}
}

// endings is what happened in each second, but for the nanoseconds that it took.
func endings(r *storm.Report) (all []storm.Figures) {
	for _, b := range r.Series {
		f := storm.Figures{Calls: b.Calls, Good: b.Good, Attempts: b.Attempts, Failed: b.Failed, Works: b.Works}
		all = append(all, f)
	}
	return all
}
