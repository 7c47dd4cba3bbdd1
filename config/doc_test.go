package config

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/lint"
)

// The example in the package's doc is a file that an operator may copy: the linter finds nothing in
// it, and its defaults have an effect.
func TestTheFirstExampleIsSound(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	block := regexp.MustCompile(`(?m)(?:^//\t.*\n)+`).FindString(string(text))
	c := good(t, strings.ReplaceAll(block, "//\t", ""))
	require.Equal(t, []string{"payments", "reports", "search"}, c.Names())
	for _, pods := range []int{0, 10, 100} {
		for _, f := range c.Lint(lint.Options{Pods: pods}).Findings {
			require.Less(t, f.Severity, lint.Warning, "%d pods: %v", pods, f)
		}
	}

	search, _ := c.Service("search")
	origin, _ := search.Origin("retry.max_retries")
	require.Equal(t, "defaults", origin.Source)
	require.Equal(t, 2, search.Retry.MaxRetries)
	payments, _ := c.Service("payments")
	require.Equal(t, 5, payments.Retry.MaxRetries)
}
