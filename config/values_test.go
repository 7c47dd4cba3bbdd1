package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/lint"
)

func TestValuesSayWhatHoldsAndWhoSaidSo(t *testing.T) {
	c, err := config.Parse(strings.NewReader(`
defaults: {bulkhead: {max_concurrent: 9}}
services:
  payments:
    template: critical
    rps: 50
    retry: {jitter: {proportional: 0.2}, adaptive: {window: 1m}}
`), config.WithEnvironment([]string{"HOLDFAST_PAYMENTS_BUDGET_RATIO=0.2"}))
	require.NoError(t, err)
	s, ok := c.Service("payments")
	require.True(t, ok)
	said := map[string]string{}
	for _, v := range s.Values() {
		said[v.Key] = v.Text + " | " + v.Origin.String()
	}
	for key, want := range map[string]string{
		"deadline":                   "10s | built-in template critical",
		"bulkhead.max_concurrent":    "9 | input:2:23 (defaults)",
		"bulkhead.max_wait":          "1s | built-in template critical",
		"bulkhead.queue_limit":       "1000 | built-in template critical",
		"bulkhead.per":               "attempt | built-in template critical",
		"retry.patient":              "true | built-in template critical",
		"retry.queue_limit":          "1000 | default",
		"budget.ratio":               "0.2 | environment HOLDFAST_PAYMENTS_BUDGET_RATIO",
		"retry.jitter":               "{proportional: 0.2} | input:7:13 (service)",
		"retry.adaptive.window":      "1m | input:7:53 (service)",
		"retry.adaptive.min_gain":    "0.05 | default",
		"breaker.failure_ratio":      "0.95 | built-in template critical",
		"rps":                        "50 | input:6:5 (service)",
		"retry.adaptive.max_stretch": "4 | default",
	} {
		require.Equal(t, want, said[key], key)
	}
	require.NotContains(t, said, "template")
}

// The starter file and the examples can be trusted: their only findings are of the least severity.
func TestTheStarterLintsClean(t *testing.T) {
	c, err := config.Parse(strings.NewReader(string(config.Starter())), config.WithEnvironment(nil))
	require.NoError(t, err)
	report := c.Lint(lint.Options{Pods: 10})
	require.Zero(t, report.Errors(), report)
	require.Zero(t, report.Warnings(), report)
}

func TestFindingsPointIntoTheFile(t *testing.T) {
	c, err := config.Parse(strings.NewReader(`services:
  gateway:
    calls: [payments]
    deadline: 3s
    attempt_deadline: 2900ms
    lint: {ignore: [{code: HF001, reason: one slow step}]}
  payments:
    template: critical
    deadline: 2s
    attempt_deadline: 500ms
`), config.WithEnvironment(nil))
	require.NoError(t, err)
	at := map[string]lint.Finding{}
	for _, f := range c.Lint(lint.Options{}).Findings {
		at[f.Code+" "+f.Service] = f
	}
	late := at["HF001 payments"]
	require.Equal(t, lint.Error, late.Severity, at)
	require.Equal(t, "input", late.Position.File)
	require.Equal(t, 7, late.Position.Line, late)
	require.Equal(t, "one slow step", at["HF001 gateway"].Silenced)
}
