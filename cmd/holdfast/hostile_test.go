package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/visible"
)

// hostile are texts that somebody else may choose: they move the cursor, end a line, change the
// direction of the text, are not UTF-8, or are a command to a CI system.
var hostile = []string{
	"a\x1b[2J\x1b]0;owned\ab", "a\nholdfast: all is well", "a\r$ ", "a\u202egpj.exe", "a\u2066b", "a\u009b2Jb", "a\u200bb\u2028c", "a\xffb", "a\x7fb",
	"::error::owned", "##[error]owned", "a ##vso[task.complete]owned", "##teamcity[owned]", "a\tb",
}

// requireShown fails if a terminal or a CI system would do more with text than show it.
func requireShown(t *testing.T, text string, from ...string) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		require.True(t, visible.Printable(line), "%q of %q", line, from)
		require.Equal(t, line, visible.Text(line), "%q", from)
		require.False(t, strings.HasPrefix(line, "holdfast: all is well"), "%q begins a line of its own: %q", from, text)
	}
}

// No command prints a foreign text without escaping it: not an argument, a file's name, a file's
// content or an environment variable; neither as text nor as JSON.
func TestNamesDoNothingToATerminal(t *testing.T) {
	for _, name := range hostile {
		t.Run(fmt.Sprintf("%q", name), func(t *testing.T) {
			files(t, map[string]string{"services.yaml": clean})
			quotedName, err := json.Marshal(name)
			require.NoError(t, err)
			for i, text := range []string{
				clean, broken, warned, wrong, silenced, "services: {}",
				"services: {" + string(quotedName) + ": {template: critical}}",
				"services: {a: {" + string(quotedName) + ": 1}}",
				"services: {a: {deadline: " + string(quotedName) + "}}",
				"services: {a: {template: " + string(quotedName) + "}}",
				"templates: {" + string(quotedName) + ": {deadline: 1s}}\nservices: {a: {template: " + string(quotedName) + "}}",
				"services: {a: {template: standard, calls: [" + string(quotedName) + "]}}",
				"services: {a: {template: none, deadline: 5s, attempt_deadline: 1s, budget: {}, retry: {jitter: none}, lint: {ignore: [{code: HF010, reason: " + string(quotedName) + "}]}}}",
				"services: {a: {lint: {ignore: [{code: " + string(quotedName) + ", reason: x}]}}}",
				"services: {a: {template: standard}} # " + name,
				"services: {a: " + name,
				name, "{" + name, name + ": 1", "a: &" + name, "*" + name, "!" + name + " a", "%" + name, "{\"services\": {\"a\": {\"" + name,
			} {
				file := fmt.Sprintf("%d%s.yaml", i, name)
				if os.WriteFile(file, []byte(text), 0o600) != nil {
					file = fmt.Sprintf("%d.yaml", i) // a system that has no file of that name
					require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
				}
				for _, args := range [][]string{
					{"lint", file}, {"lint", "-json", file}, {"explain", file}, {"explain", "-json", file}, {"explain", file, name},
					{"explain", "-svg", "-", file}, {"explain", "-svg=" + file, file}, {"init", file},
				} {
					_, stdout, stderr := run(t, "", args...)
					requireShown(t, stdout, args...)
					requireShown(t, stderr, args...)
				}
			}
			_ = os.WriteFile(name, []byte(broken), 0o600) // a system may not have files of that name
			for _, args := range [][]string{
				{name}, {"-" + name}, {"help", name}, {"version", name}, {"completion", name}, {"demo", name},
				{"lint", name}, {"lint", "-json", name}, {"lint", "-" + name}, {"lint", "-pods", name, "x"}, {"lint", "-strict=" + name},
				{"explain", name}, {"explain", "-json", name}, {"explain", "services.yaml", name}, {"explain", "HF" + name}, {"explain", "services.yaml", name, name},
				{"explain", "services.yaml", "auth", "-svg=" + name}, {"explain", "services.yaml", "auth", "-svg=" + name + ".svg"},
				{"explain", "services.yaml", "auth", "-svg=no/" + name}, {"explain", "-width", name, "services.yaml"},
				{"fleet", name}, {"fleet", "-" + name}, {"fleet", "status", name}, {"fleet", "status", "-url", name}, {"fleet", "status", "-url", "http://127.0.0.1:1/" + name},
				{"fleet", "status", "-url", "http://a", "-header", name}, {"fleet", "tune", "-ratio", name}, {"help", "fleet", name},
				{"init", name}, {"init", name + ".yaml"}, {"init", "-o", name, name}, {"init", "no/" + name},
			} {
				_, stdout, stderr := run(t, name, args...)
				requireShown(t, stdout, args...)
				requireShown(t, stderr, args...)
			}
			t.Setenv("HOLDFAST_AUTH_DEADLINE", name)
			t.Setenv("HOLDFAST_AUTH_TEMPLATE", name)
			for _, args := range [][]string{{"lint", "services.yaml"}, {"lint", "-json", "services.yaml"}, {"explain", "services.yaml", "auth"}} {
				_, stdout, stderr := run(t, "", args...)
				requireShown(t, stdout, args...)
				requireShown(t, stderr, args...)
			}
		})
	}
}
