package holdfasthttp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// onlyUnsent returns the stages with OnlyUnsent in their loop.
func onlyUnsent(stages []resilience.Stage) []resilience.Stage {
	for i, s := range stages {
		if c, ok := s.(retry.Config); ok {
			c.OnlyUnsent = true
			stages[i] = c
		}
	}
	return stages
}

// A charge without a key whose answer is lost is carried out once: under MarkOnce and under
// OnlyUnsent, through each preset, with a Transport and with a client in a pipeline.
func TestALostAnswerChargesOnce(t *testing.T) {
	presets := map[string]func() []resilience.Stage{
		"Critical": holdfast.Critical, "Standard": holdfast.Standard, "Background": holdfast.Background,
	}
	for name, preset := range presets {
		for _, way := range []string{"MarkOnce", "OnlyUnsent"} {
			for _, through := range []string{"Transport", "client in a pipeline"} {
				for _, lost := range []fault{reset, hangUp} {
					overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
						server := newFaulty(t, nil, http2, lost, lost, lost, lost, lost, lost)
						stages, ctx := preset(), t.Context()
						if way == "OnlyUnsent" {
							stages = onlyUnsent(stages)
						} else {
							ctx = resilience.MarkOnce(ctx)
						}
						p := newPipeline(t, stages...)
						base := server.base(t, 0)
						post := func(ctx context.Context, c *http.Client) error {
							req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader("10 EUR"))
							require.NoError(t, err)
							resp, err := c.Do(req)
							if err == nil {
								_ = resp.Body.Close()
							}
							return err
						}
						var err error
						if through == "Transport" {
							err = post(ctx, &http.Client{Transport: newTransport(t, p, holdfasthttp.WithBase(base))})
						} else {
							err = p.Do(ctx, func(ctx context.Context) error { return post(ctx, &http.Client{Transport: base}) })
						}
						require.Len(t, server.arrivals(), 1, "%s, %s, %s", name, way, through)
						require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
						require.False(t, resilience.Unsent(err))
						require.Equal(t, resilience.ReasonOutcomeUnknown, resilience.ReasonOf(err))
					})
				}
			}
		}
	}
}

// Under MarkOnce, even net/http does not repeat a request on a reused connection. (golang/go#48438:
// it does so for a GET, and for any request that has an Idempotency-Key.)
func TestNetHTTPDoesNotRepeatUnderMarkOnce(t *testing.T) {
	for _, c := range []struct {
		method, body, key string
		unmarked          int // how often it is sent without the mark
	}{
		{"GET", "", "", 2}, {"HEAD", "", "", 2}, {"POST", "10 EUR", "1", 2}, {"POST", "", "1", 2}, {"PUT", "x", "1", 2}, {"POST", "10 EUR", "", 1},
	} {
		for _, once := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) { // where net/http is sure to reuse the connection
				server := newFaulty(t, newMemory(), false, status(200), hangUp)
				rt := newTransport(t, newPipeline(t, breaker.Config{}), holdfasthttp.WithBase(server.base(t, 0)))
				send := func(ctx context.Context) error {
					req, err := http.NewRequestWithContext(ctx, c.method, server.URL, strings.NewReader(c.body))
					require.NoError(t, err)
					if c.key != "" {
						req.Header.Set("Idempotency-Key", c.key)
					}
					resp, err := rt.RoundTrip(req)
					if err == nil {
						_, _ = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
					return err
				}
				require.NoError(t, send(t.Context()), "so that the connection is one that was used")
				ctx, want := t.Context(), c.unmarked
				if once {
					ctx, want = resilience.MarkOnce(ctx), 1
				}
				err := send(ctx)
				arrived := server.arrivals()[1:]
				require.Len(t, arrived, want, "%s, key %q, once: %v: %v", c.method, c.key, once, err)
				require.Equal(t, c.body, arrived[0].body)
				if once {
					require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				}
			})
		}
	}
}

// Under MarkOnce, a request that was provably not sent is sent again, and charges once.
func TestMarkOnceRepeatsWhatWasNotSent(t *testing.T) {
	overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
		for _, stages := range [][]resilience.Stage{{soon(3)}, onlyUnsent([]resilience.Stage{soon(3)})} {
			server := newFaulty(t, nil, http2)
			rt := newTransport(t, newPipeline(t, stages...), holdfasthttp.WithBase(server.base(t, 2)))
			req, err := http.NewRequestWithContext(resilience.MarkOnce(t.Context()), http.MethodPost, server.URL, strings.NewReader("10 EUR"))
			require.NoError(t, err)
			resp, err := rt.RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Len(t, server.arrivals(), 1)
			require.Equal(t, "10 EUR", server.arrivals()[0].body)
		}
	})
}

