package storm_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The bands within which two figures are called the same: the rivals' vary from run to run, and a
// breaker that has to find out that all is well again takes its time to do so.
const (
	sameGoodput       = 0.03
	sameAmplification = 0.05
)

// In a partial failure, a preset has to get as much through as retries without any limit, up to a
// fifth of failures. Beyond that it has to get as much through as whoever stays below some attempts
// per call, since no limit can do better: where attempts fail independently of each other, with
// chance f, the share of calls that succeed is (1-f) times the attempts per call. At f = 0.5, who
// gets 93 % through has made 1.87 attempts per call.
const (
	fewFailures = 0.2
	frugal      = 1.3
)

// TestPresetsHold holds the presets to what docs/storms.md claims, in every storm: nobody gets more
// calls through once the trouble is over, and nobody who gets as many through makes fewer attempts,
// but for the concessions. The tables there have to show what was found here, so that a conceded
// loss cannot grow unseen; -update writes them anew.
func TestPresetsHold(t *testing.T) {
	tables := make([]table, 0, len(presets))
	for _, p := range presets {
		n := numbersOf(t, p.name, p.stages())
		found := table{preset: p.name}
		for _, trouble := range troubles {
			all := run(t, n, trouble)
			found.rows = append(found.rows, all)
			check(t, p.name+", "+trouble.name+": goodput", lost(trouble, all), sameGoodput)
			check(t, p.name+", "+trouble.name+": amplification", spent(all), sameAmplification)
		}
		tables = append(tables, found)
	}
	if *update {
		write(t, tables)
		return
	}
	compare(t, tables)
}

// behind is by how much a preset is behind, and whom; 0 if it is the best.
type behind struct {
	by  float64
	who string
}

func lost(trouble trouble, all outcomes) (most behind) {
	for _, r := range rivals {
		o := all[r.name]
		if trouble.partial > fewFailures && o.amplification > frugal {
			continue
		}
		if by := o.goodput - all[ours].goodput; by > most.by {
			most = behind{by, r.name}
		}
	}
	return most
}

func spent(all outcomes) (most behind) {
	for _, r := range rivals {
		o := all[r.name]
		if o.goodput < all[ours].goodput-sameGoodput {
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
func check(t *testing.T, what string, b behind, band float64) {
	t.Helper()
	reason, conceded := concessions[what]
	switch {
	case !conceded:
		assert.LessOrEqualf(t, b.by, band, "%s: behind %s", what, b.who)
	case b.by < band/2:
		assert.Failf(t, "no longer behind", "%s: strike the concession (%s)", what, reason)
	}
}
