//go:build unix

package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
)

// A pipe without a writer must not block the command, least of all when it only completes a word.
// If it did, this test would end by the timeout of all tests.
func TestNothingWaitsForAPipe(t *testing.T) {
	for _, args := range [][]string{
		{"lint", "services.yaml"}, {"lint", "-json", "services.yaml"}, {"explain", "services.yaml"}, {"explain", "services.yaml", "auth"},
		{"explain", "-svg=x.svg", "services.yaml", "auth"}, {"lint", "link.yaml"}, {"lint", "/dev/tty"}, {"lint", "/dev/zero"},
	} {
		files(t, nil)
		require.NoError(t, syscall.Mkfifo("services.yaml", 0o600))
		require.NoError(t, os.Symlink("services.yaml", "link.yaml"))
		code, stdout, stderr := run(t, "", args...)
		require.Equal(t, cli.Failure, code, args)
		require.Regexp(t, `it is a (named pipe|device); want a regular file|no such device`, stdout+stderr)
	}
	for _, file := range []string{"services.yaml", "link.yaml", "/dev/stdin", "/dev/zero"} {
		code, stdout, stderr := run(t, "", "__complete", "bash", "holdfast", "explain", file, "")
		require.Equal(t, cli.OK, code, stderr)
		require.Equal(t, "words\n", stdout)
	}
	for _, args := range [][]string{{"init", "services.yaml"}, {"init", "-force", "services.yaml"}, {"explain", "one.yaml", "-svg=services.yaml", "-force"}} {
		require.NoError(t, os.WriteFile("one.yaml", []byte(one), 0o600))
		code, _, stderr := run(t, "", args...)
		require.Equal(t, cli.Failure, code)
		require.Regexp(t, `there already|not a plain file`, stderr)
	}
}

// What a shell passes for <(command) is a pipe, too, but it has a writer.
func TestLintReadsWhatAShellHandsOver(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), os.Args[0], "lint", "/dev/fd/3")
	command.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
	command.ExtraFiles = []*os.File{read}
	var out strings.Builder
	command.Stdout, command.Stderr = &out, &out
	require.NoError(t, command.Start())
	require.NoError(t, read.Close())
	_, err = write.WriteString(clean)
	require.NoError(t, err)
	require.NoError(t, write.Close())
	require.NoError(t, command.Wait(), out.String())
	require.Contains(t, out.String(), "0 errors")
}
