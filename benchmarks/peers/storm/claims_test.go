package storm_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The bands within which two means are called the same.
const (
	notWorse          = 0.02 // than no retries at all
	sameGoodput       = 0.03
	sameAmplification = 0.05
)

// frugal is the most attempts per call of a policy that a preset is compared with. Where attempts
// fail independently of each other, with chance f, the share of calls that succeed is (1-f) times
// the attempts per call, so whoever makes more gets more through; and where load is the trouble
// that is what keeps it up. But in the former, up to 60 % of failures, a preset has to get as much
// through as the same loop without any limit.
const (
	frugal       = 1.3
	mostPartial  = 0.6
	overloadsIn  = "brown-out, overloads"
	whoDoesNot   = "half do not retry: who does not"
	leastInASeed = 0.85
)

// TestPresetsHold holds the presets to what docs/storms.md claims, in every storm and by the means
// of all seeds, but for the concessions:
//
//   - "none": no retries at all get no more calls through;
//   - "frugal": nor does anybody who makes no more attempts than frugal;
//   - "alone": nor, where attempts fail by chance, does the same loop without any limit;
//   - "attempts": nobody who gets as many through makes fewer attempts.
//
// Calls are those begun since the trouble began, and those begun after its end. TestTheRunIsCurrent
// sees to it that the recording is of the presets as they are.
func TestPresetsHold(t *testing.T) {
	found := readRecording(t)
	needed := map[string]bool{}
	for _, p := range presets {
		each(p.name, func(tr trouble) {
			for _, column := range tr.columns() {
				all := outcomes{}
				for _, r := range rivals {
					all[r.name] = mean(found[cell{p.name, column, r.name}])
				}
				what := p.name + ", " + column + ": "
				check(t, needed, what+"none", all.lost(func(name string, _ outcome) bool { return name == noRetries }), notWorse)
				check(t, needed, what+"frugal", all.lost(func(_ string, o outcome) bool { return o.amplification <= frugal }), sameGoodput)
				if tr.partial > 0 && tr.partial <= mostPartial {
					check(t, needed, what+"alone", all.lost(func(name string, _ outcome) bool { return name == sameLoop }), sameGoodput)
				}
				check(t, needed, what+"attempts", all.spent(), sameAmplification)
			}
		})
	}
	for what := range concessions {
		assert.True(t, needed[what], "%s: there is no such claim; strike the concession", what)
	}
}

// No preset collapses in any seed: after the trouble nearly all calls succeed.
func TestNoPresetCollapses(t *testing.T) {
	found := readRecording(t)
	for _, p := range presets {
		each(p.name, func(tr trouble) {
			if tr.partial > 0 || tr.endless {
				return
			}
			for _, column := range tr.columns() {
				for i, o := range found[cell{p.name, column, ours}] {
					assert.Greaterf(t, o.after, leastInASeed, "%s, %s, seed %d", p.name, column, i+1)
				}
			}
		})
	}
}

// Those who do not retry get no less through because others do. And where refusals cost the server
// something, and say so, the presets ask little more often than without retries.
func TestPresetsHarmNobody(t *testing.T) {
	found := readRecording(t)
	with, without := mean(found[cell{"standard", whoDoesNot, ours}]), mean(found[cell{"standard", whoDoesNot, noRetries}])
	assert.GreaterOrEqual(t, with.after, without.after-notWorse)
	assert.GreaterOrEqual(t, with.since, without.since-notWorse)
	for _, preset := range []string{"critical", "standard"} {
		assert.LessOrEqual(t, mean(found[cell{preset, overloadsIn, ours}]).amplification, frugal, preset)
	}
}

// outcomes are the means of the clients, by name, in one storm.
type outcomes map[string]outcome

// behind is by how much a preset is behind, and whom; 0 if it is the best.
type behind struct {
	by  float64
	who string
}

// lost returns by how much a preset is behind those among the others, after the trouble or since
// it began.
func (all outcomes) lost(among func(name string, o outcome) bool) (most behind) {
	for _, r := range rivals {
		o := all[r.name]
		if !among(r.name, o) {
			continue
		}
		if by := max(o.after-all[ours].after, o.since-all[ours].since); by > most.by {
			most = behind{by, r.name}
		}
	}
	return most
}

func (all outcomes) spent() (most behind) {
	for _, r := range rivals {
		o := all[r.name]
		if o.after < all[ours].after-sameGoodput || o.since < all[ours].since-sameGoodput {
			continue // who gets less through may well ask for less
		}
		if by := all[ours].amplification - o.amplification; by > most.by {
			most = behind{by, r.name}
		}
	}
	return most
}

// check fails if a preset is behind by more than band, unless that is conceded; and if a concession
// is not needed any more. Between half the band and all of it, either will do.
func check(t *testing.T, seen map[string]bool, what string, b behind, band float64) {
	t.Helper()
	seen[what] = true
	reason, conceded := concessions[what]
	switch {
	case !conceded:
		assert.LessOrEqualf(t, b.by, band, "%s: behind %s", what, b.who)
	case b.by < band/2:
		assert.Failf(t, "no longer behind", "%s: strike the concession (%s)", what, reason)
	}
}
