package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
)

// completed are lines that every shell completes, in a folder of these files, and what it must
// offer.
var completed = []struct {
	line []string // the last word is the one to complete
	want []string
}{
	{[]string{""}, []string{"completion", "demo", "explain", "fleet", "help", "init", "lint", "version"}},
	{[]string{"ex"}, []string{"explain"}},
	{[]string{"help", "de"}, []string{"demo"}},
	{[]string{"completion", ""}, []string{"bash", "fish", "zsh"}},
	{[]string{"demo", "-f"}, []string{"-fleet"}},
	{[]string{"lint", "-"}, []string{"-h", "-json", "-pods", "-strict"}},
	{[]string{"lint", ""}, []string{"conf/", "my services.yaml", "services.yaml"}},
	{[]string{"lint", "se"}, []string{"services.yaml"}},
	{[]string{"lint", "conf/"}, []string{"conf/prod.yml"}},
	{[]string{"lint", "services.yaml", "-strict", "conf/p"}, []string{"conf/prod.yml"}},
	{[]string{"explain", "HF05"}, []string{"HF050", "HF051", "HF052", "HF053", "HF054", "HF055"}},
	{[]string{"explain", "services.yaml", ""}, []string{"auth", "payments"}},
	{[]string{"explain", "-width", "60", "services.yaml", "-ascii", "p"}, []string{"payments"}},
	{[]string{"explain", "conf/prod.yml", ""}, []string{"ledger"}},
	{[]string{"explain", "readme.txt", ""}, nil}, // it does not load
	{[]string{"init", "-o", "r"}, []string{"readme.txt"}},
	{[]string{"version", ""}, nil},
	{[]string{"fleet", ""}, []string{"help", "isolate", "reset", "status", "tune", "withdraw"}},
	{[]string{"fleet", "withdraw", ""}, []string{"isolate", "tune"}},
	{[]string{"fleet", "status", "-"}, []string{"-fleet", "-h", "-header", "-json", "-service", "-timeout", "-url"}},
	{[]string{"fleet", "status", "-url", "h"}, nil},
	{[]string{"help", "fleet", "st"}, []string{"status"}},
	{[]string{"dance", ""}, nil},
}

func completionFolder(t *testing.T) {
	t.Helper()
	files(t, map[string]string{"services.yaml": clean, "my services.yaml": "services: {search: {}}", "readme.txt": broken})
	require.NoError(t, os.Mkdir("conf", 0o700))
	require.NoError(t, os.WriteFile("conf/prod.yml", []byte("services: {ledger: {}}"), 0o600))
}

// shellPath returns the path of a shell. Without the shell the test is skipped, or fails if
// services are required.
func shellPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("HOLDFAST_REQUIRE_SERVICES") == "1":
		t.Fatalf("%s is not there, and HOLDFAST_REQUIRE_SERVICES=1 wants it: apt-get install %s", name, name)
	default:
		t.Skipf("%s is not there to try its completion: apt-get install %s", name, name)
	}
	return path
}

// shell returns a function that runs a script in a shell in which holdfast is this test binary.
func shell(t *testing.T, name string) func(script string) string {
	t.Helper()
	path := shellPath(t, name)
	bin, home := t.TempDir(), t.TempDir()
	program := "#!/bin/sh\n" + asProgram + "=1 exec " + quoted(os.Args[0]) + ` "$@"` + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "holdfast"), []byte(program), 0o700)) //nolint:gosec // it is a program
	return func(script string) string {
		command := exec.CommandContext(t.Context(), path, "-c", script)
		command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+home, "LC_ALL=C.UTF-8",
			"GORACE=atexit_sleep_ms=0") // under -race every run of the program would sleep a second at its end
		var stderr bytes.Buffer
		command.Stderr = &stderr
		out, err := command.Output()
		require.NoError(t, err, "%s", stderr.String())
		require.Empty(t, stderr.String(), script)
		return string(out)
	}
}

