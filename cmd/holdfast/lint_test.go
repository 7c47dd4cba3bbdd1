package main

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/lint"
)

// reportOf returns the linter's report on a file.
func reportOf(t *testing.T, path string, pods int) lint.Report {
	t.Helper()
	c, err := config.Load(path)
	require.NoError(t, err)
	return c.Lint(lint.Options{Pods: pods})
}

// found returns what is printed for a file whose only finding has this code.
func found(t *testing.T, path, code string) string {
	t.Helper()
	r := reportOf(t, path, 0)
	require.Len(t, r.Findings, 1, r)
	require.Equal(t, code, r.Findings[0].Code)
	text := strings.TrimSuffix(r.String(), r.Summary()+"\n")
	require.True(t, strings.HasPrefix(text, path+":1: "), text)
	return text
}

func TestLint(t *testing.T) {
	files(t, map[string]string{
		"clean.yaml": clean, "wrong.yaml": wrong, "warned.yaml": warned, "silenced.yaml": silenced, "broken.yaml": broken,
		"huge.yaml": strings.Repeat("# and so on\n", 1<<17),
	})
	isWrong, isWarned := found(t, "wrong.yaml", "HF001"), found(t, "warned.yaml", "HF010")
	for _, test := range []struct {
		name   string
		args   []string
		stdin  string
		code   int
		stdout string
		stderr string
	}{
		{"clean", []string{"clean.yaml"}, "", cli.OK, "0 errors, 0 warnings, 0 infos\n", ""},
		{"an error", []string{"wrong.yaml"}, "", cli.Failure, isWrong + "1 error, 0 warnings, 0 infos\n", ""},
		{"a warning", []string{"warned.yaml"}, "", cli.OK, isWarned + "0 errors, 1 warning, 0 infos\n", ""},
		{"a warning, strictly", []string{"warned.yaml", "-strict"}, "", cli.Failure, isWarned + "0 errors, 1 warning, 0 infos\n", ""},
		{"silenced, strictly", []string{"-strict", "silenced.yaml"}, "", cli.OK, "0 errors, 0 warnings, 0 infos (1 silenced)\n", ""},
		{"it does not load", []string{"broken.yaml"}, "", cli.Failure, "", brokenProblems},
		{"one does not load", []string{"broken.yaml", "clean.yaml"}, "", cli.Failure, "0 errors, 0 warnings, 0 infos\n", brokenProblems},
		{"several", []string{"clean.yaml", "wrong.yaml", "warned.yaml"}, "", cli.Failure,
			isWrong + isWarned + "1 error, 1 warning, 0 infos\n", ""},
		{"from a stream", []string{"-"}, wrong, cli.Failure,
			strings.ReplaceAll(isWrong, "wrong.yaml", "stdin") + "1 error, 0 warnings, 0 infos\n", ""},
		{"broken, from a stream", []string{"-"}, broken, cli.Failure, "", strings.ReplaceAll(brokenProblems, "broken.yaml", "stdin")},
		{"two that are not there", []string{"nowhere.yaml", "./no.yaml"}, "", cli.Failure, "",
			"nowhere.yaml: no such file or directory\n./no.yaml: no such file or directory\n"},
		{"a folder", []string{"."}, "", cli.Failure, "", ".: it is a directory; want a file, such as services.yaml\n"},
		{"too large", []string{"huge.yaml"}, "", cli.Failure, "", "huge.yaml: the file is larger than 1024 KiB; want a smaller file\n"},
		{"no file", nil, "", cli.Misuse, "", "holdfast lint: no file; want FILE..., or - for standard input\nRun 'holdfast lint -h' for usage.\n"},
		{"a file without a name", []string{""}, "", cli.Misuse, "",
			"holdfast lint: file \"\"; want a name, or - for standard input\nRun 'holdfast lint -h' for usage.\n"},
		{"one stream twice", []string{"-", "clean.yaml", "-"}, "", cli.Misuse, "",
			"holdfast lint: standard input twice; it can be read once\nRun 'holdfast lint -h' for usage.\n"},
		{"unknown flag", []string{"-stirct"}, "", cli.Misuse, "",
			"holdfast lint: unknown flag -stirct; did you mean -strict?\nRun 'holdfast lint -h' for usage.\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := run(t, test.stdin, append([]string{"lint"}, test.args...)...)
			require.Equal(t, test.stdout, stdout)
			require.Equal(t, test.stderr, stderr)
			require.Equal(t, test.code, code)
		})
	}

	code, stdout, _ := run(t, "", "lint", "-pods", "200", "clean.yaml")
	require.Equal(t, cli.OK, code)
	require.Equal(t, reportOf(t, "clean.yaml", 200).String(), stdout)
	require.Contains(t, stdout, " HF026 auth: ")

	// The file may say it as well, and the flag has the last word.
	files(t, map[string]string{"pods.yaml": "fleet: {pods: 4}\nservices: {auth: {template: none, deadline: 1s, breaker: {fleet: on}}}\n"})
	_, stdout, _ = run(t, "", "lint", "pods.yaml")
	require.Contains(t, stdout, "pods.yaml:2: info HF061 auth: a fleet of 4 instances shares its breaker")
	_, stdout, _ = run(t, "", "lint", "-pods", "10", "pods.yaml")
	require.Equal(t, "0 errors, 0 warnings, 0 infos\n", stdout)
}

