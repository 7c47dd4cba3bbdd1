package storm_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/storm"
)

var variants = flag.String("variants", "", "play the presets without each of their parts and with each number halved and doubled, and write the tables to this file; for variants.sh")

// TestVariants plays variants of Critical and Standard in all storms, but for those of 200 pods.
func TestVariants(t *testing.T) {
	if *variants == "" {
		t.Skip("variants.sh plays them")
	}
	var b strings.Builder
	b.WriteString("\n| without a part | Critical | Standard |\n|---|---:|---:|\n")
	as := reference{}
	for _, r := range ablations {
		fmt.Fprintf(&b, "| %s |", r.name)
		for _, preset := range varied {
			fmt.Fprintf(&b, " %s |", as.compare(t, preset, r))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n| number | Critical: halved | doubled | Standard: halved | doubled |\n|---|---:|---:|---:|---:|\n")
	for _, both := range halvesAndDoubles {
		fmt.Fprintf(&b, "| %s |", strings.TrimSuffix(both[0].name, " halved"))
		for _, preset := range varied {
			for _, r := range both {
				fmt.Fprintf(&b, " %s |", as.compare(t, preset, r))
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\nMeans of the seeds 1 to %d.\n", *numSeeds)
	require.NoError(t, os.WriteFile(*variants, []byte(b.String()), 0o600))
}

// varied are the presets of which variants are played.
var varied = []string{"critical", "standard"}

// reference remembers what came of the presets as they are, by preset and storm.
type reference map[string]outcome

// compare returns how much a recipe changes goodput since the trouble began: the mean over all
// storms, and the storm in which it loses most.
func (as reference) compare(t *testing.T, preset string, r recipe) string {
	t.Helper()
	sum, storms, worst, where := 0.0, 0, math.Inf(1), ""
	for _, p := range presets {
		if p.name != preset {
			continue
		}
		n := numbersOf(t, p.name, p.stages())
		each(p.name, func(tr trouble) {
			if tr.seeds > 0 || tr.kinds != nil {
				return
			}
			is, ok := as[preset+tr.name]
			if !ok {
				is = seeds(t, n, tr, rival{ours, holdfastPreset})
				as[preset+tr.name] = is
			}
			other := seeds(t, n, tr, rival{r.name, func(n numbers) storm.Doer { return holdfast.Must(holdfast.New(n.preset, r.make(n)...)) }})
			by := 100 * (other.since - is.since)
			sum += by
			storms++
			if by < worst {
				worst, where = by, tr.name
			}
		})
	}
	if worst > -0.05 {
		return fmt.Sprintf("%+.1f", sum/float64(storms))
	}
	return fmt.Sprintf("%+.1f (%+.1f: %s)", sum/float64(storms), worst, where)
}

// seeds returns the mean of the first seeds.
func seeds(t *testing.T, n numbers, tr trouble, r rival) outcome {
	t.Helper()
	var all []outcome
	for seed := range uint64(*numSeeds) {
		outcomes, _ := run(t, n, tr, r, seed+1)
		all = append(all, outcomes...)
	}
	return mean(all)
}
