package docs

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const (
	maxColumns = 100 // of a line of prose
	tab        = 4   // columns
)

var (
	prose   = regexp.MustCompile(`^\s*// [^\s{]`)                         // a comment, but for its examples
	notText = regexp.MustCompile(`^\s*([|<]|!\[|\[.*\]:)`)                // tables, HTML, pictures
	breaks  = regexp.MustCompile("`[^`]*`|\\[[^\\]]*\\]\\([^)]*\\)|\\S+") // what stays on one line
)

// made are documents that programs make, or parts of them.
var made = []string{"../docs/benchmarks.md", "../docs/configuration.md"}

// TestProseIsNarrow holds the lines of documents and comments to what fits beside the code.
func TestProseIsNarrow(t *testing.T) {
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"testdata", ".git", ".build"}, d.Name()):
			return filepath.SkipDir
		case slices.Contains(made, file):
		case filepath.Ext(file) == ".go", filepath.Ext(file) == ".md":
			requireNarrow(t, file)
		}
		return nil
	})
	require.NoError(t, err)
}

func requireNarrow(t *testing.T, file string) {
	t.Helper()
	code, output := false, false
	for i, line := range strings.Split(read(t, file), "\n") {
		if filepath.Ext(file) == ".go" {
			output = strings.Contains(line, "// Output:") || strings.Contains(line, "// Unordered output:") || output && strings.HasPrefix(strings.TrimSpace(line), "//")
			if output || !prose.MatchString(line) {
				continue
			}
		} else {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				code = !code
			}
			if code || notText.MatchString(line) {
				continue
			}
		}
		columns := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", strings.Repeat(" ", tab)))
		if columns > maxColumns && len(breaks.FindAllString(line, -1)) > 2 {
			t.Errorf("%s:%d: a line of %d columns; want %d at most", file, i+1, columns, maxColumns)
		}
	}
}
