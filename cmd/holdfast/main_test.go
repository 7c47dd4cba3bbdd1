package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/demo"
)

func TestRun(t *testing.T) {
	for _, test := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // a part of it; "" for nothing at all
	}{
		{"nothing asked", nil, 2, "", "Usage: holdfast COMMAND"},
		{"help", []string{"help"}, 0, "Usage: holdfast COMMAND", ""},
		{"help as a flag", []string{"--help"}, 0, "Usage: holdfast COMMAND", ""},
		{"help for a command", []string{"help", "demo"}, 0, "Usage: holdfast demo", ""},
		{"help for no command", []string{"help", "dance"}, 2, "", "dance"},
		{"a command's own help", []string{"demo", "-h"}, 0, "Usage: holdfast demo", ""},
		{"version", []string{"version"}, 0, "holdfast ", ""},
		{"unknown command", []string{"dance"}, 2, "", `unknown command "dance": want demo, version or help`},
		{"a command misused", []string{"demo", "-dance"}, 2, "", "-dance"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, test.code, run(t.Context(), test.args, &stdout, &stderr))
			requirePart(t, test.stdout, stdout.String())
			requirePart(t, test.stderr, stderr.String())
		})
	}
}

func requirePart(t *testing.T, want, got string) {
	t.Helper()
	if want == "" {
		require.Empty(t, got)
		return
	}
	require.Contains(t, got, want)
}

func TestDemoEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	require.Equal(t, demo.ExitInterrupted, run(ctx, []string{"demo", "-short"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "INTERRUPTED")
}
