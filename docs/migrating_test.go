package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const migrating = "../benchmarks/peers/migrating"

var (
	aTest     = regexp.MustCompile("`(Test\\w+)`")
	testOf    = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	defaulted = regexp.MustCompile("`((?:\\w+)\\.(?:\\w*Config|Adaptive)\\.\\w+)` \\(([^)]*)\\)")
	exports   = regexp.MustCompile("`\\*?\\(?\\*?(holdfast|holdfasthttp|holdfastprom|holdfastotel|holdfastdash|resilience|retry|breaker|budget|bulkhead|" +
		"ratelimit|deadline|config|policytest)\\.([A-Z]\\w*)(?:\\)\\.(\\w+)|\\.(\\w+))?")
	series = regexp.MustCompile("`(holdfast_\\w+)`")
)

// pages are the pages on coming from another library.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("migrating/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string]string{}
	for _, file := range append(files, "migrating.md") {
		all[file] = read(t, file)
	}
	return all
}

// Each line that says what behaves differently names a test that shows it, and each test there is
// named.
func TestEveryDifferenceIsShown(t *testing.T) {
	written := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(migrating, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		for _, match := range testOf.FindAllStringSubmatch(read(t, file), -1) {
			written[match[1]] = match[1] == "TestMain" || strings.HasPrefix(match[1], "TestInstead")
		}
	}
	for file, text := range pages(t) {
		for _, match := range aTest.FindAllStringSubmatch(text, -1) {
			require.Contains(t, written, match[1], file)
			written[match[1]] = true
		}
		_, table, ok := strings.Cut(text, "## What behaves differently\n")
		if !ok {
			continue
		}
		table, _, _ = strings.Cut(table, "\n## ")
		rows := 0
		for row := range strings.Lines(table) {
			if strings.HasPrefix(row, "| ") && !strings.HasPrefix(row, "| |") {
				rows++
				cells := strings.Split(strings.TrimSuffix(row, " |\n"), " | ")
				require.Regexp(t, "^"+aTest.String()+"$", cells[len(cells)-1], "%s: what shows this?\n%s", file, row)
			}
		}
		require.Greater(t, rows, 5, file)
	}
	for name, named := range written {
		require.True(t, named, "no page says what %s shows", name)
	}
}

// The pages name the versions that the tests run.
func TestVersionsOfTheLibrariesThatPeopleComeFrom(t *testing.T) {
	mod := read(t, "../benchmarks/peers/go.mod")
	for page, module := range map[string]string{
		"gobreaker": "sony/gobreaker/v2", "failsafe-go": "failsafe-go/failsafe-go", "retryablehttp": "hashicorp/go-retryablehttp",
		"backoff": "cenkalti/backoff/v7", "retry-go": "avast/retry-go/v5", "hystrix-go": "afex/hystrix-go",
	} {
		_, rest, ok := strings.Cut(mod, "github.com/"+module+" ")
		require.True(t, ok, module)
		version, _, _ := strings.Cut(rest, "\n")
		require.Contains(t, read(t, "migrating/"+page+".md"), version)
		if page != "hystrix-go" { // which has no versions
			require.Contains(t, read(t, "migrating.md"), "| "+version+" |")
		}
	}
}

// A field with a value in brackets is that field's default.
func TestDefaultsOnThePagesForOthers(t *testing.T) {
	table := map[string]string{} // of numbers.md, which is made from the code
	for row := range strings.Lines(read(t, "numbers.md")) {
		if cells := strings.Split(row, " | "); strings.HasPrefix(row, "| `") {
			usual, _, _ := strings.Cut(strings.TrimPrefix(cells[1], "the default: "), "; ")
			table[strings.Trim(cells[0], "|` ")] = usual
		}
	}
	found := 0
	for file, text := range pages(t) {
		for _, match := range defaulted.FindAllStringSubmatch(text, -1) {
			found++
			require.Equal(t, table[match[1]], match[2], "%s: the default of %s", file, match[1])
		}
	}
	require.Greater(t, found, 80)
}

// What the pages name is exported, and their metrics are there.
func TestNamesOnThePagesForOthers(t *testing.T) {
	metrics := read(t, "metrics.md")
	for file, text := range pages(t) {
		for _, match := range exports.FindAllStringSubmatch(text, -1) {
			api := filepath.Join(root, "api", "resilience_"+match[1]+".txt")
			if _, err := os.Stat(api); err != nil {
				api = filepath.Join(root, "api", match[1]+".txt")
			}
			lines := read(t, api)
			require.Regexp(t, `(?m)^(func|type|var|const) `+match[2]+`\b`, lines, "%s: %s", file, match[0])
			if member := match[3] + match[4]; member != "" {
				require.Regexp(t, `(?m)^\t(func \(\*?`+match[2]+`(\[.*\])?\) )?`+member+`\b`, lines, "%s: %s", file, match[0])
			}
		}
		for _, match := range series.FindAllStringSubmatch(text, -1) {
			require.Contains(t, metrics, "| `"+match[1]+"` |", file)
		}
	}
}
