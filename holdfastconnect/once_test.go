package holdfastconnect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast/holdfastconnect"
	"github.com/media-gateway/holdfast/resilience"
)

// protocolErrors is a listener whose server ends its streams by PROTOCOL_ERROR, where Go's would
// send INTERNAL_ERROR.
type protocolErrors struct{ net.Listener }

func (l protocolErrors) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &recoded{Conn: c}, nil
}

// recoded changes the code of the RST_STREAM frames that are written to it.
type recoded struct {
	net.Conn

	rest []byte // of a frame that is not complete
}

func (c *recoded) Write(p []byte) (int, error) {
	const head, kind, rstStream = 9, 3, 0x3
	c.rest = append(c.rest, p...)
	whole := 0
	for len(c.rest)-whole >= head {
		frame := c.rest[whole:]
		size := head + (int(frame[0])<<16 | int(frame[1])<<8 | int(frame[2]))
		if len(frame) < size {
			break
		}
		if frame[kind] == rstStream {
			frame[size-1] = 0x1
		}
		whole += size
	}
	_, err := c.Conn.Write(c.rest[:whole])
	c.rest = append([]byte(nil), c.rest[whole:]...)
	return len(p), err
}

// breaksStreams starts b with HTTP/2, so that a handler that panics ends its stream by
// PROTOCOL_ERROR.
func (b *bank) breaksStreams(t *testing.T) *bank {
	t.Helper()
	b.server = httptest.NewUnstartedServer(b.handler())
	b.server.Listener = protocolErrors{b.server.Listener}
	b.server.Config.Protocols = unencrypted()
	return b.begin(t)
}

// wrapped is an HTTP client that the interceptor does not know, such as one with traces.
type wrapped struct{ *http.Client }

// Before Go 1.27, net/http repeats a request by itself after PROTOCOL_ERROR, whatever the method,
// although the handler has run. A call that may not be repeated runs once even so, and its error
// does not say that nothing happened. An idempotent procedure without the mark is here for
// comparison.
func TestNetHTTPDoesNotRepeatACall(t *testing.T) {
	clients := map[string]func(*testing.T, *http.Client) connect.HTTPClient{
		"NewHTTPClient": func(t *testing.T, c *http.Client) connect.HTTPClient {
			t.Helper()
			own, err := holdfastconnect.NewHTTPClient(c)
			require.NoError(t, err)
			return own
		},
		"NewHTTPClient, foreign": func(t *testing.T, c *http.Client) connect.HTTPClient {
			t.Helper()
			own, err := holdfastconnect.NewHTTPClient(wrapped{c})
			require.NoError(t, err)
			return own
		},
		"without": func(_ *testing.T, c *http.Client) connect.HTTPClient { return c },
	}
	for name, httpClient := range clients {
		for protocol, option := range protocols {
			for _, c := range []struct {
				procedure, request string
				once, get          bool
				runs               int64
			}{
				{pay, "10 EUR", false, false, 1},
				{pay, "10 EUR", true, false, 1},
				{pay, "", false, false, 1}, // over Connect's protocol, a request without a body
				{pay, "", true, false, 1},
				{set, "10 EUR", true, false, 1},
				{read, "10 EUR", true, false, 1},
				{read, "10 EUR", true, true, 1},
				{list, "10 EUR", false, false, 1},
				{list, "10 EUR", true, false, 1},
				{set, "10 EUR", false, false, sentAfterProtocolError},
			} {
				t.Run(fmt.Sprintf("%s/%s%s/%q, once %v, GET %v", name, protocol, c.procedure, c.request, c.once, c.get), func(t *testing.T) {
					b := (&bank{
						unary: func(context.Context, int, *connect.Request[text]) (string, error) { panic(http.ErrAbortHandler) },
						list: func(context.Context, int, string, *connect.ServerStream[text]) error {
							panic(http.ErrAbortHandler)
						},
					}).breaksStreams(t)
					if protocol == "connect" {
						option = connect.WithClientOptions() // in JSON no message is empty
					}
					options := []connect.ClientOption{
						connect.WithInterceptors(clientInterceptor(t, pipeline(t, quickly(1)))), connect.WithIdempotency(levels[c.procedure]), option,
					}
					if c.get {
						options = append(options, connect.WithHTTPGet())
					}
					client := connect.NewClient[text, text](httpClient(t, b.http), b.url+c.procedure, options...)
					ctx := t.Context()
					if c.once {
						ctx = resilience.MarkOnce(ctx)
					}
					var err error
					if c.procedure == list {
						_, err = receiveAll(client.CallServerStream(ctx, connect.NewRequest(wrapperspb.String(c.request))))
					} else {
						_, err = call(ctx, client, c.request)
					}
					require.Error(t, err)
					assert.Equal(t, c.runs, b.calls.Load(), "%v", err)
					require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
					assert.False(t, resilience.Unsent(err))
					assert.Equal(t, c.procedure != set || c.once, resilience.NoRetry(err))
				})
			}
		}
	}
}

