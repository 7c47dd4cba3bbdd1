package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The starter file loads, and says of payments what its comments say.
func TestStarterLoads(t *testing.T) {
	c := loaded(t, string(Starter()))
	require.Equal(t, []string{"audit-log", "payments", "search"}, c.Names())
	payments, _ := c.Service("payments")
	require.Equal(t, "critical", payments.Template)
	require.NotNil(t, payments.Bulkhead)
	require.NotNil(t, payments.Budget)
	require.NotNil(t, payments.Retry)
	require.NotNil(t, payments.Breaker)
	require.NotZero(t, payments.Deadline)
	require.NotZero(t, payments.AttemptDeadline)
	search, _ := c.Service("search")
	require.Equal(t, 2, search.Retry.MaxRetries)
	Starter()[0] = 'x' // which changes nobody else's
	loaded(t, string(Starter()))
}

// It fits a screen or two, and editors find the schema.
func TestStarterIsShort(t *testing.T) {
	lines := strings.Split(string(Starter()), "\n")
	require.Equal(t, "# yaml-language-server: $schema="+schemaID, lines[0])
	require.Less(t, len(lines), 80)
	for _, line := range lines {
		require.LessOrEqual(t, len([]rune(line)), 115, line)
	}
}
