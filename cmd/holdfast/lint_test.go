package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
)

func TestLint(t *testing.T) {
	files(t, map[string]string{
		"clean.yaml": "auth payments", "wrong.yaml": "auth wrong", "warned.yaml": "warned", "silenced.yaml": "silenced noted", "broken.yaml": "broken",
	})
	const problems = "services.yaml:3:5: unknown key \"reties\"\nservices.yaml:4:5: deadline is \"x\"\n"
	for _, test := range []struct {
		name   string
		args   []string
		stdin  string
		code   int
		stdout string
		stderr string
	}{
		{"clean", []string{"clean.yaml"}, "", cli.OK, "2 services in 1 file: nothing found\n", ""},
		{"an error", []string{"wrong.yaml"}, "", cli.Failure,
			"services.yaml:2: error wrong: 5 retries need up to 4.9s; the deadline is 2s\n    6 × 500ms + 1.9s = 4.9s\n    fix: max_retries: 3\n" +
				"2 services in 1 file: 1 error\n", ""},
		{"a warning", []string{"-pods", "200", "warned.yaml"}, "", cli.OK,
			"services.yaml:1: warning warned: no jitter, on 200 pods\n1 service in 1 file: 1 warning\n", ""},
		{"a warning, strictly", []string{"warned.yaml", "-strict"}, "", cli.Failure,
			"services.yaml:1: warning warned: no jitter, on 0 pods\n1 service in 1 file: 1 warning\n", ""},
		{"silenced, strictly", []string{"-strict", "silenced.yaml"}, "", cli.OK,
			"services.yaml:2: info noted: nothing is silenced\n2 services in 1 file: 1 info (1 silenced)\n", ""},
		{"it does not load", []string{"broken.yaml"}, "", cli.Failure, "", problems},
		{"one does not load", []string{"broken.yaml", "clean.yaml"}, "", cli.Failure, "2 services in 1 file: nothing found\n", problems},
		{"several", []string{"clean.yaml", "wrong.yaml", "warned.yaml"}, "", cli.Failure,
			"services.yaml:2: error wrong: 5 retries need up to 4.9s; the deadline is 2s\n    6 × 500ms + 1.9s = 4.9s\n    fix: max_retries: 3\n" +
				"services.yaml:1: warning warned: no jitter, on 0 pods\n5 services in 3 files: 1 error, 1 warning\n", ""},
		{"from a stream", []string{"-"}, "wrong", cli.Failure,
			"services.yaml:1: error wrong: 5 retries need up to 4.9s; the deadline is 2s\n    6 × 500ms + 1.9s = 4.9s\n    fix: max_retries: 3\n1 service in 1 file: 1 error\n", ""},
		{"it is not there", []string{"nowhere.yaml"}, "", cli.Failure, "", "open nowhere.yaml: no such file or directory\n"},
		{"no file", nil, "", cli.Misuse, "", "holdfast lint: no file; want FILE..., or - for standard input\nRun 'holdfast lint -h' for usage.\n"},
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
}

func TestLintJSON(t *testing.T) {
	files(t, map[string]string{"clean.yaml": "auth", "wrong.yaml": "wrong warned silenced", "broken.yaml": "broken"})
	code, stdout, stderr := run(t, "", "lint", "-json", "clean.yaml", "wrong.yaml", "broken.yaml")
	require.Equal(t, cli.Failure, code)
	require.Empty(t, stderr, "all that is wrong is in the object")
	require.JSONEq(t, `{
		"files": [
			{"file": "clean.yaml", "loaded": true, "problems": [], "findings": []},
			{"file": "wrong.yaml", "loaded": true, "problems": [], "findings": [{"service": "wrong"}, {"service": "warned"}, {"service": "silenced"}]},
			{"file": "broken.yaml", "loaded": false, "findings": [], "problems": [
				{"message": "services.yaml:3:5: unknown key \"reties\""},
				{"message": "services.yaml:4:5: deadline is \"x\""}]}
		],
		"errors": 1, "warnings": 1, "infos": 0, "silenced": 1, "unloadable": 1
	}`, stdout)
	require.True(t, json.Valid([]byte(stdout)))

	code, _, _ = run(t, "", "lint", "-json", "clean.yaml")
	require.Equal(t, cli.OK, code)
}
