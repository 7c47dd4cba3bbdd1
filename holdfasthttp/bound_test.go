package holdfasthttp_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// A reverse proxy whose backend half-closes an upgraded connection delivers what the client sent
// before, and what comes back. (golang/go#35892, #72140.)
func TestAnUpgradeCanBeHalfClosed(t *testing.T) {
	backend := newFaulty(t, nil, false, func(_ *faulty, w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_ = rw.Flush()
		all, _ := io.ReadAll(rw) // until the other side closes its half
		_, _ = rw.WriteString("got " + string(all))
		_ = rw.Flush()
	})
	rt := newTransport(t, newPipeline(t, soon(1), deadline.In(time.Minute)), holdfasthttp.WithBase(backend.base(t, 0)))
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(must(url.Parse(backend.URL))) }, Transport: rt, ErrorLog: quiet}
	front := httptest.NewServer(proxy)
	defer front.Close()
	conn := must(new(net.Dialer).DialContext(t.Context(), "tcp", front.Listener.Addr().String()))
	defer func() { _ = conn.Close() }()
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	require.NoError(t, err)
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
	_, err = io.WriteString(conn, "hello")
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	text, err := io.ReadAll(br)
	require.NoError(t, err)
	require.Equal(t, "got hello", string(text))
}

// cloning is a base that clones requests and gives them values, as an instrumented one does.
type cloning struct{ http.RoundTripper }

type spanKey struct{}

func (c cloning) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), spanKey{}, "span"))
	_ = cancel
	return c.RoundTripper.RoundTrip(r.Clone(ctx))
}

// The ctx of a response's request outlives the body, and ends with the caller's ctx, even if a base
// has cloned it.
func TestTheCtxOfAResponsesRequest(t *testing.T) {
	because := errors.New("because")
	for _, clones := range []bool{false, true} {
		for _, code := range []int{200, 503} {
			server := newFaulty(t, nil, false, status(code))
			var base http.RoundTripper = server.base(t, 0)
			if clones {
				base = cloning{base}
			}
			rt := newTransport(t, newPipeline(t, retry.Custom(0, 1, 1, false), deadline.In(time.Minute)), holdfasthttp.WithBase(base))
			ctx, cancel := context.WithCancelCause(t.Context())
			resp, err := rt.RoundTrip(must(http.NewRequestWithContext(ctx, "GET", server.URL, nil)))
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			require.NoError(t, resp.Body.Close())
			got := resp.Request.Context()
			require.NoError(t, got.Err())
			require.NoError(t, context.Cause(got))
			require.Equal(t, clones, got.Value(spanKey{}) == "span")
			derived, stop := context.WithCancel(got)
			require.NoError(t, derived.Err())
			require.Equal(t, code == 503, holdfasthttp.Stopped(resp) != nil)
			cancel(because)
			require.ErrorIs(t, got.Err(), context.Canceled)
			require.ErrorIs(t, context.Cause(got), because)
			<-derived.Done()
			stop()
		}
	}
}

// Until the headers arrive, a request's ctx ends with the attempt; after that, with the body or the
// caller's ctx. This holds whether the base calls Done, only Err, or neither.
func TestTheCtxOfARequest(t *testing.T) {
	because := errors.New("because")
	asks := map[string]func(context.Context){
		"nothing": func(context.Context) {},
		"Err":     func(ctx context.Context) { _ = ctx.Err() },
		"Done":    func(ctx context.Context) { ctx.Done() },
		"a child": func(ctx context.Context) { context.AfterFunc(ctx, func() {}) },
	}
	for name, ask := range asks {
		for _, late := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var sent context.Context
				base := tripper(func(r *http.Request) (*http.Response, error) {
					sent = r.Context()
					ask(sent)
					require.NoError(t, sent.Err())
					if late {
						<-time.After(time.Minute)
						synctest.Wait()
						require.Error(t, sent.Err(), name)
						require.ErrorIs(t, context.Cause(sent), context.DeadlineExceeded, name)
						<-sent.Done()
					}
					return response(http.StatusOK, newBody("body")), nil
				})
				rt := newTransport(t, newPipeline(t, soon(0), deadline.In(time.Minute)), holdfasthttp.WithBase(base))
				ctx, cancel := context.WithCancelCause(t.Context())
				resp, err := rt.RoundTrip(must(http.NewRequestWithContext(ctx, "GET", "http://test", nil)))
				if late {
					require.ErrorIs(t, err, context.DeadlineExceeded, name)
					cancel(nil)
					return
				}
				require.NoError(t, err)
				<-time.After(time.Hour)
				synctest.Wait()
				require.NoError(t, sent.Err(), "%s: the body lives on", name)
				child, stop := context.WithCancel(sent)
				defer stop()
				if name == "nothing" {
					require.NoError(t, resp.Body.Close())
					require.ErrorIs(t, sent.Err(), context.Canceled)
				} else {
					cancel(because)
					require.ErrorIs(t, context.Cause(sent), because, name)
				}
				require.ErrorIs(t, child.Err(), context.Canceled, name)
				cancel(nil)
			})
		}
	}
}
