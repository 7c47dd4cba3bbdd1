package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFetchesFromAMoodyAPI(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	require.Equal(t, `603: The Matrix (1999-03-31), attempts: 3
550: Fight Club (1999-10-15), attempts: 2
1: tmdb: 404 Not Found, attempts: 1
`, out.String())
}
