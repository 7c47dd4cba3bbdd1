package storms_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recording is where run.sh leaves what it found: a line for each client in each row, with and
// without a fleet, with what came of every seed. The page and the claims are made of it.
const recording = "run.txt"

// cell is a row with a client.
type cell struct {
	row, client string
	joined      bool
}

func (c cell) String() string {
	with := "without"
	if c.joined {
		with = "with"
	}
	return c.row + "\t" + c.client + "\t" + with
}

// record is what came of the seeds of each cell, in their order, and what fleets cost their store.
type record struct {
	cells map[cell][]outcome
	bills map[int]bill // by pods
}

func newRecord() record { return record{map[cell][]outcome{}, map[int]bill{}} }

// found returns the mean of what came of a row with a client.
func (r record) found(row *row, client string, joined bool) outcome {
	name := row.name
	if !joined {
		name = row.base()
	}
	return mean(r.cells[cell{name, client, joined}])
}

const format = "%d:%.4f/%.4f/%.0f/%.1f/%.1f/%.1f/%.0f/%.0f"

// text is an outcome in a recording.
func (o outcome) text(seed int) string {
	return fmt.Sprintf(format, seed, o.since, o.after, o.attempts, o.probes, o.well, o.half, o.p50, o.p99)
}

// read takes in a recording, or what a share of the work left, and adds it to r.
func (r record) read(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }() // only read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		require.Greater(t, len(fields), 2, "%s: %q", path, lines.Text())
		if fields[0] == bills {
			r.readBill(t, fields)
			continue
		}
		c := cell{fields[0], fields[1], fields[2] == "with"}
		for _, field := range fields[3:] {
			var seed int
			var o outcome
			_, err := fmt.Sscanf(strings.ReplaceAll(field, "/", " "), "%d:%g %g %g %g %g %g %g %g",
				&seed, &o.since, &o.after, &o.attempts, &o.probes, &o.well, &o.half, &o.p50, &o.p99)
			require.NoError(t, err, "%s: %q", path, field)
			require.Equal(t, len(r.cells[c])+1, seed, "%s: %v: want the seeds in their order", path, c)
			r.cells[c] = append(r.cells[c], o)
		}
	}
	require.NoError(t, lines.Err())
}

// write makes the recording.
func (r record) write(t *testing.T) {
	t.Helper()
	var b strings.Builder
	eachCell(func(_ *row, c cell) {
		b.WriteString(c.String())
		for i, o := range r.cells[c] {
			b.WriteString("\t" + o.text(i+1))
		}
		b.WriteByte('\n')
	})
	for _, pods := range fleets {
		b.WriteString(r.bills[pods].text(pods) + "\n")
	}
	require.NoError(t, os.WriteFile(recording, []byte(b.String()), 0o644))
}

// readRecording reads run.txt, and fails unless it is of these rows, clients and seeds.
func readRecording(t *testing.T) record {
	t.Helper()
	r := newRecord()
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
	r := newRecord()
	for _, share := range shares {
		r.read(t, share)
	}
	r.requireWhole(t)
	return r
}

func (r record) requireWhole(t *testing.T) {
	t.Helper()
	cells, seeds := 0, r.seeds()
	require.Positive(t, seeds, "run fleet/storms/run.sh")
	eachCell(func(_ *row, c cell) {
		cells++
		require.Len(t, r.cells[c], seeds, "%v: run fleet/storms/run.sh", c)
	})
	require.Len(t, r.bills, len(fleets), "run fleet/storms/run.sh")
	require.Len(t, r.cells, cells, "there are rows or clients that are played no more: run fleet/storms/run.sh")
}

// seeds is how many there are.
func (r record) seeds() (most int) {
	for _, outcomes := range r.cells {
		most = max(most, len(outcomes))
	}
	return most
}

// eachCell calls f with every cell that is played, in the order of the page. What is the same
// without a fleet is played once.
func eachCell(f func(*row, cell)) {
	each(func(r *row) {
		for _, c := range clients {
			if r.as == "" {
				f(r, cell{r.name, c.name, false})
			}
			f(r, cell{r.name, c.name, true})
		}
	})
}

// mean is over the seeds. What never happened in one of them has no mean.
func mean(outcomes []outcome) (m outcome) {
	n := float64(len(outcomes))
	rare := func(sum *float64, v float64) {
		if *sum < 0 || v < 0 {
			*sum = -1
			return
		}
		*sum += v / n
	}
	for _, o := range outcomes {
		m.since += o.since / n
		m.after += o.after / n
		m.attempts += o.attempts / n
		m.probes += o.probes / n
		m.p50 += o.p50 / n
		m.p99 += o.p99 / n
		rare(&m.well, o.well)
		rare(&m.half, o.half)
	}
	return m
}
