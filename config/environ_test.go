package config

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/retry"
)

const named = "services: {payments: {}, pay-ments.v2: {}, gateway: {}, gateway-retry: {}, größe: {}}"

func TestEnvironment(t *testing.T) {
	c, err := Parse(strings.NewReader(named), WithEnvironment([]string{
		"HOLDFAST_PAYMENTS_TEMPLATE=background",
		"HOLDFAST_PAYMENTS_DEADLINE=40s",
		"HOLDFAST_PAYMENTS_DEADLINE=50s",
		"HOLDFAST_PAYMENTS_BUDGET_RATIO=0.2",
		"HOLDFAST_PAYMENTS_BUDGET_SHADOW=true",
		"HOLDFAST_PAYMENTS_RETRY_MAX_RETRIES=0",
		"HOLDFAST_PAYMENTS_RETRY_JITTER={proportional: 0.4}",
		"HOLDFAST_PAYMENTS_RETRY_ADAPTIVE_WINDOW=5s",
		"HOLDFAST_PAYMENTS_BREAKER=off",
		"HOLDFAST_PAYMENTS_BULKHEAD_MAX_WAIT=unlimited",
		"HOLDFAST_PAYMENTS_RPS=12.5",
		"HOLDFAST_PAY_MENTS_V2_BREAKER_NAME=42",
		"HOLDFAST_PAY_MENTS_V2_ATTEMPT_DEADLINE=",
		"HOLDFAST_GATEWAY_RETRY_MAX_RETRIES=1", // of gateway: gateway-retry has no MAX_RETRIES
		"HOLDFAST_GATEWAY_RETRY_RETRY_MAX_RETRIES=2",
		"HOLDFAST_GATEWAY_RETRY_DEADLINE=20s",
		"HOLDFAST_GR__E_DEADLINE=30s",
		"HOLDFAST_GATEWA=1", "HOLDFAST_SOMETHING=else", "HOLDFAST_APP_DEADLINE=1s", "OTHER_PAYMENTS_DEADLINE=x", "HOLDFAST_PAYMENTS_DEADLINE",
	}))
	require.NoError(t, err)
	s, _ := c.Service("payments")
	require.Equal(t, "background", s.Template)
	require.Equal(t, 50*time.Second, s.Deadline, "the last counts, as in os/exec")
	require.Equal(t, 8*time.Second, s.AttemptDeadline)
	require.InDelta(t, 0.2, s.Budget.Ratio, 0)
	require.True(t, s.Budget.Shadow)
	require.Equal(t, retry.None, s.Retry.MaxRetries)
	require.Equal(t, retry.ProportionalJitter(0.4), s.Retry.Jitter)
	require.Equal(t, &retry.Adaptive{Window: 5 * time.Second}, s.Retry.Adaptive)
	require.Nil(t, s.Breaker)
	require.EqualValues(t, -1, s.Bulkhead.MaxWait)
	require.InDelta(t, 12.5, s.RPS, 0)
	origin, _ := s.Origin("breaker")
	require.Equal(t, Origin{Source: "environment HOLDFAST_PAYMENTS_BREAKER"}, origin)
	origin, _ = s.Origin("retry.adaptive")
	require.Equal(t, "environment HOLDFAST_PAYMENTS_RETRY_ADAPTIVE_WINDOW", origin.String())

	s, _ = c.Service("pay-ments.v2")
	require.Equal(t, "42", s.Breaker.Name)
	require.Equal(t, 2*time.Second, s.AttemptDeadline)
	s, _ = c.Service("gateway")
	require.Equal(t, 1, s.Retry.MaxRetries)
	require.Equal(t, 10*time.Second, s.Deadline)
	s, _ = c.Service("gateway-retry")
	require.Equal(t, 2, s.Retry.MaxRetries)
	require.Equal(t, 20*time.Second, s.Deadline)
	s, _ = c.Service("größe")
	require.Equal(t, 30*time.Second, s.Deadline)
}

func TestEnvironmentOfTheProcess(t *testing.T) {
	t.Setenv("HOLDFAST_PAYMENTS_RETRY_MAX_RETRIES", "9")
	c, err := Parse(strings.NewReader(named))
	require.NoError(t, err)
	s, _ := c.Service("payments")
	require.Equal(t, 9, s.Retry.MaxRetries)
	s, _ = good(t, named).Service("payments")
	require.Equal(t, 3, s.Retry.MaxRetries, "WithEnvironment(nil)")
}

// Pins: off wins over a variable that sets something in the same section.
func TestEnvironmentTurnsOff(t *testing.T) {
	c, err := Parse(strings.NewReader("services: {a: {breaker: off}, b: {breaker: off}}"), WithEnvironment([]string{
		"HOLDFAST_A_BREAKER_WINDOW=5s", "HOLDFAST_B_BREAKER_WINDOW=5s", "HOLDFAST_B_BREAKER=off",
	}))
	require.NoError(t, err)
	s, _ := c.Service("a")
	require.NotNil(t, s.Breaker, "what is mentioned is there")
	s, _ = c.Service("b")
	require.Nil(t, s.Breaker)
}

// Every key that is not a list can be set by a variable.
func TestEveryKeyHasItsVariable(t *testing.T) {
	require.Len(t, keyByVariable, len(allKeys)-3, "calls, lint and lint.ignore have none")
	for v, k := range keyByVariable {
		require.Equal(t, strings.ToUpper(strings.ReplaceAll(k.path, ".", "_")), v)
	}
}
