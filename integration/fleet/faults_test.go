package fleet_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// place is a Redis of a test's own, behind a proxy.
type place struct {
	t      *testing.T
	server *server
	proxy  *faultproxy.Proxy
	admin  *redis.Client // not by the proxy
}

func newPlace(t *testing.T) *place {
	t.Helper()
	s := newServer(t)
	return &place{t, s, faultproxy.New(t, s.addr), s.admin(t)}
}

// client returns a client by the proxy, until the test ends.
func (p *place) client(change func(*redis.Options)) redis.UniversalClient {
	options := &redis.Options{Addr: p.proxy.Addr()}
	if change != nil {
		change(options)
	}
	client := redis.NewClient(options)
	p.t.Cleanup(func() { _ = client.Close() })
	return client
}

// do sends a command to the server.
func (p *place) do(args ...any) {
	p.t.Helper()
	require.NoError(p.t, p.admin.Do(context.Background(), args...).Err())
}

// disconnect ends the connections of everybody else.
func (p *place) disconnect() {
	p.t.Helper()
	p.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
}

// Whatever is wrong with Redis: no call fails, three ticks later every breaker goes by itself, and
// when it is over the fleet works again. If only a part is to be tried, that is one fault of each
// kind.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range []struct {
		name       string
		begin, end func(p *place)
		goesOn     bool // the fleet goes on, or may
		kin        bool // to one that comes before it
	}{
		{name: "killed", begin: func(p *place) { p.server.kill() }, end: func(p *place) { p.server.restart(p.t) }},
		{name: "paused", kin: true, begin: func(p *place) { require.NoError(p.t, p.server.command.Process.Signal(syscall.SIGSTOP)) },
			end: func(p *place) { require.NoError(p.t, p.server.command.Process.Signal(syscall.SIGCONT)) }},
		{name: "flushed", goesOn: true, begin: func(p *place) {
			p.do("FLUSHALL")
			p.do("SCRIPT", "FLUSH")
		}},
		{name: "full", begin: func(p *place) { p.do("CONFIG", "SET", "maxmemory", "1") }, end: func(p *place) { p.do("CONFIG", "SET", "maxmemory", "0") }},
		{name: "a replica", kin: true, begin: func(p *place) { p.do("REPLICAOF", "127.0.0.1", "1") }, end: func(p *place) { p.do("REPLICAOF", "NO", "ONE") }},
		{name: "without replicas", kin: true, begin: func(p *place) { p.do("CONFIG", "SET", "min-replicas-to-write", "1") },
			end: func(p *place) { p.do("CONFIG", "SET", "min-replicas-to-write", "0") }},
		{name: "slow", begin: func(p *place) {
			p.proxy.Add(faultproxy.Downstream, &toxics.LatencyToxic{Latency: 2000})
		}},
		{name: "no byte comes back", begin: func(p *place) { p.proxy.Add(faultproxy.Downstream, &toxics.BandwidthToxic{}) }},
		{name: "a black hole", kin: true, begin: func(p *place) {
			p.proxy.Add(faultproxy.Upstream, &toxics.TimeoutToxic{})
			p.proxy.Add(faultproxy.Downstream, &toxics.TimeoutToxic{})
		}},
		{name: "refuses connections", kin: true, begin: func(p *place) { p.proxy.Down() }, end: func(p *place) { p.proxy.Up() }},
		{name: "resets connections", kin: true, begin: func(p *place) { p.proxy.Add(faultproxy.Upstream, &toxics.ResetToxic{}) }},
		{name: "wants a password", kin: true, begin: func(p *place) {
			p.do("CONFIG", "SET", "requirepass", "secret")
			p.disconnect()
		}, end: func(p *place) { p.do("CONFIG", "SET", "requirepass", "") }},
		{name: "runs no scripts", begin: func(p *place) { p.do("ACL", "SETUSER", "default", "-eval", "-evalsha") },
			end: func(p *place) { p.do("ACL", "SETUSER", "default", "+eval", "+evalsha") }},
	} {
		if fault.kin && suite.Partly() {
			continue
		}
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s := newShop(t, p.client(nil))
			s.together(shopPods)
			s.well(func() {
				fault.begin(p)
				if !fault.goesOn {
					s.apart()
				}
				s.ticks(2)
			})
			if !fault.goesOn {
				s.byThemselves()
			}
			s.well(func() {
				if fault.end != nil {
					fault.end(p)
				}
				p.proxy.Heal()
				s.together(shopPods)
			})
			s.works()
			s.until("one line for each trouble", func(p *insidePod) bool { return p.warnings.Load() == p.fleet.Stats().Troubles })
		})
	}
}