// A Transport inside a Transport: each may repeat a request that was not sent, and neither one that
// may have been carried out.
func TestATransportInATransport(t *testing.T) {
	for _, once := range []bool{false, true} {
		for _, method := range []string{"GET", "POST"} {
			ctx := t.Context()
			if once {
				ctx = resilience.MarkOnce(ctx)
			}
			send := func(server *faulty, refusals, inner, outer int) error {
				within := newTransport(t, newPipeline(t, soon(inner)), holdfasthttp.WithBase(server.base(t, refusals)))
				rt := newTransport(t, newPipeline(t, soon(outer)), holdfasthttp.WithBase(within))
				req, err := http.NewRequestWithContext(ctx, method, server.URL, strings.NewReader("10 EUR"))
				require.NoError(t, err)
				resp, err := rt.RoundTrip(req)
				if err == nil {
					_ = resp.Body.Close()
				}
				return err
			}
			server := newFaulty(t, nil, false)
			require.NoError(t, send(server, 3, 1, 1), "%s, %v", method, once)
			require.Len(t, server.arrivals(), 1)
			server = newFaulty(t, nil, false, hangUp, hangUp, hangUp, hangUp)
			err := send(server, 0, 1, 1)
			require.Error(t, err)
			want := 4
			if once || method == "POST" {
				want = 1
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			}
			require.Len(t, server.arrivals(), want, "%s, %v", method, once)
		}
	}
}

// What net/http must not repeat over HTTP/2 loses its GetBody, and only that: a request without a
// body keeps its form, and over HTTP/1.1 there is nothing to prevent.
func TestWhatLosesItsGetBody(t *testing.T) {
	never := holdfasthttp.WithIdempotent(func(*http.Request) bool { return false })
	for _, c := range []struct {
		method, url, body string
		once              bool
		options           []holdfasthttp.Option
		empty, loses      bool
	}{
		{"POST", "https://payments.example/", "10 EUR", false, nil, false, true},
		{"POST", "http://payments.example/", "10 EUR", false, nil, false, false},
		{"PUT", "https://payments.example/", "10 EUR", false, nil, false, false},
		{"POST", "http://payments.example/", "10 EUR", true, nil, false, true},
		{"POST", "https://payments.example/", "", false, nil, true, false},
		{"POST", "http://payments.example/", "", false, []holdfasthttp.Option{never}, true, false},
		{"POST", "http://payments.example/", "10 EUR", false, []holdfasthttp.Option{never}, false, false},
		{"PUT", "http://payments.example/", "10 EUR", false, []holdfasthttp.Option{never}, false, true},
	} {
		asked := false
		look := holdfasthttp.WithBeforeAttempt(func(req *http.Request, _ int) error {
			asked = true
			require.Equal(t, c.empty, req.Body == nil || req.Body == http.NoBody, "%+v", c)
			require.Equal(t, c.loses, req.GetBody == nil, "%+v", c)
			return errors.New("enough")
		})
		rt := newTransport(t, newPipeline(t, soon(1)), append(c.options, look, holdfasthttp.WithBase(&http.Transport{}))...)
		ctx := t.Context()
		if c.once {
			ctx = resilience.MarkOnce(ctx)
		}
		req, err := http.NewRequestWithContext(ctx, c.method, c.url, strings.NewReader(c.body))
		require.NoError(t, err)
		_, err = rt.RoundTrip(req)
		require.ErrorContains(t, err, "enough")
		require.True(t, asked)
	}
}

// The later mark wins, and also overrules the headers and the method.
func TestTheLaterMarkWins(t *testing.T) {
	for _, c := range []struct {
		ctx      context.Context
		attempts int
	}{
		{resilience.MarkOnce(resilience.MarkIdempotent(t.Context())), 1},
		{resilience.MarkIdempotent(resilience.MarkOnce(t.Context())), 2},
	} {
		base := &answers{codes: []int{503}}
		rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(base))
		_, err := rt.RoundTrip(newRequest(t, "POST", nil).WithContext(c.ctx))
		require.NoError(t, err)
		require.Len(t, base.reqs, c.attempts)
	}
}

// rawServer calls a function for each connection, with the connection and its number, from 1.
func rawServer(t *testing.T, serve func(conn net.Conn, n int)) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for n := 1; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn, n)
			}()
		}
	}()
	return l.Addr().String()
}

// Bytes that are not a TLS record may come instead of a handshake, or after the request was carried
// out. Only the first proves that nothing was sent.
func TestNoTLSRecord(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	t.Cleanup(certified.Close)
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	always := soon(2)
	always.RetryIf = func(error) bool { return true }
	var charged atomic.Int32
	late := rawServer(t, func(raw net.Conn, _ int) {
		req, err := http.ReadRequest(bufio.NewReader(tls.Server(raw, certified.TLS)))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		charged.Add(1)
		_, _ = io.WriteString(raw, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
	})
	early := rawServer(t, func(raw net.Conn, _ int) {
		_, _ = raw.Read(make([]byte, 1))
		_, _ = io.WriteString(raw, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	for _, foreign := range []bool{false, true} {
		for _, once := range []bool{false, true} {
			for _, addr := range []string{late, early} {
				charged.Store(0)
				var base http.RoundTripper = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12}}
				if foreign {
					base = counting{base, new(atomic.Int32)}
				}
				ctx := t.Context()
				if once {
					ctx = resilience.MarkOnce(ctx)
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+addr+"/charge", strings.NewReader("10 EUR"))
				require.NoError(t, err)
				_, err = newTransport(t, newPipeline(t, always), holdfasthttp.WithBase(base)).RoundTrip(req)
				require.Error(t, err)
				require.LessOrEqual(t, charged.Load(), int32(1))
				proven := addr == early && !foreign
				require.Equal(t, proven, resilience.Unsent(err), "%v", err)
				require.Equal(t, !proven, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
			}
		}
	}
}
