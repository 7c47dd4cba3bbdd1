package fleet_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/internal/suite"
)

func TestMain(m *testing.M) {
	redis.SetLogger(silent{}) // it reports each fault
	if os.Getenv(podName) != "" {
		if err := bePod(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	atOnce := 40 // they wait
	if suite.Raced {
		atOnce = 12 // which is work enough for two processors
	}
	faultproxy.VerifyTestMain(m, atOnce)
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// missing skips the test for lack of a service, or fails it if services are required.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("HOLDFAST_REQUIRE_SERVICES") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// address returns that of the Redis that is there: HOLDFAST_REDIS or REDIS_URL, else
// 127.0.0.1:6379.
func address(t *testing.T) *redis.Options {
	t.Helper()
	addr := cmp.Or(os.Getenv("HOLDFAST_REDIS"), os.Getenv("REDIS_URL"), "127.0.0.1:6379")
	if !strings.Contains(addr, "://") {
		return &redis.Options{Addr: addr}
	}
	options, err := redis.ParseURL(addr)
	require.NoError(t, err)
	return options
}

// connect returns a client of the Redis that is there.
func connect(t *testing.T) *redis.Client {
	t.Helper()
	client := redis.NewClient(address(t))
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	if err := client.Ping(t.Context()).Err(); err != nil {
		missing(t, "no Redis: "+err.Error())
	}
	return client
}
