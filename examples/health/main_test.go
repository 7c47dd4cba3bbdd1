package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHealthFollowsTheDependency(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	require.Regexp(t, `(?m)^all is well: GET /health: 200 healthy $
  payments healthy $
  catalog healthy $
the catalog is down: GET /health: 503 unhealthy $
  payments healthy $
  catalog unhealthy retry budget empty \(0 of 2 tokens\), no retries; breaker catalog open, next probe in .+
still down: GET /health/catalog: 503 unhealthy catalog: circuit breaker is open; next probe in .+
time to probe: GET /health: 200 degraded $
  payments healthy $
  catalog degraded retry budget empty .+; breaker catalog half-open: a few calls may try
it is back: GET /health/catalog: 200 healthy $
all is well again: GET /health: 200 healthy $
  payments healthy $
  catalog healthy $
`, out.String())
}
