package config

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// testdata/problems.txt holds wrong files, each with the whole text of its error. go test -update
// writes it anew: read what has changed.
func TestProblems(t *testing.T) {
	const file = "testdata/problems.txt"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var written strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(string(data), "=== "), "\n=== ") {
		name, rest, _ := strings.Cut(part, "\n")
		text, want, ok := strings.Cut(rest, "\n--- problems")
		require.True(t, ok, name)
		input, environ, _ := strings.Cut(text, "\n--- environment\n")
		fileName := "services.yaml"
		if strings.HasPrefix(name, "json") {
			fileName = "services.json"
		}
		_, err := parse([]byte(unescape.Replace(input)), fileName, strings.Split(environ, "\n"))
		require.Error(t, err, name)
		have := strings.ReplaceAll(err.Error(), "\uFFFD", "?")
		if !*update {
			require.Equal(t, strings.TrimSpace(want), have, name)
		}
		written.WriteString("=== " + name + "\n" + text + "\n--- problems\n" + have + "\n\n")
	}
	requireGenerated(t, file, strings.TrimSuffix(written.String(), "\n"))
}

// unescape replaces the placeholders of testdata/problems.txt by characters that a text file does
// not show.
var unescape = strings.NewReplacer("⇥", "\t", "␍", "\r", "«bom»", "\ufeff", "«bad»", "\xff", "«nul»", "\x00")
