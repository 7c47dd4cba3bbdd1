// Package faultproxy puts a TCP proxy that fails on demand between a test and a server. It is
// Toxiproxy, run inside the test: no daemon, no fixed port.
//
//	proxy := faultproxy.New(t, "127.0.0.1:6379")
//	client := connect(proxy.Addr())
//	heal := proxy.Add(faultproxy.Downstream, &toxics.LatencyToxic{Latency: 200})
//	…
//	heal()
package faultproxy

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
	"github.com/rs/zerolog/log"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast/internal/suite"
)

// Stream is a direction of the bytes through a proxy.
type Stream string

const (
	Upstream   Stream = "upstream"   // from the client to the server
	Downstream Stream = "downstream" // from the server to the client
)

// Proxy forwards connections to a server, as long as nothing was broken. It is safe for concurrent
// use. What fails inside it fails the test.
type Proxy struct {
	t        testing.TB
	proxy    *toxiproxy.Proxy
	accepted atomic.Int64
	added    atomic.Int64
}

// A toxic's diary would drown the test's; toxics keep it in the global logger, whoever made the
// proxy.
func init() { log.Logger = zerolog.Nop() }

// New starts a proxy to the upstream address, on a free port of 127.0.0.1. It is closed, with all
// its connections, when the test ends.
func New(t testing.TB, upstream string) *Proxy {
	t.Helper()
	p := &Proxy{t: t}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.New(acceptCounter{&p.accepted}))
	p.proxy = toxiproxy.NewProxy(server, strings.ReplaceAll(t.Name(), "/", "_"), "127.0.0.1:0", upstream)
	require.NoError(t, p.proxy.Start())
	t.Cleanup(func() {
		p.proxy.Stop()
		p.Heal()
	})
	return p
}

// acceptCounter counts the connections that the proxy says it accepted: it offers no other count.
type acceptCounter struct{ n *atomic.Int64 }

func (c acceptCounter) Write(line []byte) (int, error) {
	if strings.Contains(string(line), `"message":"Accepted client"`) {
		c.n.Add(1)
	}
	return len(line), nil
}

// VerifyTestMain is goleak.VerifyTestMain for tests that use a Proxy, of which atOnce that called
// t.Parallel run at once, however few processors there are: they mostly wait. With more, attempts
// run out of time that should not. Toxiproxy leaves goroutines behind: of a toxic that still had
// bytes for a connection which was closed, and of whoever reads for such a toxic. Those are its
// own, and are not counted.
func VerifyTestMain(m *testing.M, atOnce int) {
	suite.AtOnce(atOnce)
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"))
}

// Addr returns where the proxy listens, as host:port. It stays the same through Down and Up.
func (p *Proxy) Addr() string { return p.proxy.Listen }

// Accepted returns how many connections were accepted so far. One that is refused, while
// the proxy is down, is none.
func (p *Proxy) Accepted() int { return int(p.accepted.Load()) }

// Down closes every connection and refuses new ones until Up.
func (p *Proxy) Down() { p.proxy.Stop() }

// Up accepts connections again. On a proxy that is up it does nothing.
func (p *Proxy) Up() {
	p.t.Helper()
	require.Eventually(p.t, func() bool { // the port may be in use for a moment, as an outgoing connection's
		err := p.proxy.Start()
		return err == nil || err == toxiproxy.ErrProxyAlreadyStarted //nolint:errorlint // Start returns this very value
	}, 10*time.Second, 10*time.Millisecond, "the proxy cannot listen on %s again", p.Addr())
}

// Cut closes every connection there is. New ones are accepted once it has returned.
func (p *Proxy) Cut() {
	p.t.Helper()
	p.Down()
	p.Up()
}

// Add breaks what goes in one direction, on the connections there are and on new ones, until the
// returned func is called, or Heal. Toxics of a test are applied in the order in which they were
// added.
func (p *Proxy) Add(s Stream, toxic toxics.Toxic) (remove func()) {
	p.t.Helper()
	name := "t" + time.Duration(p.added.Add(1)).String()
	spec, err := json.Marshal(map[string]any{
		"name": name, "type": typeOf(p.t, toxic), "stream": s, "toxicity": 1, "attributes": toxic,
	})
	require.NoError(p.t, err)
	_, err = p.proxy.Toxics.AddToxicJson(strings.NewReader(string(spec)))
	require.NoError(p.t, err)
	return func() {
		err := p.proxy.Toxics.RemoveToxic(context.Background(), name)
		if err != toxiproxy.ErrToxicNotFound { //nolint:errorlint // RemoveToxic returns this very value; Heal was first
			require.NoError(p.t, err)
		}
	}
}

// Heal removes every toxic. It does not bring the proxy up.
func (p *Proxy) Heal() { p.proxy.Toxics.ResetToxics(context.Background()) }

// typeOf returns the name by which Toxiproxy knows a toxic's type.
func typeOf(t testing.TB, toxic toxics.Toxic) string {
	t.Helper()
	for name, known := range toxics.ToxicRegistry {
		if reflect.TypeOf(known) == reflect.TypeOf(toxic) {
			return name
		}
	}
	require.FailNow(t, "no such toxic", "%T", toxic)
	return ""
}
