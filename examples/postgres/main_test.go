package main

import (
	"bytes"
	"cmp"
	"net"
	"net/url"
	"os"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast/examples"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at returns the URL of the server that the tests use, at another address.
func at(t *testing.T, addr func(server string) string) string {
	t.Helper()
	server := cmp.Or(os.Getenv("HOLDFAST_POSTGRES"), os.Getenv("DATABASE_URL"), "postgres://postgres@127.0.0.1:5432/postgres")
	config, err := pgxpool.ParseConfig(server)
	require.NoError(t, err)
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Host = addr(net.JoinHostPort(config.ConnConfig.Host, strconv.Itoa(int(config.ConnConfig.Port))))
	return u.String()
}

func TestConnectsToAServerThatIsJustStarting(t *testing.T) {
	server := at(t, func(addr string) string {
		skipWithout(t, addr)
		addr, _ = examples.CutFirst(t, 2, addr)
		return addr
	})
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, server))
	// pgx may dial twice in an attempt: with TLS, and without.
	require.Regexp(t, `^connected, at attempt [23]\n238 The Godfather\n603 The Matrix\n$`, out.String())
}

func TestSaysWhatItNeeds(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), &out, "postgres://postgres@127.0.0.1:1/postgres") // where nobody listens
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.ErrorContains(t, err, "after 6 attempts")
	require.ErrorContains(t, err, "docker run")
	require.ErrorContains(t, err, "DATABASE_URL=")
	require.Empty(t, out.String())
}

func skipWithout(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		require.NoError(t, conn.Close())
		return
	}
	if os.Getenv("HOLDFAST_REQUIRE_SERVICES") == "1" {
		require.NoError(t, err, "start PostgreSQL there, or name it in HOLDFAST_POSTGRES")
	}
	t.Skipf("no PostgreSQL at %s: start it there, or name it in HOLDFAST_POSTGRES", addr)
}