// The file of mistakes, which the README shows, has one mistake of each kind. The fixes of the
// report make it sound.
func TestLintOfTheMistakes(t *testing.T) {
	const path = "../../examples/configfile/mistakes.yaml"
	code, stdout, stderr := run(t, "", "lint", "-pods", "50", path)
	require.Equal(t, cli.Failure, code)
	require.Empty(t, stderr)
	require.Equal(t, reportOf(t, path, 50).String(), stdout)
	var lines []string
	for line := range strings.Lines(stdout) {
		if at, _, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(at, path+":") {
			lines = append(lines, strings.Join(strings.Fields(line)[1:4], " "))
		}
	}
	require.Equal(t, []string{
		"error HF001 payments:", "warning HF052 gateway:", "warning HF020 checkout:", "warning HF010 search:", "info HF026 gateway:",
	}, lines)

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	mended := strings.NewReplacer( // as the report says
		"max_retries: 5", "max_retries: 3", "# retries what checkout retries already", "\n    retry: {max_retries: none}",
		"shadow: true", "shadow: false", "jitter: none", "jitter: full",
	).Replace(string(text))
	for _, fix := range []string{"retry.max_retries: 3", "retry.max_retries: none", "budget.shadow: false", "retry.jitter: full"} {
		require.Contains(t, stdout, "\n    fix: "+fix+"\n")
	}
	code, stdout, _ = run(t, mended, "lint", "-strict", "-pods", "50", "-")
	require.Equal(t, cli.OK, code, stdout)
	require.Contains(t, stdout, "0 errors, 0 warnings, ")
}

func TestLintOfAFileThatMayNotBeRead(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("every file may be read by root, and on Windows")
	}
	files(t, map[string]string{"secret.yaml": clean})
	require.NoError(t, os.Chmod("secret.yaml", 0))
	code, _, stderr := run(t, "", "lint", "secret.yaml")
	require.Equal(t, cli.Failure, code)
	require.Equal(t, "secret.yaml: permission denied\n", stderr)
}

// Nobody can open a link that leads to itself, root included.
func TestLintOfAFileThatCannotBeOpened(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("making a link takes a privilege there")
	}
	files(t, nil)
	require.NoError(t, os.Symlink("loop.yaml", "loop.yaml"))
	code, stdout, stderr := run(t, "", "lint", "loop.yaml")
	require.Equal(t, cli.Failure, code)
	require.Empty(t, stdout)
	require.Equal(t, "loop.yaml: too many levels of symbolic links\n", stderr)
}

func TestLintJSON(t *testing.T) {
	files(t, map[string]string{"clean.yaml": clean, "warned.yaml": warned, "silenced.yaml": silenced, "broken.yaml": broken})
	code, stdout, stderr := run(t, "", "lint", "-json", "clean.yaml", "warned.yaml", "broken.yaml", "silenced.yaml", "nowhere.yaml")
	require.Equal(t, cli.Failure, code)
	require.Empty(t, stderr, "all that is wrong is in the object")
	findings, err := json.Marshal(append(reportOf(t, "warned.yaml", 0).Findings, reportOf(t, "silenced.yaml", 0).Findings...))
	require.NoError(t, err)
	require.JSONEq(t, `{
		"problems": [
			{"file": "broken.yaml", "line": 3, "column": 15, "path": "services.payments.deadline", "source": "    deadline: soon",
				"message": "services.payments.deadline is soon; want a duration above 0, such as 500ms, or off"},
			{"file": "broken.yaml", "line": 4, "column": 13, "path": "services.payments.retry", "source": "    retry: {max_retreis: 3}",
				"message": "services.payments.retry: unknown key \"max_retreis\"; did you mean \"max_retries\"?"},
			{"file": "nowhere.yaml", "message": "no such file or directory"}
		],
		"report": {
			"findings": `+string(findings)+`,
			"errors": 0, "warnings": 1, "infos": 0, "silenced": 1
		}
	}`, stdout)

	code, stdout, _ = run(t, "", "lint", "-json", "clean.yaml")
	require.Equal(t, cli.OK, code)
	require.JSONEq(t, `{"problems": [], "report": {"findings": [], "errors": 0, "warnings": 0, "infos": 0, "silenced": 0}}`, stdout)
}

// More problems than are listed are counted, over all files.
func TestLintCountsWhatItOmits(t *testing.T) {
	files(t, map[string]string{"a.yaml": "services:\n  auth:\n" + strings.Repeat("    deadline: soon\n", 150)})
	_, stdout, _ := run(t, "", "lint", "-json", "a.yaml", "./a.yaml")
	var all struct {
		Problems []any
		Omitted  int
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &all))
	require.Len(t, all.Problems, 200)
	require.Equal(t, 100, all.Omitted)
}
