package docs

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/metrics"
)

// The catalogue of metrics stands in three documents, all of them written from it by
//
//	HOLDFAST_UPDATE=1 go test ./docs -run TestMetricsInTheDocs
func TestMetricsInTheDocs(t *testing.T) {
	for file, part := range map[string]struct{ begin, end, want string }{
		"metrics.md":             {"<!-- metrics:begin -->\n", "<!-- metrics:end -->\n", metricsInMarkdown()},
		"../holdfastprom/doc.go": {"// # Metrics\n", "// # How to read them\n", metricsInGo("Labels", forPrometheus)},
		"../holdfastotel/doc.go": {"// # Metrics\n", "// # How to read them\n", metricsInGo("Attributes", forOTel)},
	} {
		text := read(t, file)
		before, rest, found := strings.Cut(text, part.begin)
		require.True(t, found, file)
		_, after, found := strings.Cut(rest, part.end)
		require.True(t, found, file)
		want := before + part.begin + part.want + part.end + after
		if os.Getenv("HOLDFAST_UPDATE") != "" {
			require.NoError(t, os.WriteFile(file, []byte(want), 0o600))
			continue
		}
		require.Equal(t, want, text, "run HOLDFAST_UPDATE=1 go test ./docs -run TestMetricsInTheDocs")
	}
}

// dialect is how a system calls metrics and labels.
type dialect struct {
	name  func(d *metrics.Description) string
	kind  func(d *metrics.Description) string
	label func(l *metrics.Label) string
}

var forPrometheus = dialect{
	(*metrics.Description).Prometheus,
	func(d *metrics.Description) string {
		if d.Kind == metrics.UpDownCounter {
			return metrics.Gauge.String()
		}
		return d.Kind.String()
	},
	func(l *metrics.Label) string { return l.Prometheus },
}

var forOTel = dialect{
	func(d *metrics.Description) string { return d.Name },
	func(d *metrics.Description) string { return d.Kind.String() + ", " + d.Unit },
	func(l *metrics.Label) string { return l.Attribute },
}

// listed returns the labels of a metric that its row lists: all but the pipeline's.
func listed(d *metrics.Description) []metrics.Label {
	if subject := d.Subject(); subject.Attribute != metrics.Pipeline.Attribute {
		return append([]metrics.Label{subject}, d.Labels...)
	}
	return d.Labels
}

// labels returns all labels of the catalogue but those of what a metric is about, in the order in
// which they come.
func labels() (all []metrics.Label) {
	for _, d := range metrics.All() {
		for _, l := range d.Labels {
			if !slices.ContainsFunc(all, func(known metrics.Label) bool { return known.Attribute == l.Attribute }) {
				all = append(all, l)
			}
		}
	}
	return all
}

func metricsInMarkdown() string {
	var b strings.Builder
	b.WriteString("| Prometheus | OpenTelemetry | Kind | Unit | Labels | Meaning |\n|---|---|---|---|---|---|\n")
	for _, d := range metrics.All() {
		var names []string
		for _, l := range listed(d) {
			names = append(names, "`"+l.Prometheus+"`")
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %v | `%s` | %s | %s |\n", d.Prometheus(), d.Name, d.Kind, d.Unit, strings.Join(names, ", "), d.Help)
	}
	b.WriteString("\n| Label | Attribute | Says | Values |\n|---|---|---|---|\n")
	for _, l := range append([]metrics.Label{metrics.Pipeline, metrics.Fleet, metrics.ConfigFile}, labels()...) {
		var values []string
		for _, v := range l.Values {
			values = append(values, "`"+v+"`")
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", l.Prometheus, l.Attribute, l.Help, cmp.Or(strings.Join(values, ", "), "the program's"))
	}
	return b.String()
}

// metricsInGo returns the sections of a package comment that list metrics and labels.
func metricsInGo(heading string, in dialect) string {
	var b strings.Builder
	b.WriteString("//\n")
	for _, d := range metrics.All() {
		var names []string
		for _, l := range listed(d) {
			names = append(names, in.label(&l))
		}
		line := fmt.Sprintf("//\t%s  (%s)", in.name(d), in.kind(d))
		if len(names) > 0 {
			line += "  " + strings.Join(names, ", ")
		}
		b.WriteString(line + "\n" + indented(d.Help))
	}
	fmt.Fprintf(&b, "//\n// # %s\n//\n", heading)
	all := labels()
	for _, l := range all {
		name := in.label(&l)
		if slices.ContainsFunc(all, func(other metrics.Label) bool { return other.Attribute != l.Attribute && in.label(&other) == name }) {
			name += " of " + in.name(usersOf(l)[0])
		}
		b.WriteString("//\t" + name + "\n" + indented(l.Help+"."))
		if l.Values != nil {
			b.WriteString(indented("One of " + strings.Join(l.Values, ", ") + "."))
		}
	}
	return b.String() + "//\n"
}

// usersOf returns the metrics that have a label.
func usersOf(l metrics.Label) []*metrics.Description {
	return slices.DeleteFunc(metrics.All(), func(d *metrics.Description) bool {
		return !slices.ContainsFunc(d.Labels, func(other metrics.Label) bool { return other.Attribute == l.Attribute })
	})
}

// indented returns text as lines of a comment that are no longer than 100 columns.
func indented(text string) string {
	const margin, width = "//\t    ", 100 - 8 - 4
	var b strings.Builder
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			b.WriteString(margin + line + "\n")
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return b.String() + margin + line + "\n"
}

// docs/observability.md says how many series a fleet makes. The orders of a service are one series
// for each kind of order.
func TestSeriesOfAFleet(t *testing.T) {
	table := read(t, "metrics.md")
	rows := func(labels string) int {
		return len(regexp.MustCompile("(?m)^\\| `holdfast_fleet_.*\\| "+labels+" \\|[^|]*\\|$").FindAllString(table, -1))
	}
	require.Equal(t, 1, rows("`fleet`, `service`, `order`"))
	kinds := []fleet.OrderKind{fleet.OrderIsolate, fleet.OrderReset, fleet.OrderTune}
	service := rows("`fleet`, `service`")
	require.Contains(t, squeeze(read(t, "observability.md")), fmt.Sprintf(
		"A pod has %d for each fleet, %d for each service (%d with the fleet's key, by which it knows of orders), and %d for each pooled budget.",
		rows("`fleet`"), service, service+len(kinds), rows("`fleet`, `budget`")))
}
