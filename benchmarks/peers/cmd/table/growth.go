package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// growth is one group of benchmarks whose rows are measured at several sizes.
type growth struct {
	name  string // BenchmarkName
	title string
	about string
	sizes string // what the sizes count
}

// growths are the benchmarks of package benchmarks that grow, in the order of their tables.
var growths = []growth{
	{
		"GrowStages", "More stages",
		"Under a deadline nearer than theirs; mixed: the loop; and a breaker; and two deadlines; and two bulkheads, a second breaker and a budget.",
		"stages",
	},
	{
		"GrowKeys", "More keys",
		"A Keyed of four stages, its keys in an order that no cache foresees: what it takes to find the key's pipeline, and the whole call.",
		"keys",
	},
	{
		"GrowCallers", "More callers at once",
		"All are in flight: the op lets the others run, and what that takes alone stands in the first two rows. Each stage alone, and six.",
		"callers",
	},
}

// grown is a row at one size.
type grown struct {
	what string
	size int
}

// markdownGrowth renders a table of each group, one column for each size.
func markdownGrowth(res *results) (string, error) {
	var b strings.Builder
	for _, s := range res.config {
		fmt.Fprintf(&b, "- %s: %s\n", s.key, s.value)
	}
	for _, g := range growths {
		if err := g.markdown(&b, res); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func (g growth) markdown(b *strings.Builder, res *results) error {
	var whats []string
	var sizes []int
	cells := map[grown]string{}
	for _, r := range res.order {
		if r.scenario != g.name {
			continue
		}
		i := strings.LastIndexByte(r.library, '/')
		size, err := strconv.Atoi(r.library[i+1:])
		if err != nil || i < 0 {
			return fmt.Errorf("%s/%s: want a name of the form what/size", g.name, r.library)
		}
		what := r.library[:i]
		if !slices.Contains(whats, what) {
			whats = append(whats, what)
		}
		if !slices.Contains(sizes, size) {
			sizes = append(sizes, size)
		}
		m := medianOf(res.samples[r])
		cell := nanos(m.ns)
		if m.allocs > 0 {
			cell += fmt.Sprintf(" (%s)", count(m.allocs))
		}
		cells[grown{what, size}] = cell
	}
	if len(whats) == 0 {
		return fmt.Errorf("%s was not measured", g.name)
	}
	slices.Sort(sizes)
	fmt.Fprintf(b, "\n### %s\n\n%s ns per call (allocations, if any).\n\n| %s |", g.title, g.about, g.sizes)
	for _, size := range sizes {
		fmt.Fprintf(b, " %s |", thousands(size))
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(sizes)) + "\n")
	for _, what := range whats {
		fmt.Fprintf(b, "| %s |", what)
		for _, size := range sizes {
			cell, ok := cells[grown{what, size}]
			if !ok {
				return fmt.Errorf("%s: %s was not measured with %d %s", g.name, what, size, g.sizes)
			}
			fmt.Fprintf(b, " %s |", cell)
		}
		b.WriteByte('\n')
	}
	return nil
}

// thousands renders a number with a comma, if it has more than four digits.
func thousands(n int) string {
	if n < 10_000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// growthPart is what docs/benchmarks.md says of a run of the growing benchmarks.
func growthPart(res *results) (part, error) {
	text, err := markdownGrowth(res)
	return part{filepath.Join("docs", "benchmarks.md"), "growth", text}, err
}
