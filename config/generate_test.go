package config

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the generated files anew")

// requireGenerated compares a checked-in file with what is generated now. With -update it writes
// the file.
func requireGenerated(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	have := strings.Split(string(text), "\n")
	for i, line := range strings.Split(want, "\n") {
		if i >= len(have) || have[i] != line {
			require.FailNow(t, "out of date", "%s is not what the keys of settings.go make of it; run: go generate ./config\nline %d should be:\n%s", path, i+1, line)
		}
	}
	require.True(t, strings.HasPrefix(want, string(text)), "%s goes on after its end; run: go generate ./config", path)
}
