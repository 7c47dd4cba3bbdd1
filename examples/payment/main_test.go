package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// No order is charged twice, and a service that is down is left alone.
func TestPaymentsThroughAnOutage(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	require.Regexp(t, `(?m)^payments: deadline 5s → budget 10%\+1/s → retry 5× 50ms…5s → breaker 50%/20 → deadline 1s
the service is well \(requests: 1, charges: 1\)
  receipt for order-1
it fails twice, then recovers \(requests: 3, charges: 1\)
  receipt for order-2
it takes the money, but the answer is lost \(requests: 2, charges: 1\)
  receipt for order-3
the same without a key \(requests: 1, charges: 1\)
  the money may have been taken, so look it up before you charge again: .* 504 .*
it declines the card \(requests: 1, charges: 0\)
  not retried, since it would be declined again: card declined
it is down \(requests: 5, charges: 0\)
  the breaker keeps calls from a service that is down: payments: circuit breaker is open; .*after 5 attempts.* 503 .*
it is still down \(requests: 0, charges: 0\)
  the breaker keeps calls from a service that is down: .* circuit breaker is open; next probe in .*
7 calls, 13 attempts, breaker open, stopped: map\[breaker_open:2\]
`, out.String())
}
