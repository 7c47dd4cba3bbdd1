package faultproxy_test

import (
	"bufio"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/integration/faultproxy"
)

func TestMain(m *testing.M) { faultproxy.VerifyTestMain(m, 4) }

// echo starts a server that sends every line back.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				_, _ = io.Copy(conn, conn) // until the client is gone
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		serving.Wait()
	})
	return l.Addr().String()
}

type client struct {
	net.Conn
	answers *bufio.Reader
}

func dial(t *testing.T, p *faultproxy.Proxy) client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return client{conn, bufio.NewReader(conn)}
}

func (c client) ask() error {
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return err
	}
	_, err := c.answers.ReadString('\n')
	return err
}

func TestForwardsAndCounts(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	require.Zero(t, p.Accepted())
	require.NoError(t, dial(t, p).ask())
	require.NoError(t, dial(t, p).ask())
	require.Equal(t, 2, p.Accepted())
}

func TestDownRefusesAndUpServesAtTheSameAddress(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	before := dial(t, p)
	require.NoError(t, before.ask())

	p.Down()
	require.Error(t, before.ask(), "a connection survived Down")
	_, err := net.Dial("tcp", p.Addr())
	require.Error(t, err, "a proxy that is down took a connection")
	require.Equal(t, 1, p.Accepted())

	p.Up()
	p.Up()
	require.NoError(t, dial(t, p).ask())
	require.Equal(t, 2, p.Accepted())
}

func TestCutEndsConnectionsOnly(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	before := dial(t, p)
	require.NoError(t, before.ask())
	p.Cut()
	require.Error(t, before.ask())
	require.NoError(t, dial(t, p).ask())
}

func TestAddBreaksUntilRemoved(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	before := dial(t, p)
	require.NoError(t, before.ask())

	remove := p.Add(faultproxy.Upstream, &toxics.ResetToxic{})
	require.Error(t, before.ask(), "a connection that was there")
	require.Error(t, dial(t, p).ask(), "a new connection")
	remove()
	remove() // once more does nothing
	require.NoError(t, dial(t, p).ask())
}

func TestHealRemovesEveryToxic(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	remove := p.Add(faultproxy.Downstream, &toxics.TimeoutToxic{})
	p.Add(faultproxy.Upstream, &toxics.LatencyToxic{Latency: 60_000})
	p.Heal()
	remove()
	require.NoError(t, dial(t, p).ask())
}

func TestLimit(t *testing.T) {
	for name, c := range map[string]struct {
		takes []time.Duration // one connection after the other; after these none is made
		want  time.Duration
	}{
		"fast":         {[]time.Duration{0, 10 * time.Millisecond, 0}, time.Second},
		"slow once":    {[]time.Duration{0, 100 * time.Millisecond, 0}, 2400 * time.Millisecond},
		"slow at last": {[]time.Duration{0, 0, 100 * time.Millisecond}, 2400 * time.Millisecond},
		"too slow":     {[]time.Duration{time.Minute, 0, 0}, 5 * time.Second},
		"no server":    {nil, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tried := 0
				require.Equal(t, c.want, faultproxy.Limit(time.Second, 5*time.Second, func() error {
					if tried++; tried > len(c.takes) {
						<-time.After(time.Minute) // in the bubble
						return io.EOF
					}
					<-time.After(c.takes[tried-1])
					return nil
				}))
				require.Equal(t, max(1, len(c.takes)), tried)
			})
		})
	}
}
