package storm_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/storm"
)

var (
	only      = flag.String("variants", "", "play these variants, a comma between two; for variants.sh")
	inStorms  = flag.String("storms", "", "in the storms whose names contain one of these")
	forPreset = flag.String("preset", "standard", "of this preset")
)

// TestVariants plays variants of a preset, and prints a line for each storm.
func TestVariants(t *testing.T) {
	if *only == "" {
		t.Skip("variants.sh plays them")
	}
	names := strings.Split(*only, ",")
	for _, p := range presets {
		if p.name != *forPreset {
			continue
		}
		each(p.name, func(tr trouble) {
			if *inStorms != "" && !slices.ContainsFunc(strings.Split(*inStorms, ","), func(s string) bool { return strings.Contains(tr.name, s) }) {
				return
			}
			for _, name := range names {
				var all [][]outcome
				var p99 time.Duration
				for seed := 1; seed <= tr.limit(*numSeeds); seed++ {
					outcomes, report := run(t, numbersOf(t, p.name, p.stages()), tr, variant(t, name), uint64(seed))
					all = append(all, outcomes)
					p99 += report.Total.P99 / time.Duration(tr.limit(*numSeeds))
				}
				for i, column := range tr.columns() {
					var of []outcome
					for _, o := range all {
						of = append(of, o[i])
					}
					m := mean(of)
					fmt.Fprintf(os.Stdout, "%s\t%s\t%s\t%.1f\t%.1f\t%.2f\t%v\n", p.name, column, name, 100*m.after, 100*m.since, m.amplification, p99.Round(time.Millisecond))
				}
			}
		})
	}
}

func variant(t *testing.T, name string) rival {
	t.Helper()
	if make, ok := variants[name]; ok {
		return rival{name, func(n numbers) storm.Doer {
			return holdfast.Must(holdfast.New(n.preset, make(n)...))
		}}
	}
	for _, r := range rivals {
		if r.name == name {
			return r
		}
	}
	require.Fail(t, "there is no such variant", name)
	return rival{}
}
