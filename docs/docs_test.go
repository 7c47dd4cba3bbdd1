// Package docs holds the documentation, and the tests that keep it true: every block of Go
// in it must be found, up to white space, in a Go file that is compiled.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = ".."

// The compiled files that the documents quote.
var sources = []string{
	"docs/*_test.go", "doc.go", "examples/*/*.go", "holdfast*/*_test.go", "integration/*/*_test.go", "storm/*_test.go",
	"*_test.go", "resilience/*_test.go", "resilience/*/*_test.go", "benchmarks/peers/migrating/*_test.go", "benchmarks/peers/storm/*.go",
}

func TestEveryGoBlockIsCompiled(t *testing.T) {
	all := compiled(t)
	found := 0
	for _, file := range documents(t) {
		for _, block := range goBlocks(read(t, file)) {
			found++
			require.True(t, isIn(all, squeeze(block)),
				"%s quotes Go that no compiled file holds; put it into docs/*_test.go:\n%s", file, block)
		}
	}
	require.Positive(t, found)
}

// setting is a Config that a sentence shows with its fields.
var setting = regexp.MustCompile("`(\\w+\\.(?:\\w*Config|Adaptive|Tuning|Order)\\{[^`…]+\\})`")

// So is every Config in the middle of a sentence.
func TestEveryConfigOfASentenceIsCompiled(t *testing.T) {
	all := compiled(t)
	found := 0
	for _, file := range documents(t) {
		if strings.HasSuffix(file, "clients.md") { // the Configs of others, whom integration/clients asks
			continue
		}
		for _, match := range setting.FindAllStringSubmatch(read(t, file), -1) {
			found++
			assert.True(t, isIn(all, squeeze(match[1])), "%s says `%s`, which no compiled file holds", file, match[1])
		}
	}
	require.Greater(t, found, 8)
}

// compiled returns the text of all files of sources.
func compiled(t *testing.T) (texts []string) {
	t.Helper()
	for _, pattern := range sources {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			texts = append(texts, squeeze(read(t, file)))
		}
	}
	return texts
}

var (
	link  = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	block = regexp.MustCompile("(?s)```.*?\n```")
	code  = regexp.MustCompile("(?s)```.*?\n```|`[^`\n]*`")
)

func TestEveryLocalLinkLeadsSomewhere(t *testing.T) {
	for _, file := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(read(t, file), ""), -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(file), match[1]))
			require.NoError(t, err, "%s links to %s", file, match[1])
		}
	}
}

var (
	contents = regexp.MustCompile(`(?m)^- \[[^\]]*\]\(#`)
	ofPage   = regexp.MustCompile(`\]\(#([^)]+)\)`)
	chapter  = regexp.MustCompile(`(?m)^## (.+)$`)
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`)
)

// A page that begins with a list of its chapters names all of them.
func TestContentsAreComplete(t *testing.T) {
	pages := 0
	for _, file := range documents(t) {
		text := block.ReplaceAllString(read(t, file), "")
		head, _, _ := strings.Cut(text, "\n## ")
		if len(contents.FindAllString(head, -1)) < 5 {
			continue
		}
		pages++
		named := map[string]bool{}
		for _, match := range ofPage.FindAllStringSubmatch(head, -1) {
			named[match[1]] = true
		}
		for _, match := range chapter.FindAllStringSubmatch(text, -1) {
			anchor := strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(match[1]), ""), " ", "-")
			assert.True(t, named[anchor], "%s: the list at the top lacks %q", file, match[1])
		}
	}
	require.Greater(t, pages, 5)
}

// documents returns all Markdown files of the root folder and of docs.
func documents(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "*.md"))
	require.NoError(t, err)
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return err
	})
	require.NoError(t, err)
	return files
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// goBlocks returns what stands between ```go and ``` in a Markdown text.
func goBlocks(text string) []string {
	var blocks []string
	for {
		_, rest, ok := strings.Cut(text, "```go\n")
		if !ok {
			return blocks
		}
		var block string
		block, text, _ = strings.Cut(rest, "\n```")
		blocks = append(blocks, block)
	}
}

// squeeze leaves one blank between words, whatever was there.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

func isIn(all []string, part string) bool {
	for _, text := range all {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}