// Over HTTP/1.1, net/http repeats a GET after it lost a kept connection. Under MarkOnce, the server
// gets it once with NewHTTPClient. Without, the error says that nobody knows how often.
func TestKeptConnectionUnderMarkOnce(t *testing.T) {
	for _, own := range []bool{true, false} {
		arrived := 0
		b := &bank{unary: fails(0, 0)}
		b.before = func(w http.ResponseWriter, _ *http.Request) bool {
			if arrived++; arrived != 2 {
				return false
			}
			conn, _, err := w.(http.Hijacker).Hijack() //nolint:forcetypeassert // HTTP/1.1
			if err == nil {
				_ = conn.Close()
			}
			return true
		}
		b.serve(t)
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		var base connect.HTTPClient = &http.Client{Transport: transport}
		if own {
			var err error
			base, err = holdfastconnect.NewHTTPClient(base)
			require.NoError(t, err)
		}
		client := connect.NewClient[text, text](base, b.url+read, connect.WithHTTPGet(), connect.WithIdempotency(levels[read]),
			connect.WithInterceptors(clientInterceptor(t, pipeline(t, quickly(1)))))
		_, err := call(t.Context(), client, "x")
		require.NoError(t, err, "so that there is a kept connection")
		_, err = call(resilience.MarkOnce(t.Context()), client, "x")
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		b.server.Close() // no handler runs any more
		if own {
			assert.Equal(t, 2, arrived)
		}
	}
}

// A call that may not be repeated is repeated if the server has not processed it: at once, without
// an attempt of the pipeline.
func TestOnceIsNotLessThanOnce(t *testing.T) {
	for name, c := range map[string]func(t *testing.T, b *bank) *http.Client{
		"REFUSED_STREAM": func(t *testing.T, b *bank) *http.Client { //nolint:thelper // it sets the case up
			b.refusesFirst(t)
			return b.http
		},
	} {
		for _, once := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, %v", name, once), func(t *testing.T) {
				b := &bank{unary: func(_ context.Context, _ int, r *connect.Request[text]) (string, error) { return r.Msg.GetValue(), nil }}
				base := c(t, b)
				own, err := holdfastconnect.NewHTTPClient(base)
				require.NoError(t, err)
				p := pipeline(t, quickly(0))
				client := connect.NewClient[text, text](own, b.url+pay, connect.WithInterceptors(clientInterceptor(t, p)))
				ctx := t.Context()
				if once {
					ctx = resilience.MarkOnce(ctx)
				}
				answer, err := call(ctx, client, "10 EUR")
				require.NoError(t, err)
				assert.Equal(t, "10 EUR", answer)
				assert.EqualValues(t, 1, b.calls.Load())
				assert.EqualValues(t, 1, p.Snapshot().Attempts)
			})
		}
	}
}

// refusesFirst starts b behind a transport whose first answer is that the stream was refused.
func (b *bank) refusesFirst(t *testing.T) {
	t.Helper()
	b.serve(t)
	b.http = &http.Client{Transport: &refusesOne{base: b.http.Transport}}
}

// refusesOne is a transport that behaves as net/http does when the server refuses the first stream.
type refusesOne struct {
	base  http.RoundTripper
	first bool
}

func (r *refusesOne) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.first {
		return r.base.RoundTrip(req)
	}
	r.first = true
	_, _ = io.Copy(io.Discard, req.Body)
	_ = req.Body.Close()
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.Body = body
		return r.base.RoundTrip(req)
	}
	return nil, errors.New("http2: Transport: cannot retry err [stream error: stream ID 1; REFUSED_STREAM] after Request.Body was written; define Request.GetBody to avoid this error")
}
