package holdfasthttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// connectProxy is a proxy that answers its first CONNECTs with the given lines, and tunnels the
// others to the target.
func connectProxy(t *testing.T, target string, refusals ...string) (proxy *url.URL, connects *atomic.Int32) {
	t.Helper()
	connects = new(atomic.Int32)
	addr := rawServer(t, func(conn net.Conn, n int) {
		br := bufio.NewReader(conn)
		if _, err := http.ReadRequest(br); err != nil {
			return
		}
		connects.Add(1)
		if n <= len(refusals) {
			_, _ = io.WriteString(conn, refusals[n-1])
			return
		}
		server, err := new(net.Dialer).DialContext(t.Context(), "tcp", target)
		if err != nil {
			return
		}
		defer func() { _ = server.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(server, br); _ = server.(*net.TCPConn).CloseWrite() }()
		_, _ = io.Copy(conn, server)
	})
	return &url.URL{Scheme: "http", Host: addr}, connects
}

// (matrix-org/synapse#16462, apple/servicetalk#2721.) A request that a proxy refuses was not sent:
// even a charge is sent again if that can help, and the refusal counts.
func TestWhatAProxyRefuses(t *testing.T) {
	for _, c := range []struct {
		code    int
		header  string
		retried bool
		verdict resilience.Verdict
	}{
		{502, "", true, resilience.Transient},
		{503, "", true, resilience.Transient},
		{504, "", true, resilience.Transient},
		{429, "", true, resilience.Overload},
		{500, "", true, resilience.Transient},
		{407, "", false, resilience.Permanent},
		{403, "", false, resilience.Permanent},
		{503, "Retry-After: 0\r\n", true, resilience.Transient},
	} {
		for _, how := range []string{"http.Transport", "foreign with OnProxyConnect", "both"} {
			for _, once := range []bool{false, true} {
				t.Run(fmt.Sprint(c.code, " ", how, " ", once), func(t *testing.T) {
					server := newFaulty(t, nil, false)
					secure := httptest.NewTLSServer(server.Config.Handler)
					t.Cleanup(secure.Close)
					refusal := fmt.Sprintf("HTTP/1.1 %d %s\r\n%sContent-Length: 0\r\n\r\n", c.code, http.StatusText(c.code), c.header)
					proxy, connects := connectProxy(t, secure.Listener.Addr().String(), refusal, refusal)
					transport := secure.Client().Transport.(*http.Transport).Clone()
					transport.Proxy = http.ProxyURL(proxy)
					t.Cleanup(transport.CloseIdleConnections)
					var base http.RoundTripper = transport
					if how != "http.Transport" {
						transport.OnProxyConnectResponse = holdfasthttp.OnProxyConnect
					}
					if how == "foreign with OnProxyConnect" {
						base = counting{base, new(atomic.Int32)}
					}
					gate, err := breaker.New(breaker.Config{})
					require.NoError(t, err)
					ctx := t.Context()
					if once {
						ctx = resilience.MarkOnce(ctx)
					}
					req, err := http.NewRequestWithContext(ctx, http.MethodPost, secure.URL, strings.NewReader("10 EUR"))
					require.NoError(t, err)
					var verdicts []resilience.Verdict
					seen := holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
						if e.Kind == resilience.EventAttempt && e.Err != nil {
							verdicts = append(verdicts, e.Verdict)
						}
					}))
					resp, err := newTransport(t, newPipeline(t, seen, soon(2), gate), holdfasthttp.WithBase(base)).RoundTrip(req)
					for _, v := range verdicts {
						require.Equal(t, c.verdict, v)
					}
					if c.retried {
						require.NoError(t, err)
						require.NoError(t, resp.Body.Close())
						require.EqualValues(t, 3, connects.Load())
						require.EqualValues(t, 2, gate.Counts().Failures)
						require.Len(t, server.arrivals(), 1)
						return
					}
					require.Error(t, err)
					require.True(t, resilience.Unsent(err))
					require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
					require.EqualValues(t, 1, connects.Load())
					require.Zero(t, gate.Counts().Failures, "the caller's fault")
				})
			}
		}
	}
}

func TestProxyError(t *testing.T) {
	refuse := func(code int, header ...string) error {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return holdfasthttp.OnProxyConnect(t.Context(), &url.URL{Host: "proxy.example:3128"}, nil, &http.Response{StatusCode: code, Header: h})
	}
	require.NoError(t, refuse(200))
	require.EqualError(t, refuse(502), "the proxy proxy.example:3128 refused CONNECT: 502 Bad Gateway")
	for err, want := range map[error]resilience.Verdict{
		refuse(502): resilience.Transient, refuse(429): resilience.Overload, refuse(503, "Retry-After", "7"): resilience.Overload,
		refuse(407): resilience.Permanent, refuse(302): resilience.Transient,
	} {
		require.Equal(t, want, resilience.Classify(err), "%v", err)
		require.True(t, resilience.Unsent(err))
	}
	require.Equal(t, 7*second, resilience.RetryAfter(refuse(503, "Retry-After", "7")))
}

// A SOCKS proxy's refusal is a failure of the server or the caller's fault, depending on its code.
func TestWhatASOCKSProxyRefuses(t *testing.T) {
	for reply, retried := range map[byte]bool{1: true, 2: false, 3: true, 4: true, 5: true, 6: true, 7: false, 8: false} {
		for _, foreign := range []bool{false, true} {
			var dials atomic.Int32
			addr := rawServer(t, func(conn net.Conn, _ int) {
				dials.Add(1)
				b := make([]byte, 300)
				_, _ = io.ReadAtLeast(conn, b, 3)
				_, _ = conn.Write([]byte{5, 0})
				_, _ = io.ReadAtLeast(conn, b, 10)
				_, _ = conn.Write([]byte{5, reply, 0, 1, 0, 0, 0, 0, 0, 0})
				_, _ = conn.Read(b)
			})
			var base http.RoundTripper = &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "socks5", Host: addr})}
			if foreign {
				base = counting{base, new(atomic.Int32)}
			}
			gate, err := breaker.New(breaker.Config{})
			require.NoError(t, err)
			_, err = newTransport(t, newPipeline(t, soon(2), gate), holdfasthttp.WithBase(base)).RoundTrip(newRequest(t, "POST", strings.NewReader("10 EUR")))
			require.Error(t, err)
			require.True(t, resilience.Unsent(err), "%v", err)
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
			want := 1
			if retried {
				want = 3
			}
			require.EqualValues(t, want, dials.Load(), "%v", err)
			require.Equal(t, retried, gate.Counts().Failures > 0, "%v", err)
		}
	}
}
