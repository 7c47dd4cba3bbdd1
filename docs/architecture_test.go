package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var quoted = regexp.MustCompile("`([^`\n]+)`")

// The map of the code names every folder that has code, or one above it, and no file that is not
// there.
func TestArchitectureNamesWhatIsThere(t *testing.T) {
	text, err := os.ReadFile("architecture.md")
	require.NoError(t, err)
	named := map[string]bool{}
	for _, match := range quoted.FindAllStringSubmatch(string(text), -1) {
		named[strings.TrimSuffix(match[1], "/")] = true
	}
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		folder := filepath.ToSlash(strings.TrimPrefix(path, "../"))
		switch {
		case err != nil:
			return err
		case !d.IsDir(), folder == "..":
			return nil
		case named[folder]:
			return filepath.SkipDir
		case d.Name() == ".git" || d.Name() == "testdata":
			return filepath.SkipDir
		}
		code, err := filepath.Glob(filepath.Join(path, "*.go"))
		require.NoError(t, err)
		require.Empty(t, code, "%s has code, and is in no row of architecture.md", folder)
		return nil
	}))

	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || !strings.Contains(cells[1], "`") {
			continue
		}
		rows++
		for _, file := range quoted.FindAllStringSubmatch(cells[2], -1) {
			if !strings.HasSuffix(file[1], ".go") {
				continue
			}
			var found []string
			for _, folder := range quoted.FindAllStringSubmatch(cells[1], -1) {
				matches, err := filepath.Glob(filepath.Join("..", folder[1], file[1]))
				require.NoError(t, err)
				found = append(found, matches...)
			}
			require.NotEmpty(t, found, "%s is not in %s", file[1], strings.TrimSpace(cells[1]))
		}
	}
	require.Greater(t, rows, 20)
}
