package main

import (
	"fmt"
	"strings"

	"github.com/media-gateway/holdfast/internal/wordwrap"
)

// promise is a row of the README's table.
type promise struct {
	what              string // what is done
	scenario, library string
	baseline          string // what 1× is, in words; "" if the row above says it
	alone             bool   // leave the others out: the row above has them
	than              string // a line whose time is subtracted, and said
}

// promises are the rows, the README's first example first.
var promises = []promise{
	{what: "`Critical()` in a handler, the first example above", scenario: "PresetServer", library: "holdfast Critical", baseline: "a bare gobreaker"},
	{what: "`Standard()`, likewise", scenario: "PresetServer", library: "holdfast Standard", alone: true},
	{what: "`Critical()` in a handler, the op asks for `Done`", scenario: "PresetServerDone", library: "holdfast Critical", baseline: "a bare gobreaker"},
	{what: "the same, the op derives a child ctx, as net/http and pgx do", scenario: "PresetServerChild", library: "holdfast Critical", baseline: "a bare gobreaker"},
	{what: "`Critical()` from a bare ctx", scenario: "PresetBare", library: "holdfast Critical", baseline: "a bare gobreaker"},
	{what: "the same, the op asks for `Done`", scenario: "PresetBareDone", library: "holdfast Critical", baseline: "a bare gobreaker"},
	{what: "the same, the op derives a child ctx", scenario: "PresetBareChild", library: "holdfast Critical", baseline: "a bare gobreaker"},
	{what: "`Critical()`, one retry", scenario: "PresetRetry1", library: "holdfast", baseline: "itself"},
	{what: "`Critical()`, five retries", scenario: "PresetRetry5", library: "holdfast", baseline: "itself"},
	{what: "six stages under a deadline nearer than theirs: `Do`", scenario: "Pipeline", library: "holdfast Do", baseline: "a bare gobreaker"},
	{what: "the same: `Value` with a capturing closure", scenario: "Pipeline", library: "holdfast Value", alone: true},
	{what: "the same, with an observer", scenario: "Pipeline", library: "holdfast Do observed", baseline: "a bare gobreaker"},
	{what: "the same, counted by `holdfastprom`", scenario: "Pipeline", library: "holdfast Do with holdfastprom", alone: true, than: "holdfast Do"},
	{what: "the same, 2 processors at once: `Do`", scenario: "PipelineParallel", library: "holdfast Do", baseline: "gobreaker, likewise"},
	{what: "the same, 2 processors at once: `Value`", scenario: "PipelineParallel", library: "holdfast Value", alone: true},
	{what: "breaker, closed", scenario: "BreakerClosed", library: "holdfast", baseline: "gobreaker"},
	{what: "breaker, open: a refusal", scenario: "OpenRejection", library: "holdfast", baseline: "gobreaker"},
	{what: "retry loop with a budget, first attempt succeeds", scenario: "RetrySuccess", library: "holdfast with budget", baseline: "eapache's, without one"},
	{what: "retry loop, two failures, then success", scenario: "RetryPath", library: "holdfast", baseline: "eapache's"},
	{what: "a deadline that has to be created", scenario: "DeadlineCreated", library: "holdfast deadline", baseline: "`context.WithTimeout`"},
	{what: "an HTTP round trip through `Critical()` in a handler", scenario: "HTTPPreset", library: "holdfast Critical", baseline: "the transport alone"},
	{what: "an HTTP round trip, six stages under a nearer deadline", scenario: "HTTPSuccess", library: "holdfast", baseline: "the pipeline alone"},
	{what: "an HTTP round trip, two 503s before it succeeds", scenario: "HTTPRetryPath", library: "holdfast", baseline: "itself"},
}

// readme renders the README's table, under what it was measured on.
func readme(res *results, tables []table) (string, error) {
	f, ok := floorOf(tables)
	if !ok {
		return "", fmt.Errorf("the floor (%s) was not measured", floorScenario)
	}
	first, _ := find(tables, promises[0].scenario)
	var b strings.Builder
	b.WriteString(paragraph(fmt.Sprintf("Medians of interleaved rounds in one run of `benchmarks/peers/run.sh -check`, with %s on "+
		"%d processors (%s). All tables, the targets and how to read them: [docs/benchmarks.md](docs/benchmarks.md).",
		res.setting("go"), first.procs, res.setting("cpu"))) + "\n")
	b.WriteString("| What | Holdfast | ns | allocs | 1× is (allocs) | The others (allocs) |\n|---|---:|---:|---:|---|---|\n")
	for _, p := range promises {
		row, err := p.row(tables)
		if err != nil {
			return "", err
		}
		b.WriteString(row)
	}
	text := fmt.Sprintf("The floor of that machine, in the same run: one reading of the clock %s ns, one striped add %s ns, "+
		"one allocation of 112 bytes %s ns.", nanos(f.clock), nanos(f.add), nanos(f.alloc))
	for _, m := range []struct{ scenario, library, what string }{
		{"Pipeline", "holdfast Do", "Six stages take"},
		{"PresetServer", "holdfast Critical", "`Critical()` in a handler takes"},
	} {
		t, _ := find(tables, m.scenario)
		l, _ := t.find(m.library) // both are rows of the table above
		ns, parts := f.under(l.allocs > 0)
		text += fmt.Sprintf(" %s %.1f times %s.", m.what, l.ns/ns, parts)
	}
	b.WriteString("\n" + paragraph(text+" gobreaker reads the clock twice, so a ratio to it flatters where the clock is slow."))
	b.WriteString("\n" + paragraph("The others are "+strings.Join(res.peers(), ", ")+"."))
	return b.String(), nil
}

func (p promise) row(tables []table) (string, error) {
	t, _ := find(tables, p.scenario)
	l, ok := t.find(p.library)
	base, _ := t.find(t.scenario.baseline)
	if !ok {
		return "", fmt.Errorf("%s: %s was not measured", p.scenario, p.library)
	}
	against, others := "", ""
	if p.baseline != "" {
		against = fmt.Sprintf("%s (%s)", p.baseline, count(base.allocs))
	}
	switch {
	case p.than != "":
		than, ok := t.find(p.than)
		if !ok {
			return "", fmt.Errorf("%s: %s was not measured", p.scenario, p.than)
		}
		others = fmt.Sprintf("%s ns more than without", nanos(l.ns-than.ns))
	case !p.alone:
		others = rivals(t, strings.HasSuffix(p.library, observed))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", p.what, ratio(l.ratio), nanos(l.ns), count(l.allocs), against, others), nil
}

// observed ends the names of the lines in which somebody is told of each attempt and call.
const observed = " observed"

// rivals lists the other libraries of a table, the cheapest first: those that are observed, or
// those that are not.
func rivals(t table, told bool) string {
	var all []string
	for _, l := range t.lines {
		others := l.library != t.scenario.baseline && !strings.HasPrefix(l.library, "holdfast")
		if others && strings.HasSuffix(l.library, observed) == told {
			all = append(all, fmt.Sprintf("%s %s (%s)", l.library, ratio(l.ratio), count(l.allocs)))
		}
	}
	return strings.Join(all, ", ")
}

// ratio renders three digits.
func ratio(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f×", v)
	case v < 100:
		return fmt.Sprintf("%.1f×", v)
	}
	return fmt.Sprintf("%.0f×", v)
}

// columns is how wide prose may be.
const columns = 100

// paragraph breaks a text at spaces, and ends it with a new line.
func paragraph(text string) string { return wordwrap.Text(text, columns) + "\n" }
