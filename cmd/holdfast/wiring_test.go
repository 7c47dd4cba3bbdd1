package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
)

// runInstalled is run with the packages that the program has, instead of fakes.
func runInstalled(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = program(installed()).Run(t.Context(), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &err}, args)
	return code, out.String(), err.String()
}

// What init writes, lint accepts and explain explains: a user's first three commands.
func TestFirstSteps(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	files(t, nil)
	code, _, stderr := runInstalled(t, "init")
	require.Equal(t, cli.OK, code, stderr)

	code, stdout, stderr := runInstalled(t, "lint", "-strict", "services.yaml")
	require.Equal(t, cli.OK, code, stdout+stderr)
	require.Empty(t, stderr)

	f, err := installed().Load("services.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, f.Names())
	for _, name := range f.Names() {
		code, stdout, stderr = runInstalled(t, "explain", "services.yaml", name)
		require.Equal(t, cli.OK, code, stderr)
		require.True(t, strings.HasPrefix(stdout, name+": "), stdout)
		require.Contains(t, stdout, "It hangs: ")

		code, stdout, stderr = runInstalled(t, "explain", "-json", "services.yaml", name)
		require.Equal(t, cli.OK, code, stderr)
		var e struct {
			Settings []setting
			Plan     struct {
				Worst struct{ Runs int } `json:"worst_case"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &e))
		require.Positive(t, e.Plan.Worst.Runs)
		require.NotEmpty(t, e.Settings)
		for _, s := range e.Settings {
			require.NotEmpty(t, s.Value, s)
			require.NotEmpty(t, s.Origin, s)
		}
	}
}

// Every number of a service is there, with the layer that said it.
func TestSettingsHaveOrigins(t *testing.T) {
	files(t, map[string]string{"services.yaml": `
templates:
  slow: {template: critical, deadline: 20s}
services:
  payments:
    template: slow
    retry: {max_retries: 2, jitter: {proportional: 0.2}}
    calls: [payments]
    rps: 10
`})
	t.Setenv("HOLDFAST_PAYMENTS_BUDGET_RATIO", "0.25")
	f, err := installed().Load("services.yaml")
	require.NoError(t, err)
	s, err := f.Service("payments")
	require.NoError(t, err)
	for _, want := range []setting{
		{"deadline", "20s", "services.yaml:3:30 (template slow)"},
		{"attempt_deadline", "1s", "built-in template critical"},
		{"budget.ratio", "0.25", "environment HOLDFAST_PAYMENTS_BUDGET_RATIO"},
		{"retry.max_retries", "2", "services.yaml:7:13 (service)"},
		{"retry.jitter", "{proportional: 0.2}", "services.yaml:7:29 (service)"},
		{"breaker.window", "10s", "default"},
		{"rps", "10", "services.yaml:9:5 (service)"},
	} {
		require.Contains(t, s.Settings, want)
	}
	for _, got := range s.Settings {
		require.NotContains(t, []string{"template", "calls", "lint"}, got.Key)
	}
}

func TestLintFinds(t *testing.T) {
	files(t, map[string]string{
		"wrong.yaml":  "services: {payments: {template: critical, deadline: 2s, attempt_deadline: 500ms}}\n",
		"broken.yaml": "services:\n  payments:\n    deadline: soon\n    retry: {max_retreis: 3}\n",
	})
	code, stdout, stderr := runInstalled(t, "lint", "wrong.yaml")
	require.Equal(t, cli.Failure, code)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "error HF001 payments: ")
	require.Contains(t, stdout, "    fix: ")
	require.Contains(t, stdout, "1 service in 1 file: 1 error")

	code, stdout, stderr = runInstalled(t, "lint", "broken.yaml")
	require.Equal(t, cli.Failure, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "broken.yaml:3:15: ")
	require.Contains(t, stderr, "max_retries")

	code, stdout, stderr = runInstalled(t, "lint", "-json", "broken.yaml", "nowhere.yaml")
	require.Equal(t, cli.Failure, code)
	require.Empty(t, stderr)
	var r struct {
		Files []struct{ Problems []struct{ Message string } }
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	require.Len(t, r.Files[0].Problems, 2)
	require.Len(t, r.Files[1].Problems, 1)
	require.Contains(t, r.Files[1].Problems[0].Message, "no such file")
}

func TestExplainDraws(t *testing.T) {
	files(t, map[string]string{"services.yaml": "services: {payments: {template: critical}}\n"})
	code, stdout, stderr := runInstalled(t, "explain", "services.yaml", "-svg", "payments.svg")
	require.Equal(t, cli.OK, code, stderr)
	require.Equal(t, "Wrote payments.svg.\n", stdout)
	svg, err := os.ReadFile("payments.svg")
	require.NoError(t, err)
	require.NoError(t, xml.Unmarshal(svg, new(struct{})))
}

func TestCodes(t *testing.T) {
	_, list, _ := runInstalled(t, "explain")
	all := installed().Codes()
	require.NotEmpty(t, all)
	for i, c := range all {
		require.Regexp(t, `^HF[0-9]{3}$`, c.Code)
		require.Contains(t, list, c.Code+"  ")
		if i > 0 {
			require.Less(t, all[i-1].Code, c.Code)
		}
		code, stdout, _ := runInstalled(t, "explain", c.Code)
		require.Equal(t, cli.OK, code)
		require.True(t, strings.HasPrefix(stdout, c.Code+" ("+c.Severity+"): "+c.Title+"\n\n"), stdout)
	}
}
