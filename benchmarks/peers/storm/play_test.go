package storm_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	share = flag.String("share", "", "play every n-th storm, from the i-th on: i/n; for run.sh")
	into  = flag.String("into", "", "the file for what -share found")

	onlyOurs = flag.Bool("ours", false, "play Holdfast's rows alone, and keep what the recording has of the others")

	numSeeds = flag.Int("seeds", 8, "how many seeds -share plays, from 1 on")
)

// TestPlay plays all storms with all clients and seeds, or the share of it that a process of run.sh
// is told to: storms run one at a time in a process, and some hundred seconds of them are too much
// for a test of every change.
func TestPlay(t *testing.T) {
	if *share == "" {
		t.Skip("run.sh plays them all")
	}
	var which, of int
	_, err := fmt.Sscanf(*share, "%d/%d", &which, &of)
	require.NoError(t, err, "-share: want i/n")
	f, err := os.Create(*into)
	require.NoError(t, err)
	for seed := 1; seed <= *numSeeds; seed++ {
		job := 0
		for _, p := range presets {
			n := numbersOf(t, p.name, p.stages())
			each(p.name, func(tr trouble) {
				for _, r := range rivals {
					if *onlyOurs && !r.ours() {
						continue
					}
					// The clients take turns between the processes: some cost more than others.
					if job++; (job+job/len(rivals))%of != which || seed > tr.limit(*numSeeds) {
						continue
					}
					outcomes, _ := run(t, n, tr, r, uint64(seed))
					for i, column := range tr.columns() {
						_, err := fmt.Fprintf(f, "%s\t%s\t%s\t%s\n", p.name, column, r.name, outcomes[i].text(seed))
						require.NoError(t, err)
					}
				}
			})
		}
	}
	require.NoError(t, f.Close())
}
