package redis_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastredis"
	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestMain(m *testing.M) {
	redis.SetLogger(silent{}) // it reports each fault
	faultproxy.VerifyTestMain(m, 4)
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

// world is a Redis server, seen directly and through a proxy that breaks.
type world struct {
	direct *redis.Client
	proxy  *faultproxy.Proxy
	prefix string // of the test's own keys
}

// newWorld connects to the Redis that is there: HOLDFAST_REDIS or REDIS_URL, else 127.0.0.1:6379.
func newWorld(t *testing.T) *world {
	t.Helper()
	addr := cmp.Or(os.Getenv("HOLDFAST_REDIS"), os.Getenv("REDIS_URL"), "127.0.0.1:6379")
	opt := &redis.Options{Addr: addr}
	if strings.Contains(addr, "://") {
		var err error
		opt, err = redis.ParseURL(addr)
		require.NoError(t, err)
	}
	direct := redis.NewClient(opt)
	t.Cleanup(func() { require.NoError(t, direct.Close()) })
	if err := direct.Ping(t.Context()).Err(); err != nil {
		missing(t, "no Redis at "+opt.Addr+" ("+err.Error()+"); start one: docker run --rm -p 6379:6379 redis:7, or name one by HOLDFAST_REDIS")
	}
	return worldOf(t, direct)
}

func worldOf(t *testing.T, direct *redis.Client) *world {
	t.Helper()
	w := &world{direct: direct, prefix: "holdfast:" + rand.Text() + ":"}
	t.Cleanup(w.clean)
	w.proxy = faultproxy.New(t, direct.Options().Addr)
	return w
}

func (w *world) key(name string) string { return w.prefix + name }

func (w *world) clean() {
	ctx := context.Background()
	for keys := w.direct.Scan(ctx, 0, w.prefix+"*", 1000).Iterator(); keys.Next(ctx); {
		w.direct.Del(ctx, keys.Val())
	}
}

// client returns a protected client that goes through the proxy.
func (w *world) client(t *testing.T, p *holdfast.Pipeline) *redis.Client {
	t.Helper()
	opt := *w.direct.Options()
	return newClient(t, &redis.Options{
		Addr: w.proxy.Addr(), Username: opt.Username, Password: opt.Password, DB: opt.DB, PoolSize: 32,
	}, p)
}

func newClient(t *testing.T, opt *redis.Options, p *holdfast.Pipeline) *redis.Client {
	t.Helper()
	client, err := holdfastredis.NewClient(opt, p)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// calls returns how often the server has executed a command.
func calls(t *testing.T, direct *redis.Client, command string) int {
	t.Helper()
	stats, err := direct.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	_, line, found := strings.Cut(stats, "cmdstat_"+command+":calls=")
	if !found {
		return 0
	}
	number, _, _ := strings.Cut(line, ",")
	n, err := strconv.Atoi(number)
	require.NoError(t, err)
	return n
}

// onRetry is an observer that does something once, before the first retry.
func onRetry(do func()) resilience.Stage {
	done := false
	return holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventRetry && !done {
			done = true
			do()
		}
	}))
}

func newPipeline(t *testing.T, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("redis", stages...)
	require.NoError(t, err)
	return p
}

// healing makes up to three attempts; what is broken is healed before the second.
func healing(t *testing.T, w *world, heal func()) *holdfast.Pipeline {
	t.Helper()
	healer := holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventRetry {
			heal()
		}
	}))
	limit := faultproxy.Limit(time.Second, 10*time.Second, func() error {
		client := redis.NewClient(w.direct.Options())
		return errors.Join(client.Ping(t.Context()).Err(), client.Close())
	})
	return newPipeline(t, healer,
		deadline.In(time.Minute), retry.Custom(2, time.Millisecond, time.Millisecond, false), deadline.In(limit))
}

// startServer starts a Redis of the test's own, for what must not be done to one that others use.
func startServer(t *testing.T, args ...string) *redis.Client {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		missing(t, "no redis-server in PATH; install it (apt-get install redis-server)")
	}
	addr, port := freePort(t)
	//nolint:gosec // the program is Redis, the arguments are the test's
	server := exec.Command(program, append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()}, args...)...)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	require.Eventually(t, func() bool { return client.Ping(context.Background()).Err() == nil }, 20*time.Second, 10*time.Millisecond)
	return client
}

// freePort returns an address without a listener, and its port. The bus of a cluster has a port
// that is higher by 10000, so the highest are no ports for its nodes.
func freePort(t *testing.T) (addr, port string) {
	t.Helper()
	for {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		at := listener.Addr().(*net.TCPAddr)
		require.NoError(t, listener.Close())
		if at.Port <= 65535-10000 {
			return at.String(), strconv.Itoa(at.Port)
		}
	}
}
