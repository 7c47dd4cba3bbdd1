package main

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/internal/cli"
)

func TestInit(t *testing.T) {
	starter := string(config.Starter())
	for _, test := range []struct {
		args []string
		path string
	}{
		{[]string{"init"}, "services.yaml"},
		{[]string{"init", "my file.yaml"}, "my file.yaml"},
		{[]string{"init", "-o", "a.yaml"}, "a.yaml"},
	} {
		files(t, nil)
		code, stdout, stderr := run(t, "", test.args...)
		require.Equal(t, cli.OK, code, stderr)
		require.Empty(t, stderr)
		require.Contains(t, stdout, "Wrote "+test.path+".")
		require.Contains(t, stdout, "  holdfast lint "+quoted(test.path)+" ")
		require.Equal(t, starter, contents(t, test.path))
		requireOnly(t, test.path)
	}
}

func TestInitToStandardOutput(t *testing.T) {
	files(t, nil)
	for _, args := range [][]string{{"init", "-"}, {"init", "-o", "-"}} {
		code, stdout, stderr := run(t, "", args...)
		require.Equal(t, cli.OK, code)
		require.Equal(t, string(config.Starter()), stdout)
		require.Empty(t, stderr)
		requireOnly(t)
	}
}

func TestInitLeavesAFileAlone(t *testing.T) {
	files(t, map[string]string{"services.yaml": "mine"})
	code, stdout, stderr := run(t, "", "init")
	require.Equal(t, cli.Failure, code)
	require.Empty(t, stdout)
	require.Equal(t, "holdfast init: services.yaml is there already, and was left as it is; -force overwrites it\n", stderr)
	require.Equal(t, "mine", contents(t, "services.yaml"))
	requireOnly(t, "services.yaml")

	require.NoError(t, os.Symlink("nowhere", "link.yaml"))
	code, _, _ = run(t, "", "init", "link.yaml")
	require.Equal(t, cli.Failure, code, "a link that leads nowhere is somebody's too")
	requireOnly(t, "link.yaml", "services.yaml")
}

func TestInitForced(t *testing.T) {
	files(t, map[string]string{"services.yaml": "mine"})
	require.NoError(t, os.Chmod("services.yaml", 0o640)) //nolint:gosec // what is tested is that it stays
	require.NoError(t, os.Symlink("services.yaml", "link.yaml"))
	code, _, stderr := run(t, "", "init", "link.yaml", "-force")
	require.Equal(t, cli.OK, code, stderr)
	require.Equal(t, string(config.Starter()), contents(t, "services.yaml"), "what the link points at was written")
	info, err := os.Lstat("link.yaml")
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink)
	if runtime.GOOS != "windows" {
		info, err = os.Stat("services.yaml")
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	}
	requireOnly(t, "link.yaml", "services.yaml")

	code, _, stderr = run(t, "", "init", ".", "-force")
	require.Equal(t, cli.Failure, code)
	require.Contains(t, stderr, ". is not a plain file")
}

// Whatever a link leads to, -force writes there, and never in place of the link.
func TestInitForcedThroughLinks(t *testing.T) {
	files(t, nil)
	require.NoError(t, os.Mkdir("real", 0o700))
	require.NoError(t, os.Symlink("real", "folder"))
	require.NoError(t, os.Symlink("../folder/../new.yaml", "real/second.yaml")) // relative to real, not to folder
	require.NoError(t, os.Symlink("folder/second.yaml", "first.yaml"))
	require.NoError(t, os.Symlink("loop.yaml", "loop.yaml"))
	require.NoError(t, os.Symlink("nowhere/a.yaml", "lost.yaml"))
	all := []string{"first.yaml", "folder", "loop.yaml", "lost.yaml", "real"}

	for _, path := range []string{"loop.yaml", "lost.yaml"} {
		code, stdout, stderr := run(t, "", "init", path, "-force")
		require.Equal(t, cli.Failure, code, path)
		require.Empty(t, stdout)
		require.NotEmpty(t, stderr)
		requireOnly(t, all...)
	}
	code, _, stderr := run(t, "", "init", "first.yaml", "-force")
	require.Equal(t, cli.OK, code, stderr)
	require.Equal(t, string(config.Starter()), contents(t, "new.yaml"))
	requireOnly(t, append(all[:4:4], "new.yaml", "real")...)
	for _, path := range []string{"first.yaml", "loop.yaml", "lost.yaml", "real/second.yaml"} {
		info, err := os.Lstat(path)
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&os.ModeSymlink, path)
	}
}

func TestInitMisused(t *testing.T) {
	files(t, nil)
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"init", "a", "b"}, cli.Misuse, "2 files; want one"},
		{[]string{"init", "-o", "a", "b"}, cli.Misuse, "-o a and b; want one of them"},
		{[]string{"init", ""}, cli.Misuse, `file ""; want a name`},
		{[]string{"init", "-froce"}, cli.Misuse, "did you mean -force?"},
		{[]string{"init", "nowhere/a.yaml"}, cli.Failure, "write nowhere/a.yaml: no such file or directory"},
		{[]string{"init", "-force", "nowhere/a.yaml"}, cli.Failure, "write nowhere/a.yaml: no such file or directory"},
	} {
		code, stdout, stderr := run(t, "", test.args...)
		require.Equal(t, test.code, code, test.args)
		require.Empty(t, stdout)
		require.Contains(t, stderr, test.want)
		requireOnly(t)
	}
}

// If many write at once, one wins, and readers only see a whole file.
func TestCreateIsAtomic(t *testing.T) {
	folder := files(t, nil)
	path := filepath.Join(folder, "services.yaml")
	text := make([]byte, 1<<16)
	var won int
	var mu sync.Mutex
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			err := create(path, text)
			if seen, readErr := os.ReadFile(path); readErr != nil || len(seen) != len(text) {
				t.Errorf("saw %d bytes, %v", len(seen), readErr)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !os.IsExist(err) {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	require.Equal(t, 1, won)
	requireOnly(t, "services.yaml")
}

// The same where there are no hard links.
func TestClaim(t *testing.T) {
	files(t, map[string]string{"temp": "x", "other": "y"})
	require.NoError(t, claim("temp", "a"))
	require.ErrorIs(t, claim("other", "a"), os.ErrExist)
	require.Equal(t, "x", contents(t, "a"))
	require.Error(t, claim("missing", "b"))
	requireOnly(t, "a", "other")

	// Readers never see a part of the file.
	const size = 16 << 20
	require.NoError(t, os.WriteFile("temp", make([]byte, size), 0o600))
	done := make(chan error)
	go func() { done <- claim("temp", "b") }()
	for writing := true; writing; {
		select {
		case err := <-done:
			require.NoError(t, err)
			writing = false
		default:
		}
		if info, err := os.Stat("b"); err == nil && info.Size() > 0 {
			require.EqualValues(t, size, info.Size())
		}
	}
	requireOnly(t, "a", "b", "other")
}

func TestQuoted(t *testing.T) {
	for path, want := range map[string]string{
		"services.yaml": "services.yaml", "a b": "'a b'", "it's": `'it'\''s'`, "-x": "'./-x'", "/a/b_c-d.yml": "/a/b_c-d.yml", "": "''", "$x": "'$x'",
	} {
		require.Equal(t, want, quoted(path))
	}
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// requireOnly requires that the current folder holds these files, sorted, and no others.
func requireOnly(t *testing.T, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	require.Equal(t, names, found)
}
