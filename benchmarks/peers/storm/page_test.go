package storm_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/storm"
)

var update = flag.String("update", "", "write run.txt, and the tables and the plot of docs/storms.md, from the shares in this directory")

const (
	page = "../../../docs/storms.md"
	plot = "../../../docs/images/storms.svg"

	// What is between these in the page is written here.
	first = "<!-- written by benchmarks/peers/storm/run.sh -->\n"
	last  = "<!-- until here -->\n"
)

// The page shows what run.sh found, and nothing that somebody wrote between its marks.
func TestThePageShowsTheRun(t *testing.T) {
	if *update != "" {
		found := readShares(t, *update)
		found.write(t)
		before, _, after := splitPage(t)
		require.NoError(t, os.WriteFile(page, []byte(before+first+tables(readRecording(t))+last+after), 0o644))
		draw(t)
		return
	}
	_, between, _ := splitPage(t)
	require.Equal(t, tables(readRecording(t)), between, "run benchmarks/peers/storm/run.sh")
}

// The page says of every client and every storm what it is, and how many there are.
func TestThePageExplainsItsTables(t *testing.T) {
	before, _, _ := splitPage(t)
	words := map[int]string{12: "twelve", 26: "twenty-six"}
	storms, partial := 0, []string{}
	for _, g := range groups {
		for _, tr := range g.troubles {
			storms++
			require.True(t, tr.playedWith("standard"), "Standard goes through all of them: %s", tr.name)
			if tr.partial > 0 {
				partial = append(partial, strings.TrimSuffix(tr.name, " % fail"))
				continue
			}
			require.Contains(t, before, "\n| "+tr.name+" | ")
		}
	}
	require.Contains(t, before, "\n| "+strings.Join(partial, ", ")+" % fail | ")
	for _, r := range rivals[1:] {
		require.Contains(t, before, "\n| "+r.name+" | ")
	}
	require.Contains(t, before, fmt.Sprintf("%s clients, %s storms", words[len(rivals)], words[storms]))
}

func splitPage(t *testing.T) (before, between, after string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), first)
	between, after, ok2 := strings.Cut(rest, last)
	require.True(t, ok && ok2, "%s has no place for the tables: want the lines %q and %q", page, first, last)
	return before, between, after
}

// tables are all of them, in Markdown.
func tables(found record) string {
	var b strings.Builder
	for _, p := range presets {
		fmt.Fprintf(&b, "\n### %s\n", heading(p.name))
		for _, g := range groups {
			g.table(&b, p.name, found)
		}
	}
	b.WriteString("\n" + found.about())
	return b.String()
}

// about says what the means are of.
func (r record) about() string {
	worst, where, few := 0.0, cell{}, map[string]bool{}
	var fewer []string
	eachCell(func(tr trouble, c cell) {
		if e := standardError(r[c]); e > worst {
			worst, where = e, c
		}
		if tr.limit(r.seeds()) < r.seeds() && !few[tr.name] {
			few[tr.name] = true
			fewer = append(fewer, strconv.Quote(tr.name))
		}
	})
	return fmt.Sprintf("Means of the seeds 1 to %d; of %s,\nwhere the chances of 200 clients come together, of seed 1.\n"+
		"The largest standard error of a mean is %.1f points (%s, %s, %s).\n\n",
		r.seeds(), strings.Join(fewer, " and "), 100*worst, heading(where.preset), where.column, where.client)
}

// heading is a preset's name as a title.
func heading(preset string) string { return strings.ToUpper(preset[:1]) + preset[1:] }

// table is a group's: a row for each client, a column for each of its troubles.
func (g group) table(b *strings.Builder, preset string, found record) {
	var columns, titles []string
	for _, tr := range g.troubles {
		if !tr.playedWith(preset) {
			continue
		}
		for _, column := range tr.columns() {
			columns = append(columns, column)
			if tr.tuned {
				column += " †"
			}
			titles = append(titles, column)
		}
	}
	if len(columns) == 0 {
		return
	}
	fmt.Fprintf(b, "\n| %s | %s |\n|---|%s\n", g.name, strings.Join(titles, " | "), strings.Repeat("---:|", len(titles)))
	for _, r := range rivals {
		b.WriteString("| " + r.title())
		for _, column := range columns {
			b.WriteString(" | " + mean(found[cell{preset, column, r.name}]).String())
		}
		b.WriteString(" |\n")
	}
}

func (r rival) title() string {
	if r.name == ours {
		return "**" + r.name + "**"
	}
	return r.name
}

// String is the outcome as the tables have it.
func (o outcome) String() string {
	if o.after == o.since {
		return fmt.Sprintf("%.1f · %.2f×", 100*o.after, o.amplification)
	}
	return fmt.Sprintf("%.1f · %.1f · %.2f×", 100*o.after, 100*o.since, o.amplification)
}

// The plot is of one storm, with some of the clients.
const (
	drawnPreset = "standard"
	drawnStorm  = "capacity ¼"
)

var drawn = []string{ours, "failsafe-go", "gobreaker in cenkalti", "AWS SDK", sameLoop, noRetries}

func draw(t *testing.T) {
	t.Helper()
	var reports []*storm.Report
	for _, p := range presets {
		if p.name != drawnPreset {
			continue
		}
		n := numbersOf(t, p.name, p.stages())
		each(p.name, func(tr trouble) {
			if tr.name != drawnStorm {
				return
			}
			for _, name := range drawn {
				_, report := run(t, n, tr, find(t, name), 1)
				reports = append(reports, report)
			}
		})
	}
	require.Len(t, reports, len(drawn))
	f, err := os.Create(plot)
	require.NoError(t, err)
	require.NoError(t, storm.WriteSVG(f, reports...))
	require.NoError(t, f.Close())
}
