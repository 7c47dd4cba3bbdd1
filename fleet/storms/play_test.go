package storms_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	share = flag.String("share", "", "play every n-th cell, from the i-th on: i/n; for run.sh")
	into  = flag.String("into", "", "the file for what -share found")
	only  = flag.String("only", "", "play the rows whose names contain this, and log what came of them")

	numSeeds = flag.Int("seeds", 4, "how many seeds are played, from 1 on")
)

// TestPlay plays all rows with all clients and seeds, or the share of it that a process of run.sh
// is told to. With -only it logs some of them.
func TestPlay(t *testing.T) {
	if *only != "" {
		logSome(t)
		return
	}
	if *share == "" {
		t.Skip("run.sh plays them all")
	}
	var which, of int
	_, err := fmt.Sscanf(*share, "%d/%d", &which, &of)
	require.NoError(t, err, "-share: want i/n")
	f, err := os.Create(*into)
	require.NoError(t, err)
	for i, pods := range fleets {
		if i%of == which {
			_, err := fmt.Fprintln(f, billOf(t, pods).text(pods))
			require.NoError(t, err)
		}
	}
	for seed := 1; seed <= *numSeeds; seed++ {
		job := 0
		eachCell(func(r *row, c cell) {
			if job++; job%of != which {
				return
			}
			_, err := fmt.Fprintf(f, "%s\t%s\n", c, outcomeOf(t, r, c, seed).text(seed))
			require.NoError(t, err)
		})
	}
	require.NoError(t, f.Close())
}

// outcomeOf plays a cell once.
func outcomeOf(t *testing.T, r *row, c cell, seed int) outcome {
	t.Helper()
	l, report := play(t, r, find(t, c.client), joining(c.joined), uint64(seed))
	return l.judge(report)
}

func find(t *testing.T, name string) client {
	t.Helper()
	for _, c := range clients {
		if c.name == name {
			return c
		}
	}
	require.Fail(t, "there is no such client", name)
	return client{}
}

func logSome(t *testing.T) {
	t.Helper()
	each(func(r *row) {
		if !strings.Contains(r.name, *only) {
			return
		}
		for _, c := range clients {
			for _, joined := range []bool{false, true} {
				var outcomes []outcome
				for seed := 1; seed <= *numSeeds; seed++ {
					outcomes = append(outcomes, outcomeOf(t, r, cell{r.name, c.name, joined}, seed))
				}
				m := mean(outcomes)
				t.Logf("%-50s %-9s %-5v since %.3f after %.3f attempts %.0f probes %.1f/s well %.1f half %.1f p50 %.0f p99 %.0f",
					r.name, c.name, joined, m.since, m.after, m.attempts, m.probes, m.well, m.half, m.p50, m.p99)
			}
		}
	})
}
