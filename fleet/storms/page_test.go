package storms_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.String("update", "", "write run.txt, and the tables of docs/fleet.md, from the shares in this directory")

const (
	page = "../../docs/fleet.md"

	// What is between these in the page is written here.
	first = "<!-- written by fleet/storms/run.sh -->\n"
	last  = "<!-- until here -->\n"
)

// The page shows what run.sh found, and nothing that somebody wrote between its marks.
func TestThePageShowsTheRun(t *testing.T) {
	if *update != "" {
		readShares(t, *update).write(t)
		before, _, after := splitPage(t)
		require.NoError(t, os.WriteFile(page, []byte(before+first+tables(readRecording(t))+last+after), 0o644))
		return
	}
	_, between, _ := splitPage(t)
	require.Equal(t, tables(readRecording(t)), between, "run fleet/storms/run.sh")
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

// measure is what a table shows.
type measure struct {
	title  string
	text   func(without, with outcome) string
	groups int  // the first ones have the table
	ending bool // only rows whose trouble ends
}

var measures = []measure{
	{"goodput, in %, since the trouble began", func(without, with outcome) string {
		return pair(without.since, with.since, percent)
	}, len(groups), false},
	{"goodput, in %, after its end", func(without, with outcome) string {
		return pair(without.after, with.after, percent)
	}, len(groups), true},
	{"attempts that reached the dependency in the trouble", func(without, with outcome) string {
		return fmt.Sprintf("%.0f → %.0f", without.attempts, with.attempts)
	}, 3, true},
	{"attempts each second in the second half of the trouble", func(without, with outcome) string {
		return fmt.Sprintf("%.1f → %.1f", without.probes, with.probes)
	}, 1, true},
	{"seconds until half of the breakers were open", func(without, with outcome) string {
		return seconds(without.half) + " → " + seconds(with.half)
	}, 1, true},
	{"seconds after its end until the calls were well", func(without, with outcome) string {
		return seconds(without.well) + " → " + seconds(with.well)
	}, 2, true},
	{"milliseconds that half and 99 % of the good calls took at most", func(without, with outcome) string {
		return fmt.Sprintf("%.0f, %.0f → %.0f, %.0f", without.p50, without.p99, with.p50, with.p99)
	}, 1, true},
}

// tables are all of them, in Markdown.
func tables(found record) string {
	var b strings.Builder
	for i, g := range groups {
		fmt.Fprintf(&b, "\n### %s\n", g.name)
		for _, m := range measures {
			if i < m.groups {
				g.table(&b, m, found)
			}
		}
	}
	found.billTable(&b)
	fmt.Fprintf(&b, "\nMeans of the seeds 1 to %d; the store's bill is of seed 1.\n\n", found.seeds())
	return b.String()
}

func (g group) table(b *strings.Builder, m measure, found record) {
	titles := make([]string, len(clients))
	for i, c := range clients {
		titles[i] = c.title
	}
	head := fmt.Sprintf("\n| %s | %s |\n|---|%s\n", m.title, strings.Join(titles, " | "), strings.Repeat("---:|", len(titles)))
	for _, r := range g.rows {
		if m.ending && r.end == 0 {
			continue
		}
		b.WriteString(head + "| " + r.name)
		for _, c := range clients {
			b.WriteString(" | " + m.text(found.found(&r, c.name, false), found.found(&r, c.name, true)))
		}
		b.WriteString(" |\n")
		head = ""
	}
}

// pair is two figures; the second is bold if it is worse than notWorse allows.
func pair(without, with float64, text func(float64) string) string {
	if with < without-notWorse {
		return text(without) + " → **" + text(with) + "**"
	}
	return text(without) + " → " + text(with)
}

func percent(share float64) string { return fmt.Sprintf("%.1f", 100*share) }

func seconds(s float64) string {
	if s < 0 {
		return "never"
	}
	return fmt.Sprintf("%.1f", s)
}

// billTable is what fleets cost their store.
func (r record) billTable(b *strings.Builder) {
	b.WriteString("\n### What it costs the store\n\n| Pods | Requests, to the store, from it, each second | In an outage |\n|---:|---:|---:|\n")
	for _, pods := range fleets {
		bill := r.bills[pods]
		fmt.Fprintf(b, "| %d | %s | %s |\n", pods, bill.calm, bill.out)
	}
}

// String is the account as the table has it.
func (a account) String() string {
	return fmt.Sprintf("%.0f, %.1f kB, %.1f kB", a.requests, a.in/1e3, a.out/1e3)
}