// requireOffered compares what a shell offers, one word on each line. Shells mark folders in
// different ways, which does not matter.
func requireOffered(t *testing.T, want []string, out string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(out) {
		word := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "/")
		if word != "" && !slices.Contains(got, word) {
			got = append(got, word)
		}
	}
	slices.Sort(got)
	plain := slices.Clone(want)
	for i := range plain {
		plain[i] = strings.TrimSuffix(plain[i], "/")
	}
	require.Equal(t, plain, got)
}

func script(t *testing.T, shell string) string {
	t.Helper()
	code, stdout, stderr := run(t, "", "completion", shell)
	require.Equal(t, cli.OK, code, stderr)
	return stdout
}

// words returns words quoted for a shell.
func words(line []string) string {
	quotedWords := make([]string, len(line))
	for i, w := range line {
		quotedWords[i] = "'" + w + "'"
	}
	return strings.Join(quotedWords, " ")
}

// bash gets its words, and completes them into COMPREPLY.
func TestBashCompletes(t *testing.T) {
	bash := shell(t, "bash")
	source := script(t, "bash")
	completionFolder(t)
	prelude := "compopt() { :; }\n" // which works only where readline completes
	reply := func(line ...string) string {
		line = append([]string{"holdfast"}, line...)
		return bash("set -u\n" + prelude + source + "\nCOMP_WORDS=(" + words(line) + ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n" +
			"$(complete -p holdfast | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n" + // the function that is registered
			`for word in "${COMPREPLY[@]}"; do printf '%s\n' "$word"; done`)
	}
	for _, test := range completed {
		t.Run(strings.Join(test.line, " "), func(t *testing.T) { requireOffered(t, test.want, reply(test.line...)) })
	}
	// bash makes three words of -o=re.
	requireOffered(t, []string{"readme.txt"}, reply("init", "-o", "=", "re"))
	requireOffered(t, []string{"conf", "my services.yaml", "readme.txt", "services.yaml"}, reply("init", "-o", "="))
	requireOffered(t, nil, reply("lint", "-json", "="))
	// bash passes a word as it was typed.
	requireOffered(t, []string{"search"}, reply("explain", `my\ services.yaml`, ""))
	requireOffered(t, []string{"my services.yaml"}, reply("lint", `my\ s`))
	// Before version 4 bash does not quote files by itself.
	prelude = ""
	requireOffered(t, []string{"conf", `my\ services.yaml`, "services.yaml"}, reply("lint", ""))
}

// zsh's completion system needs a terminal. The test replaces it, and checks what the script passes
// to it.
func TestZshCompletes(t *testing.T) {
	zsh := shell(t, "zsh")
	source := script(t, "zsh")
	completionFolder(t)
	for _, test := range completed {
		t.Run(strings.Join(test.line, " "), func(t *testing.T) {
			line := append([]string{"holdfast"}, test.line...)
			requireOffered(t, test.want, zsh(`
compdef() { completer=$1 }
_describe() { local -a shown; shown=("${(@P)2}"); print -rl -- "${(@)shown%%:*}" }
_files() {
	if [[ $1 == -g ]]; then
		print -rl -- $PREFIX*(N/) ${~:-$PREFIX$2}(N)
	else
		print -rl -- $PREFIX*(N)
	fi
}
`+source+`
words=(`+words(line)+`) CURRENT=$#words PREFIX=$words[-1]
$completer`))
		})
	}
}

// fish has a command that prints what it would offer for a line.
func TestFishCompletes(t *testing.T) {
	fish := shell(t, "fish")
	source := script(t, "fish")
	completionFolder(t)
	for _, test := range completed {
		t.Run(strings.Join(test.line, " "), func(t *testing.T) {
			out := fish(source + "\ncomplete -C '" + strings.Join(append([]string{"holdfast"}, test.line...), " ") + "' | string replace -r '\\t.*' ''; true")
			requireOffered(t, test.want, out)
		})
	}
	requireOffered(t, []string{"-o=readme.txt"}, fish(source+"\ncomplete -C 'holdfast init -o=r'; true"))
}
