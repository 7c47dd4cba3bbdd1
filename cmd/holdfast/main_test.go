package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
)

// run does what args say in a folder of the test's own, and returns what came of it.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = program(fakes()).Run(t.Context(), cli.Streams{In: strings.NewReader(stdin), Out: &out, Err: &err}, args)
	return code, out.String(), err.String()
}

// files makes a folder with these files the current one.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range texts {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	t.Chdir(folder)
	return folder
}

// Every usage fits an old terminal, is a result, and says what the exit codes mean; help prints the same.
func TestUsagesFitOneScreen(t *testing.T) {
	names := []string{""}
	for _, c := range program(fakes()).Commands {
		names = append(names, c.Name)
	}
	require.Subset(t, names, []string{"demo", "lint", "explain", "init", "version"})
	for _, name := range append(names, "completion", "help") {
		t.Run("holdfast "+name, func(t *testing.T) {
			args, same := []string{name, "-h"}, []string{"help", name}
			if name == "" {
				args, same = args[1:], same[:1]
			}
			code, stdout, stderr := run(t, "", args...)
			require.Equal(t, cli.OK, code)
			require.Empty(t, stderr)
			lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
			require.LessOrEqual(t, len(lines), cli.ScreenLines, stdout)
			for _, line := range lines {
				require.LessOrEqual(t, utf8.RuneCountInString(line), cli.ScreenColumns, line)
			}
			require.Contains(t, stdout, "Usage: holdfast ")
			require.Contains(t, stdout, "\nExit codes:\n  0 ")
			require.Contains(t, stdout, "\n  2  ")

			_, again, _ := run(t, "", same...)
			require.Equal(t, stdout, again)
		})
	}
}

func TestUsageNamesEveryCommand(t *testing.T) {
	code, stdout, stderr := run(t, "")
	require.Equal(t, cli.Misuse, code)
	require.Empty(t, stdout)
	for _, name := range []string{"demo", "lint", "explain", "init", "completion", "version", "help"} {
		require.Contains(t, stderr, "\n  "+name+" ")
	}
	require.NotContains(t, stderr, "__complete")
}

func TestMistypedCommand(t *testing.T) {
	code, stdout, stderr := run(t, "", "explian", "services.yaml")
	require.Equal(t, cli.Misuse, code)
	require.Empty(t, stdout)
	require.Equal(t, "holdfast: unknown command \"explian\"; did you mean explain?\nRun 'holdfast help' for usage.\n", stderr)
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"-version"}, {"--version"}} {
		code, stdout, stderr := run(t, "", args...)
		require.Equal(t, cli.OK, code)
		require.Empty(t, stderr)
		require.Regexp(t, `^holdfast \S+ (\([0-9a-f]+\) )?go1\.\S+ \w+/\w+\n$`, stdout)
	}
	code, stdout, _ := run(t, "", "version", "-json")
	require.Equal(t, cli.OK, code)
	var b build
	require.NoError(t, json.Unmarshal([]byte(stdout), &b))
	require.Equal(t, thisBuild(), b)
	require.NotEmpty(t, b.Version)

	code, _, stderr := run(t, "", "version", "please")
	require.Equal(t, cli.Misuse, code)
	require.Contains(t, stderr, `argument "please"; want flags only`)

	const revision = "4ac8b1db8d32304e7811f54c7975cea74e7def10"
	require.Equal(t, "holdfast (devel) ("+revision+") go1 os/cpu\n", build{Version: "(devel)", Revision: revision, Go: "go1", Platform: "os/cpu"}.String())
	require.Equal(t, "holdfast v0.0.0-2026-4ac8b1db8d32 go1 os/cpu\n",
		build{Version: "v0.0.0-2026-4ac8b1db8d32", Revision: revision, Go: "go1", Platform: "os/cpu"}.String())
}

func TestDemoEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	code := program(fakes()).Run(ctx, cli.Streams{Out: &stdout, Err: &stderr}, []string{"demo", "-short"})
	require.Equal(t, cli.Interrupted, code)
	require.Contains(t, stdout.String(), "INTERRUPTED")
	require.Empty(t, stderr.String())
}