// The server's TLS is turned off, and the client's is not.
func TestTLSIsTurnedOff(t *testing.T) {
	t.Parallel()
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	p := newPlace(t)
	way := newRelay(t, p.server.addr)
	way.set(func() { way.tls = certified.TLS })
	client := redis.NewClient(&redis.Options{Addr: way.addr(), TLSConfig: certified.Client().Transport.(*http.Transport).TLSClientConfig})
	t.Cleanup(func() { _ = client.Close() })
	s := newShop(t, client)
	s.together(shopPods)
	s.well(func() {
		way.set(func() { way.tls = nil })
		way.cut()
		s.apart()
	})
	s.byThemselves()
	way.set(func() { way.tls = certified.TLS })
	s.together(shopPods)
	s.works()
}

// A name leads to another server from now on, as a Kubernetes Service does after a failover. The
// former master keeps its connections, and is a replica: writes fail there for as long as a client
// goes on using them.
func TestTheNameLeadsToAnotherServer(t *testing.T) {
	t.Parallel()
	before, after := newPlace(t), newServer(t)
	way := newRelay(t, before.server.addr)
	client := redis.NewClient(&redis.Options{Addr: way.addr()})
	t.Cleanup(func() { _ = client.Close() })
	s := newShop(t, client)
	s.together(shopPods)
	s.well(func() {
		way.set(func() { way.to = after.addr })
		before.do("REPLICAOF", "127.0.0.1", after.port)
		require.Eventually(t, func() bool {
			cells, err := after.admin(t).HLen(t.Context(), room+"cells").Result()
			return err == nil && cells == shopPods
		}, patience, 50*time.Millisecond, "the pods stay with the former master")
		s.together(shopPods)
	})
	s.works()
}

// A server forgets its scripts while requests with several of them are under way.
func TestScriptsAreForgotten(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	store := holdfastfleet.Redis(p.client(nil))
	ctx := t.Context()
	posts := []fleet.Post{{Room: "shop/a"}, {Room: "shop/b"}, {Room: "shop/c"}}
	forgotten := func(what string, request func() error) {
		for range 2 {
			p.do("SCRIPT", "FLUSH")
			require.NoError(t, request(), what)
		}
	}
	epoch := uint64(0)
	forgotten("Exchange", func() error {
		news, err := store.Exchange(ctx, fleet.Exchange{Pod: "x", Posts: posts, TTL: time.Minute, Fresh: time.Minute})
		require.Len(t, news, len(posts))
		for _, n := range news {
			require.NoError(t, n.Err)
		}
		return err
	})
	forgotten("Digest", func() error { return store.Digest(ctx, "shop/a", []byte("x")) })
	forgotten("Acquire", func() (err error) {
		epoch, err = store.Acquire(ctx, "shop/a", "x", time.Minute)
		require.Positive(t, epoch)
		return err
	})
	forgotten("Tell", func() error { return store.Tell(ctx, "shop/a", fleet.Told{Pod: "x", Epoch: epoch, Good: true}) })
	forgotten("Release", func() error { return store.Release(ctx, "shop/a", "x") })
	forgotten("Withdraw", func() error { return store.Withdraw(ctx, "x", []string{"shop/a", "shop/b", "shop/c"}) })
	require.Empty(t, p.admin.Keys(ctx, "*:cells").Val())
}

// A pod that starts in an outage knows nothing of it. It closes no other pod's breaker, and opens
// on what the others know.
func TestAPodStartsInAnOutage(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	client := p.client(nil)
	s := newShop(t, client)
	s.together(shopPods)
	s.down.Store(true)
	s.both(breaker.StateOpen, breaker.StateHalfOpen)
	for tries := 5; ; tries-- { // on a busy machine its own rules may come first
		require.Positive(t, tries, "no pod that starts hears of the outage")
		started := s.join(client)
		require.Eventually(t, started.open, patience, 20*time.Millisecond)
		for _, pod := range s.pods {
			require.True(t, pod.open(), "a breaker closed")
		}
		if started.fleet.Stats().Advised > 0 {
			break
		}
	}
	s.down.Store(false)
	s.both(breaker.StateClosed)
}
