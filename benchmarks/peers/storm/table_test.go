package storm_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/storm"
)

var update = flag.Bool("update", false, "write the tables and the plot of docs/storms.md")

const (
	page = "../../../docs/storms.md"
	plot = "../../../docs/images/storms.svg"

	// What is between these in the page is written here.
	first = "<!-- written by benchmarks/peers/storm/run.sh -->\n"
	last  = "<!-- until here -->\n"
)

// table is what became of every rival in every trouble, under the numbers of a preset.
type table struct {
	preset string
	rows   []outcomes // in the order of troubles
}

// cell is an outcome in the table.
const cell = "%.1f %% · %.2f×"

func (tb table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n|", tb.heading())
	for _, r := range rivals {
		if r.name == ours {
			b.WriteString(" | **" + r.name + "**")
			continue
		}
		b.WriteString(" | " + r.name)
	}
	b.WriteString(" |\n|---|" + strings.Repeat("---:|", len(rivals)) + "\n")
	for i, trouble := range troubles {
		b.WriteString("| " + trouble.name)
		for _, r := range rivals {
			o := tb.rows[i][r.name]
			fmt.Fprintf(&b, " | "+cell, 100*o.goodput, o.amplification)
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

// heading is the preset's name as a title.
func (tb table) heading() string { return strings.ToUpper(tb.preset[:1]) + tb.preset[1:] }

// write puts the tables into the page, and draws how it went for everyone in one of the storms.
func write(t *testing.T, tables []table) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), first)
	_, after, ok2 := strings.Cut(rest, last)
	require.True(t, ok && ok2, "%s has no place for the tables: want the lines %q and %q", page, first, last)
	var b strings.Builder
	for _, table := range tables {
		b.WriteString(table.markdown())
	}
	require.NoError(t, os.WriteFile(page, []byte(before+first+b.String()+"\n"+last+after), 0o644))

	f, err := os.Create(plot)
	require.NoError(t, err)
	require.NoError(t, storm.WriteSVG(f, drawn(tables)...))
	require.NoError(t, f.Close())
}

// drawn are the reports of the storm in the plot.
func drawn(tables []table) []*storm.Report {
	var reports []*storm.Report
	for _, table := range tables {
		for i, trouble := range troubles {
			if table.preset == "standard" && trouble.name == "capacity ¼" {
				for _, r := range rivals {
					reports = append(reports, table.rows[i][r.name].report)
				}
			}
		}
	}
	return reports
}

// compare fails if the page says something else of the presets than was found. The rivals' figures
// vary.
func compare(t *testing.T, tables []table) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, table := range tables {
		_, section, _ := strings.Cut(string(text), "\n### "+table.heading()+"\n")
		for i, trouble := range troubles {
			what := table.preset + ", " + trouble.name
			_, row, ok := strings.Cut(section, "\n| "+trouble.name+" | ")
			require.True(t, ok, "%s: not in %s; want it written by benchmarks/peers/storm/run.sh", what, page)
			var goodput, amplification float64
			_, err := fmt.Sscanf(row, "%f %% · %f×", &goodput, &amplification)
			require.NoError(t, err, what)
			assert.InDelta(t, goodput/100, table.rows[i][ours].goodput, sameGoodput/2, what)
			assert.InDelta(t, amplification, table.rows[i][ours].amplification, sameAmplification/2, what)
		}
	}
}
