package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRepeatsOnlyWhatDoesNoHarm(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	require.Equal(t, `verify, unavailable twice: OK "mary", calls seen: 3
verify a wrong token: Unauthenticated "no such token", calls seen: 1
renew: OK "token-1-renewed", calls seen: 1
renew, unavailable: Unavailable "the key store does not answer", calls seen: 1
`, out.String())
}
