package storms_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	// notWorse is by how much goodput may be less with a fleet than without one.
	notWorse = 0.02

	// same is how far two goodputs may be apart that are called the same.
	same = 0.01
)

// A fleet costs no calls, in any row and by the means of all seeds, but for the concessions: the
// goodput since the trouble began, and that after its end, are at most 2 points less than without
// one.
func TestAFleetIsNeverWorse(t *testing.T) {
	found, needed := readRecording(t), map[string]bool{}
	each(func(r *row) {
		for _, c := range clients {
			what := r.name + ": " + c.name
			without, with := found.found(r, c.name, false), found.found(r, c.name, true)
			by := max(without.since-with.since, without.after-with.after)
			reason, conceded := concessions[what]
			needed[what] = true
			switch {
			case !conceded:
				assert.LessOrEqual(t, by, notWorse, "%s: since the trouble began %.3f, %.3f without; after its end %.3f, %.3f without",
					what, with.since, without.since, with.after, without.after)
			case by < notWorse/2:
				assert.Fail(t, "no longer worse", "%s: strike the concession (%s)", what, reason)
			}
		}
	})
	for what := range concessions {
		assert.True(t, needed[what], "%s: there is no such row; strike the concession", what)
	}
}

// A dependency that is down is asked less often; and for long enough, by far.
func TestAFleetSparesTheDependency(t *testing.T) {
	found, byFar := readRecording(t), []string{
		"outage 20 s", "outage 60 s", "outage 20 s, then one pod is broken", "half have an older Config, outage 20 s",
	}
	each(func(r *row) {
		if r.scenario.Triggers[0].ErrorRatio < 1 || r.end == 0 {
			return
		}
		for _, c := range clients {
			without, with := found.found(r, c.name, false), found.found(r, c.name, true)
			assert.LessOrEqual(t, with.attempts, 1.03*without.attempts, "%s: %s", r.name, c.name)
			if slices.Contains(byFar, r.name) {
				assert.Less(t, 1.5*with.attempts, without.attempts, "%s: %s", r.name, c.name)
				assert.Less(t, 3*with.probes, without.probes, "%s: %s", r.name, c.name)
			}
		}
	})
}

// Pods that see little of an outage open within a few seconds, which without a fleet they do when
// it is nearly over, or not at all.
func TestAFleetSeesAnOutageSoon(t *testing.T) {
	found := readRecording(t)
	for _, name := range []string{"outage 10 s", "outage 20 s", "outage 60 s"} {
		r := rowOf(t, name)
		for _, c := range clients {
			without, with := found.found(r, c.name, false), found.found(r, c.name, true)
			assert.Greater(t, with.half, 0.0, "%s: %s", name, c.name)
			assert.Less(t, with.half, 5.0, "%s: %s", name, c.name)
			if without.half >= 0 {
				assert.Less(t, with.half, without.half, "%s: %s", name, c.name)
			}
		}
	}
}

// Where only one pod is broken, some calls fail, or all is well, a fleet changes nothing.
func TestAFleetLeavesWellAlone(t *testing.T) {
	found := readRecording(t)
	for _, name := range []string{"one broken pod of 3", "one broken pod of 10", "one broken pod of 100", "20 % fail", "all is well"} {
		r := rowOf(t, name)
		for _, c := range clients {
			without, with := found.found(r, c.name, false), found.found(r, c.name, true)
			assert.InDelta(t, without.since, with.since, same/2, "%s: %s", name, c.name)
			assert.Equal(t, -1.0, with.half, "%s: %s", name, c.name)
		}
	}
}

// The traffic of a fleet grows with its pods, and not with their square.
func TestTheBillGrowsWithThePods(t *testing.T) {
	found := readRecording(t)
	few, more := found.bills[100], found.bills[1000]
	for _, b := range []struct{ few, more account }{{few.calm, more.calm}, {few.out, more.out}} {
		assert.Less(t, b.more.requests, 11*b.few.requests)
		assert.Less(t, b.more.in, 11*b.few.in)
		assert.Less(t, b.more.out, 15*b.few.out, "one pod is sent all cells, five times a second")
	}
}

func rowOf(t *testing.T, name string) (found *row) {
	t.Helper()
	each(func(r *row) {
		if r.name == name {
			found = r
		}
	})
	require.NotNil(t, found, "there is no such row: %s", name)
	return found
}
