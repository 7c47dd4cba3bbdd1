package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/brief"
)

const (
	document  = "../docs/configuration.md"
	keysBegin = "<!-- keys:begin (written by go generate ./config) -->\n"
	keysEnd   = "<!-- keys:end -->\n"
)

// The tables of docs/configuration.md are generated from the keys of settings.go.
func TestGeneratedTablesAreCurrent(t *testing.T) {
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), keysBegin)
	require.True(t, ok, "%s has no %q", document, keysBegin)
	_, after, ok := strings.Cut(rest, keysEnd)
	require.True(t, ok, "%s has no %q", document, keysEnd)
	requireGenerated(t, document, before+keysBegin+tables()+keysEnd+after)
}

func TestTablesNameEveryKey(t *testing.T) {
	text := tables()
	for _, k := range append(keys(), fleetKeys...) {
		require.Contains(t, text, "\n| `"+k.path+"` |")
	}
}

// tables returns a table of the keys directly in a service, one for each section, and that of the
// fleet.
func tables() string {
	var b strings.Builder
	table(&b, keysIn[""])
	for _, k := range keys() {
		if k.kind == kindSection {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n", k.path, k.doc)
			table(&b, keysIn[k.path])
		}
	}
	fmt.Fprintf(&b, "\n### fleet\n\n%s This section is at the top of the file, beside `services`.\n", fleetDoc)
	table(&b, fleetKeys)
	b.WriteString("\n")
	return b.String()
}

func table(b *strings.Builder, keys []key) {
	b.WriteString("\n| Key | Value | Default | What it does |\n|---|---|---|---|\n")
	for _, k := range keys {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", k.path, values(k), defaultCell(k), strings.TrimSpace(k.doc+" "+zeroCell(k)))
	}
}

func zeroCell(k key) string {
	if k.zeroMeans == "" {
		return ""
	}
	return "**0**: " + k.zeroMeans + "."
}

// defaultCell returns the default, as code if it is a value that a file can have.
func defaultCell(k key) string {
	def := k.defaultText()
	if k.path == "budget.initial" {
		return "as `burst`"
	}
	if _, ok := jsonOf(k, def); ok {
		return "`" + def + "`"
	}
	return def
}

// values returns what a value may be, in words.
func values(k key) string {
	var forms []string
	switch k.kind {
	case kindSection:
		forms = append(forms, "a section")
	case kindDuration:
		forms = append(forms, "a duration"+atLeast(k, formatDurationNumber))
	case kindCount:
		forms = append(forms, "a whole number"+atLeast(k, formatNumber))
	case kindNumber:
		forms = append(forms, "a number"+atLeast(k, formatNumber))
	case kindFlag:
		forms = append(forms, "`true`", "`false`")
	case kindText:
		forms = append(forms, "a text")
	case kindName:
		forms = append(forms, "a template's name")
	case kindService:
		forms = append(forms, "a service's name")
	case kindCalls, kindSilences:
		forms = append(forms, "a list")
	}
	for _, w := range k.words {
		forms = append(forms, "`"+w.text+"`")
	}
	if k.kind == kindJitter {
		forms = append(forms, "`{additive: …}`", "`{proportional: …}`")
	}
	return strings.Join(forms, ", ")
}

// atLeast returns the bounds of a number, in words. Bounds far from any useful value are left out.
func atLeast(k key, format func(float64) string) string {
	const far = 1_000_000
	switch bounded := k.max > 0 && (k.kind == kindDuration || k.max < far); {
	case k.zero != nil && !bounded:
		return ""
	case k.zero != nil:
		return " up to " + format(k.max)
	case k.min > 0 && bounded:
		return " from " + format(k.min) + " to " + format(k.max)
	case k.min > 0:
		return ", at least " + format(k.min)
	case bounded:
		return " above 0 and up to " + format(k.max)
	}
	return " above 0"
}

func formatDurationNumber(nanoseconds float64) string {
	return brief.Duration(time.Duration(nanoseconds))
}
