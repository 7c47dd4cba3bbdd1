package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// realDir returns a directory for the test, without links on the way to it.
func realDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return dir
}

func write(t testing.TB, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func mkdir(t testing.TB, path string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(path, 0o700))
}

func symlink(t testing.TB, target, path string) {
	t.Helper()
	require.NoError(t, os.Symlink(target, path))
}

func TestTheWayToAFile(t *testing.T) {
	dir := realDir(t)
	at := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	mkdir(t, at("plain"))
	write(t, at("plain", "file"), "x")
	// as Kubernetes mounts a ConfigMap
	mkdir(t, at("map", "..v1"))
	write(t, at("map", "..v1", "file"), "x")
	symlink(t, "..v1", at("map", "..data"))
	symlink(t, "..data/file", at("map", "file"))
	// as releases are laid out
	mkdir(t, at("app"))
	symlink(t, at("plain"), at("app", "current"))
	symlink(t, "../app/./current/file", at("plain", "up"))
	// and what leads nowhere
	symlink(t, "nowhere", at("plain", "dangling"))
	symlink(t, "b", at("plain", "a"))
	symlink(t, "a", at("plain", "b"))

	for name, c := range map[string]struct{ file, want []string }{
		"a file":             {[]string{"plain", "file"}, []string{at("plain")}},
		"a ConfigMap":        {[]string{"map", "file"}, []string{at("map"), at("map", "..v1")}},
		"a linked directory": {[]string{"app", "current", "file"}, []string{at("app"), at("plain")}},
		"up and down":        {[]string{"plain", "up"}, []string{at("plain"), at("app")}},
		"no file":            {[]string{"plain", "none"}, []string{at("plain")}},
		"no directory":       {[]string{"plain", "none", "at", "all"}, []string{at("plain")}},
		"a dangling link":    {[]string{"plain", "dangling"}, []string{at("plain")}},
		"a circle":           {[]string{"plain", "a"}, []string{at("plain")}},
		"through a file":     {[]string{"plain", "file", "x"}, []string{at("plain", "file")}},
	} {
		require.Equal(t, c.want, dirsOnPath(at(c.file...)), name)
	}
	require.Empty(t, dirsOnPath(string(filepath.Separator)))
}
