package main

import (
	"bytes"
	"cmp"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast/examples"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheSecondAnswerIsFromTheCache(t *testing.T) {
	name := cmp.Or(os.Getenv("HOLDFAST_REDIS"), os.Getenv("REDIS_URL"), "127.0.0.1:6379")
	if !strings.Contains(name, "://") {
		name = "redis://" + name
	}
	server, err := url.Parse(name)
	require.NoError(t, err)
	options, err := redis.ParseURL(server.String())
	require.NoError(t, err)
	skipWithout(t, options.Addr)

	addr, accepted := examples.CutFirst(t, 1, options.Addr)
	server.Host = addr
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, server.String()))
	require.Equal(t, "connected, at attempt 2\nThe Matrix, from the source\nThe Matrix, from the cache\n", out.String())
	require.EqualValues(t, 2, accepted.Load())
}

func TestSaysWhatItNeeds(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), &out, "redis://127.0.0.1:1") // where nobody listens
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.ErrorContains(t, err, "after 3 attempts")
	require.ErrorContains(t, err, "docker run")
	require.ErrorContains(t, err, "REDIS_URL=")
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
		require.NoError(t, err, "start Redis there, or name it in HOLDFAST_REDIS")
	}
	t.Skipf("no Redis at %s: start it there, or name it in HOLDFAST_REDIS", addr)
}
