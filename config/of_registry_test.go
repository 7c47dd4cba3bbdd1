package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

const twoServices = `
services:
  payments: {template: critical, rps: 200, calls: [ledger]}
  ledger: {}
`

// The file has what was tuned by hand, and what only the linter uses.
func TestOf(t *testing.T) {
	r := holdfast.NewRegistry()
	require.NoError(t, r.Apply(loaded(t, twoServices)))
	payments := r.MustGet("payments")
	_, err := payments.Tune(t.Context(), holdfast.Tuning{Budget: func(c *budget.Config) { c.Ratio = 0.25 }})
	require.NoError(t, err)
	require.NoError(t, r.Amend("ledger", func(stages []resilience.Stage) []resilience.Stage {
		for i, s := range stages {
			if c, ok := s.(retry.Config); ok {
				c.RetryIf = func(error) bool { return true }
				stages[i] = c
			}
		}
		return stages
	}))

	c, err := Of(r)
	require.NoError(t, err)
	require.Equal(t, []string{"ledger", "payments"}, c.Names())
	s, _ := c.Service("payments")
	require.Equal(t, 0.25, s.Budget.Ratio)
	require.Equal(t, 200.0, s.RPS)
	require.Len(t, s.Calls, 1)
	require.Contains(t, string(c.YAML()), "  # not in this file: retry.RetryIf, a function: code puts it in (Registry.Amend)\n  ledger:\n")

	// Applied to another registry, it makes the same pipelines.
	again := holdfast.NewRegistry()
	require.NoError(t, again.Apply(loaded(t, string(c.YAML()))))
	require.Equal(t, payments.Stages(), again.MustGet("payments").Stages())
	require.Equal(t, payments.String(), again.MustGet("payments").String())
}

func TestOfARegistryThatNoFileMade(t *testing.T) {
	r := holdfast.NewRegistry()
	c, err := Of(r)
	require.NoError(t, err)
	require.Empty(t, c.Names())
	require.NoError(t, r.Apply(holdfast.Services{"a": holdfast.Standard()}))
	c, err = Of(r)
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, c.Names())

	require.NoError(t, r.Apply(holdfast.Services{"a\nb": holdfast.Standard()}))
	_, err = Of(r)
	require.ErrorContains(t, err, `"a\nb" is no name that a file can have`)
}

func TestOfNoRegistry(t *testing.T) {
	c, err := Of(nil)
	require.EqualError(t, err, "config: the registry is nil; want one made by holdfast.NewRegistry")
	require.Nil(t, c)
}
