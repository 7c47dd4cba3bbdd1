package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// table is one scenario's result at one GOMAXPROCS, the cheapest line first.
type table struct {
	scenario scenario
	procs    int
	runs     [2]int // the least and the most runs of its lines
	lines    []line
}

// line is one library's medians; ratio is its time against the baseline's.
type line struct {
	library                  string
	ratio, ns, allocs, bytes float64
}

// find returns the line of a library.
func (t table) find(library string) (line, bool) {
	i := slices.IndexFunc(t.lines, func(l line) bool { return l.library == library })
	if i < 0 {
		return line{}, false
	}
	return t.lines[i], true
}

// find returns the table of a scenario, that of the most processors.
func find(tables []table, scenario string) (table, bool) {
	for _, t := range slices.Backward(tables) {
		if t.scenario.name == scenario {
			return t, true
		}
	}
	return table{}, false
}

// tabulate makes a table of each scenario and GOMAXPROCS in the results, in the order of
// known. It refuses a scenario that is not known, as it would have no baseline, and one whose
// baseline was not measured.
func tabulate(res *results, known []scenario) ([]table, error) {
	for _, r := range res.order {
		if !slices.ContainsFunc(known, func(s scenario) bool { return s.name == r.scenario }) {
			return nil, fmt.Errorf("unknown scenario %q: give it a title and a baseline in scenarios.go", r.scenario)
		}
	}
	var tables []table
	for _, s := range known {
		for _, procs := range procsOf(res, s.name) {
			t, err := tabulateOne(res, s, procs)
			if err != nil {
				return nil, err
			}
			tables = append(tables, t)
		}
	}
	return tables, nil
}

func procsOf(res *results, scenario string) []int {
	var procs []int
	for _, r := range res.order {
		if r.scenario == scenario && !slices.Contains(procs, r.procs) {
			procs = append(procs, r.procs)
		}
	}
	slices.Sort(procs)
	return procs
}

func tabulateOne(res *results, s scenario, procs int) (table, error) {
	base := medianOf(res.samples[row{s.name, s.baseline, procs}])
	if !(base.ns > 0) { // NaN, if there are no samples
		return table{}, fmt.Errorf("scenario %s (GOMAXPROCS %d): no result for its baseline %q, so there is nothing to compare with",
			s.name, procs, s.baseline)
	}
	t := table{scenario: s, procs: procs, runs: [2]int{math.MaxInt, 0}}
	for _, r := range res.order {
		if r.scenario != s.name || r.procs != procs {
			continue
		}
		samples := res.samples[r]
		t.runs = [2]int{min(t.runs[0], len(samples)), max(t.runs[1], len(samples))}
		m := medianOf(samples)
		t.lines = append(t.lines, line{r.library, m.ns / base.ns, m.ns, m.allocs, m.bytes})
	}
	slices.SortStableFunc(t.lines, func(a, b line) int { return cmp.Compare(a.ratio, b.ratio) })
	return t, nil
}

func medianOf(samples []sample) sample {
	by := func(field func(sample) float64) float64 {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = field(s)
		}
		return median(values)
	}
	return sample{
		ns:     by(func(s sample) float64 { return s.ns }),
		bytes:  by(func(s sample) float64 { return s.bytes }),
		allocs: by(func(s sample) float64 { return s.allocs }),
	}
}

// median returns the middle value, or the mean of the two middle ones. It is NaN for none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	mid := len(values) / 2
	if len(values)%2 == 1 {
		return values[mid]
	}
	return (values[mid-1] + values[mid]) / 2
}

// markdown renders the tables, under what they were run on.
func markdown(res *results, tables []table) string {
	var b strings.Builder
	for _, s := range res.config {
		fmt.Fprintf(&b, "- %s: %s\n", s.key, s.value)
	}
	for _, t := range tables {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		t.markdown(&b)
		if t.scenario.name == floorScenario {
			b.WriteString("\n" + markdownFloor(tables))
		}
	}
	return b.String()
}

func (t table) markdown(b *strings.Builder) {
	runs := fmt.Sprintf("medians of %d runs", t.runs[0])
	switch {
	case t.runs[0] != t.runs[1]:
		runs = fmt.Sprintf("medians of %d to %d runs", t.runs[0], t.runs[1])
	case t.runs[0] == 1:
		runs = "a single run"
	}
	fmt.Fprintf(b, "### %s\n\n%s 1.00× is %s. GOMAXPROCS %d; %s.\n\n",
		t.scenario.title, t.scenario.about, t.scenario.baseline, t.procs, runs)
	fmt.Fprintf(b, "| library | × %s | allocs/op | B/op | ns/op |\n|---|---:|---:|---:|---:|\n", t.scenario.baseline)
	for _, l := range t.lines {
		library := l.library
		if strings.HasPrefix(library, "holdfast") {
			library = "**" + library + "**"
		}
		fmt.Fprintf(b, "| %s | %.2f× | %s | %s | %s |\n",
			library, l.ratio, count(l.allocs), fmt.Sprintf("%.0f", l.bytes), nanos(l.ns))
	}
}

// count renders allocations, which are whole but for a median between two.
func count(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

// nanos renders a time with no more digits than it deserves.
func nanos(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
