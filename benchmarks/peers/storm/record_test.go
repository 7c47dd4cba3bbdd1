package storm_test

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recording is where run.sh leaves what it found: a line for each client in each storm, with what
// came of every seed. The page and the claims are made of it.
const recording = "run.txt"

// cell is a client in a column of a preset's tables.
type cell struct{ preset, column, client string }

// record is what came of the seeds of each cell, in their order.
type record map[cell][]outcome

// read takes in a recording, or what a share of the work left, and adds it to r.
func (r record) read(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }() // only read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		require.Greater(t, len(fields), 3, "%s: %q", path, lines.Text())
		c := cell{fields[0], fields[1], fields[2]}
		for _, field := range fields[3:] {
			var seed int
			var o outcome
			_, err := fmt.Sscanf(field, "%d:%f/%f/%f", &seed, &o.after, &o.since, &o.amplification)
			require.NoError(t, err, "%s: %q", path, field)
			require.Equal(t, len(r[c])+1, seed, "%s: %v: want the seeds in their order", path, c)
			r[c] = append(r[c], o)
		}
	}
	require.NoError(t, lines.Err())
}

// text is an outcome in a recording.
func (o outcome) text(seed int) string {
	return fmt.Sprintf("%d:%.4f/%.4f/%.3f", seed, o.after, o.since, o.amplification)
}

// write makes the recording.
func (r record) write(t *testing.T) {
	t.Helper()
	var b strings.Builder
	eachCell(func(_ trouble, c cell) {
		fmt.Fprintf(&b, "%s\t%s\t%s", c.preset, c.column, c.client)
		for i, o := range r[c] {
			b.WriteString("\t" + o.text(i+1))
		}
		b.WriteByte('\n')
	})
	require.NoError(t, os.WriteFile(recording, []byte(b.String()), 0o644))
}

// readRecording reads run.txt, and fails unless it is of these storms, clients and seeds.
func readRecording(t *testing.T) record {
	t.Helper()
	r := record{}
	r.read(t, recording)
	r.requireWhole(t)
	return r
}

// readShares reads what the processes of run.sh left in a directory.
func readShares(t *testing.T, dir string) record {
	t.Helper()
	shares, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	require.NoError(t, err)
	slices.Sort(shares)
	r := record{}
	for _, share := range shares {
		r.read(t, share)
	}
	if *onlyOurs {
		for c, outcomes := range readRecording(t) {
			if _, played := r[c]; !played {
				r[c] = outcomes
			}
		}
	}
	r.requireWhole(t)
	return r
}

func (r record) requireWhole(t *testing.T) {
	t.Helper()
	cells, seeds := 0, r.seeds()
	require.Positive(t, seeds, "run benchmarks/peers/storm/run.sh")
	eachCell(func(tr trouble, c cell) {
		cells++
		require.Len(t, r[c], tr.limit(seeds), "%v: run benchmarks/peers/storm/run.sh", c)
	})
	require.Len(t, r, cells, "there are storms or clients that are played no more: run benchmarks/peers/storm/run.sh")
}

// seeds is how many there are of most storms.
func (r record) seeds() (most int) {
	for _, outcomes := range r {
		most = max(most, len(outcomes))
	}
	return most
}

// eachCell calls f with every cell, in the order of the page.
func eachCell(f func(trouble, cell)) {
	for _, p := range presets {
		each(p.name, func(tr trouble) {
			for _, column := range tr.columns() {
				for _, r := range rivals {
					f(tr, cell{p.name, column, r.name})
				}
			}
		})
	}
}

// mean is over the seeds.
func mean(outcomes []outcome) (m outcome) {
	n := float64(len(outcomes))
	for _, o := range outcomes {
		m.after += o.after / n
		m.since += o.since / n
		m.amplification += o.amplification / n
	}
	return m
}

// standardError is that of the mean goodput after the trouble; 0 for one seed, which has none.
func standardError(outcomes []outcome) float64 {
	if len(outcomes) < 2 {
		return 0
	}
	m, n, sum := mean(outcomes).after, float64(len(outcomes)), 0.0
	for _, o := range outcomes {
		sum += (o.after - m) * (o.after - m)
	}
	return math.Sqrt(sum / (n - 1) / n)
}
