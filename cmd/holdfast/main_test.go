package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
)

// run runs the program with args, and returns its exit code and output.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = program().Run(t.Context(), cli.Streams{In: strings.NewReader(stdin), Out: &out, Err: &err}, args)
	return code, out.String(), err.String()
}

// files makes a folder with these files, and makes it the current one.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range texts {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	t.Chdir(folder)
	return folder
}

// Files for tests. Their names say what is wrong in them.
const (
	clean    = "services: {auth: {template: standard}, payments: {template: critical}}\n"
	one      = "services: {auth: {template: critical, deadline: 8s}}\n"
	wrong    = "services: {payments: {template: none, deadline: 2s, attempt_deadline: 500ms, budget: {}, retry: {max_retries: 5, base_delay: 10ms, jitter: full}}}\n"
	warned   = "services: {auth: {template: none, deadline: 5s, attempt_deadline: 1s, budget: {}, retry: {jitter: none}}}\n"
	silenced = "services: {auth: {template: none, deadline: 5s, attempt_deadline: 1s, budget: {}, retry: {jitter: none}, lint: {ignore: [{code: HF010, reason: a trial}]}}}\n"
	broken   = "services:\n  payments:\n    deadline: soon\n    retry: {max_retreis: 3}\n"
)

// brokenProblems are the problems of broken, as they are printed.
const brokenProblems = `broken.yaml:3:15: services.payments.deadline is soon; want a duration above 0, such as 500ms, or off
    3 |     deadline: soon
      |               ^^^^
broken.yaml:4:13: services.payments.retry: unknown key "max_retreis"; did you mean "max_retries"?
    4 |     retry: {max_retreis: 3}
      |             ^^^^^^^^^^^
`

// Every usage fits an old terminal, goes to standard output, and says what the exit codes mean.
// help prints the same.
func TestUsagesFitOneScreen(t *testing.T) {
	names := []string{""}
	for _, c := range program().Commands {
		names = append(names, c.Name)
		for _, of := range c.Commands {
			names = append(names, c.Name+" "+of.Name)
		}
	}
	require.Subset(t, names, []string{"demo", "lint", "explain", "init", "version", "fleet", "fleet status", "fleet isolate"})
	for _, name := range append(names, "completion", "help") {
		t.Run("holdfast "+name, func(t *testing.T) {
			words := strings.Fields(name)
			args, same := append(slices.Clone(words), "-h"), append([]string{"help"}, words...)
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
	for _, name := range []string{"demo", "lint", "explain", "init", "fleet", "completion", "version", "help"} {
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

// The package's doc comment has the exit codes of the usages.
func TestExitCodesAreDocumented(t *testing.T) {
	var table strings.Builder
	for _, c := range program().Commands {
		name := c.Name
		for _, e := range c.Exits {
			fmt.Fprintf(&table, "\t%-7s  %3d  %s\n", name, e.Code, e.Means)
			name = ""
		}
	}
	main, err := parser.ParseFile(token.NewFileSet(), "main.go", nil, parser.PackageClauseOnly|parser.ParseComments)
	require.NoError(t, err)
	require.Contains(t, main.Doc.Text(), "\n\n"+table.String()+"\n")
}

// Only a process of its own can show the effect of a signal: demo ends in good order, and a command
// that reads does not wait for input that may never come.
func TestInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent an interrupt there")
	}
	// A job that a script starts in the background ignores interrupts, and so do its children.
	// Children of a process that listens for interrupts do not.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, os.Interrupt)
	defer signal.Stop(heard)
	for _, test := range []struct {
		args    []string
		started func(out *bufio.Reader) error
		ended   func(t *testing.T, state *os.ProcessState, rest string)
	}{
		{
			[]string{"demo", "-short"},
			func(out *bufio.Reader) error { _, err := out.ReadString('.'); return err },
			func(t *testing.T, state *os.ProcessState, rest string) {
				t.Helper()
				require.Equal(t, cli.Interrupted, state.ExitCode(), state)
				require.Contains(t, rest, "INTERRUPTED")
			},
		},
		{
			[]string{"lint", "-json", "-"},
			func(*bufio.Reader) error { return nil }, // before or after it has begun to read: it ends
			func(t *testing.T, state *os.ProcessState, rest string) {
				t.Helper()
				require.Equal(t, "signal: interrupt", state.String())
				require.Empty(t, rest)
			},
		},
	} {
		t.Run(test.args[0], func(t *testing.T) {
			command := exec.CommandContext(t.Context(), os.Args[0], test.args...)
			command.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
			_, err := command.StdinPipe() // nobody writes to it
			require.NoError(t, err)
			stdout, err := command.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, command.Start())
			out := bufio.NewReader(stdout)
			require.NoError(t, test.started(out))
			require.NoError(t, command.Process.Signal(os.Interrupt))
			rest, err := io.ReadAll(out)
			require.NoError(t, err)
			require.Error(t, command.Wait())
			test.ended(t, command.ProcessState, string(rest))
		})
	}
}

func TestDemoEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	code := program().Run(ctx, cli.Streams{Out: &stdout, Err: &stderr}, []string{"demo", "-short"})
	require.Equal(t, cli.Interrupted, code)
	require.Contains(t, stdout.String(), "INTERRUPTED")
	require.Empty(t, stderr.String())
}
