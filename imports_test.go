package holdfast_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// list returns the lines of what go list says.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

// A user's program links what ADR 14 says: two other modules, and with the stages alone, not
// net/http.
func TestWhatAUserLinks(t *testing.T) {
	modules := map[string]bool{}
	for _, module := range list(t, "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".") {
		modules[module] = true
	}
	require.Equal(t, map[string]bool{
		"github.com/media-gateway/holdfast": true, "github.com/sony/gobreaker/v2": true, "golang.org/x/time": true,
	}, modules)

	require.NotContains(t, list(t, "-deps", "./resilience/..."), "net/http")
}

// The live page links the reader of files, which needs two more modules and one of the Go project,
// and no more.
func TestWhatAPageLinks(t *testing.T) {
	modules := map[string]bool{}
	for _, module := range list(t, "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./holdfastdash") {
		modules[module] = true
	}
	require.Equal(t, map[string]bool{
		"github.com/media-gateway/holdfast": true, "github.com/sony/gobreaker/v2": true, "golang.org/x/time": true,
		"go.yaml.in/yaml/v3": true, "github.com/fsnotify/fsnotify": true, "golang.org/x/sys": true,
	}, modules)
}
