package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/wordwrap/wraptest"
)

// shown runs the program at terminals of this width, and returns what it shows.
func shown(t *testing.T, ctx context.Context, columns int, args ...string) string { //nolint:revive // t is first, as everywhere
	t.Helper()
	var out bytes.Buffer
	program().Run(ctx, cli.Streams{
		In: strings.NewReader(""), Out: &out, Err: &out, Columns: columns, ErrColumns: columns,
	}, args)
	return out.String()
}

// No line is wider than the terminal, and no word is cut, whatever is shown. (The two tables of the
// demo in full are tried in its own package.)
func TestEverythingFitsTheTerminal(t *testing.T) {
	files(t, map[string]string{"wrong.yaml": wrong, "warned.yaml": warned, "clean.yaml": clean, "services.yaml": clean})
	t.Setenv("COLUMNS", "")
	t.Setenv("LC_ALL", "C.UTF-8")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	lines := [][]string{
		{}, {"-h"}, {"help"}, {"hlep"}, {"version"}, {"version", "please"}, {"init"}, {"init", "-force"},
		{"lint", "-pods", "50", "wrong.yaml", "warned.yaml", "clean.yaml"}, {"lint", "missing.yaml"}, {"lint"},
		{"explain"}, {"explain", "HF012"}, {"explain", "HF052", "HF028"}, {"explain", "HF999"}, {"explain", "clean.yaml", "search"},
		{"demo", "-fleet"}, {"demo", "-fleet", "-short"},
	}
	for _, c := range program().Commands {
		lines = append(lines, []string{c.Name, "-h"})
	}
	for _, line := range lines {
		t.Run(strings.Join(line, " "), func(t *testing.T) {
			whole := shown(t, t.Context(), 1000, line...)
			require.NotEmpty(t, whole)
			for _, width := range wraptest.Widths {
				wraptest.Require(t, shown(t, t.Context(), width, line...), width, whole)
			}
		})
	}
	t.Run("demo, interrupted", func(t *testing.T) {
		whole := shown(t, ended, 1000, "demo")
		for _, width := range wraptest.Widths {
			text := shown(t, ended, width, "demo")
			for line := range strings.Lines(text) { // numbers differ from play to play
				require.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), width, line)
			}
			require.Subset(t, strings.Fields(whole), strings.Fields("INTERRUPTED "+text[:strings.Index(text, "\n\n")]))
		}
	})
}

// A chart fits as well. It is drawn for its width, so its words are not those of a wider one.
func TestExplainFitsTheTerminal(t *testing.T) {
	files(t, map[string]string{"clean.yaml": clean})
	t.Setenv("COLUMNS", "")
	t.Setenv("LC_ALL", "C.UTF-8")
	whole := strings.Fields(shown(t, t.Context(), 1000, "explain", "clean.yaml"))
	words := map[string]bool{}
	for _, word := range whole {
		words[word] = true
	}
	for _, width := range wraptest.Widths {
		text := shown(t, t.Context(), width, "explain", "clean.yaml")
		for line := range strings.Lines(text) {
			require.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), width, line)
		}
		for _, sentence := range []string{"every attempt runs into its deadline", "the answer comes after", "bulkhead.adaptive.slow_failures"} {
			for word := range strings.FieldsSeq(sentence) {
				require.True(t, words[word], word)
				require.Contains(t, text, word)
			}
		}
	}
}

// What a program reads is never broken into other lines, also not for a terminal.
func TestWhatProgramsReadIsLeftWhole(t *testing.T) {
	files(t, map[string]string{"wrong.yaml": wrong, "clean.yaml": clean})
	for _, line := range [][]string{
		{"lint", "-json", "wrong.yaml"}, {"explain", "-json", "clean.yaml"}, {"explain", "-json", "HF012"}, {"version", "-json"},
		{"init", "-"}, {"explain", "-svg", "-", "clean.yaml", "auth"}, {"completion", "bash"}, {"__complete", "bash", "lint", ""},
	} {
		require.Equal(t, shown(t, t.Context(), 0, line...), shown(t, t.Context(), 20, line...), line)
	}
	require.Contains(t, shown(t, t.Context(), 0, "lint", "wrong.yaml"), "the deadline is 2 s: the ", "a line for each finding where there is no terminal")
}
