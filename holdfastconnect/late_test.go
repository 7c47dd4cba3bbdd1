package holdfastconnect_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastconnect"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// starved is an HTTP client that gets no processor for a second when it has a connection. It is for
// a bubble.
type starved struct{ *http.Client }

func (s starved) Do(req *http.Request) (*http.Response, error) {
	return s.Client.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { <-time.After(time.Second) },
	})))
}

// tapped is a connection that counts what is written to it.
type tapped struct {
	net.Conn

	written *atomic.Int64
}

func (c tapped) Write(p []byte) (int, error) {
	c.written.Add(int64(len(p)))
	return c.Conn.Write(p)
}

// Pins: net/http gets a connection just before the attempt's time is over, and sends the request
// just after that. connect-go does not wait for it when it opens a client's stream. So an attempt
// without a connection at the end of its time is unsent only if net/http has returned without one.
func TestAConnectionThatComesLate(t *testing.T) {
	for name, c := range map[string]struct {
		procedure string
		own       bool // NewHTTPClient's client
		comes     bool // the connection
		unsent    bool
	}{
		"a client's stream, with NewHTTPClient":                         {sum, true, true, false},
		"a client's stream, without":                                    {sum, false, true, false},
		"a client's stream that gets no connection, with NewHTTPClient": {sum, true, false, true},
		"a client's stream that gets no connection, without":            {sum, false, false, false},
		"a server's stream":                                             {list, false, true, false},
		"a server's stream that gets no connection":                     {list, false, false, true},
		"a stream in both directions that gets no connection":           {chat, false, false, true},
		"a stream in both directions, with NewHTTPClient, gets none":    {chat, true, false, true},
		"a server's stream that gets no connection, with NewHTTPClient": {list, true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				synctest.Test(t, func(t *testing.T) {
					b := &bank{
						sum:  func(context.Context, int, *connect.ClientStream[text]) (string, error) { return "paid", nil },
						list: func(context.Context, int, string, *connect.ServerStream[text]) error { return nil },
					}
					defer b.serveInMemory()()
					var written atomic.Int64
					over := make(chan struct{})
					transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
						if !c.comes {
							<-over // net/http does not end a dial with the request
							return nil, net.ErrClosed
						}
						<-time.After(time.Second - time.Millisecond) // in the bubble
						conn, err := b.memory.dial(ctx, network, addr)
						return tapped{conn, &written}, err
					}}
					defer synctest.Wait()
					defer transport.CloseIdleConnections()
					defer close(over)
					var base connect.HTTPClient = starved{&http.Client{Transport: transport}}
					if c.own {
						var err error
						base, err = holdfastconnect.NewHTTPClient(base)
						require.NoError(t, err)
					}
					p := pipeline(t, quickly(0), deadline.In(time.Second))
					client := connect.NewClient[text, text](base, b.url+c.procedure, connect.WithInterceptors(clientInterceptor(t, p)))
					ctx := resilience.MarkOnce(t.Context())
					var err error
					switch c.procedure {
					case sum:
						_, err = client.CallClientStream(ctx).CloseAndReceive()
					case list:
						_, err = receiveAll(client.CallServerStream(ctx, connect.NewRequest(&text{})))
					default:
						s := client.CallBidiStream(ctx)
						require.NoError(t, s.Send(nil))
						_, err = s.Receive()
					}
					require.Equal(t, connect.CodeDeadlineExceeded, connect.CodeOf(err), "%v", err)
					<-time.After(time.Minute) // in the bubble, for whatever is still on its way
					assert.Equal(t, c.unsent, resilience.Unsent(err), "%d bytes were written: %v", written.Load(), err)
					assert.Equal(t, !c.unsent, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
				})
			}
		})
	}
}

// within is an interceptor inside that gives each stream less time than the pipeline does.
type within struct {
	connect.Interceptor

	limit time.Duration
}

func (w within) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		ctx, cancel := context.WithTimeout(ctx, w.limit)
		return closing{next(ctx, spec), cancel}
	}
}

// closing is a stream that does something when it is closed.
type closing struct {
	connect.StreamingClientConn

	then func()
}

func (c closing) CloseResponse() error {
	defer c.then()
	return c.StreamingClientConn.CloseResponse()
}

// Pins: a client's stream may end with the ctx of an interceptor inside, too.
func TestAConnectionThatComesAfterTheTimeOfAnInterceptor(t *testing.T) {
	for _, own := range []bool{false, true} {
		for range 20 {
			synctest.Test(t, func(t *testing.T) {
				b := &bank{sum: func(context.Context, int, *connect.ClientStream[text]) (string, error) { return "paid", nil }}
				defer b.serveInMemory()()
				var written atomic.Int64
				transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
					<-time.After(time.Second - time.Millisecond)
					conn, err := b.memory.dial(ctx, network, addr)
					return tapped{conn, &written}, err
				}}
				defer synctest.Wait()
				defer transport.CloseIdleConnections()
				var base connect.HTTPClient = starved{&http.Client{Transport: transport}}
				if own {
					var err error
					base, err = holdfastconnect.NewHTTPClient(base)
					require.NoError(t, err)
				}
				p := pipeline(t, quickly(0), deadline.In(time.Hour))
				client := connect.NewClient[text, text](base, b.url+sum,
					connect.WithInterceptors(clientInterceptor(t, p), within{&inner{}, time.Second}))
				_, err := client.CallClientStream(resilience.MarkOnce(t.Context())).CloseAndReceive()
				require.Equal(t, connect.CodeDeadlineExceeded, connect.CodeOf(err), "%v", err)
				<-time.After(time.Minute) // whatever is still on its way
				assert.False(t, resilience.Unsent(err), "own=%t, %d bytes were written: %v", own, written.Load(), err)
				assert.ErrorIs(t, err, resilience.ErrOutcomeUnknown, "own=%t", own)
			})
		}
	}
}

// slow is an HTTP client that gets no processor for a while when it is about to ask for a
// connection, and again when it has one.
type slow struct {
	*http.Client

	now *atomic.Bool
}

func (s slow) Do(req *http.Request) (*http.Response, error) {
	wait := func() {
		if s.now.Load() {
			<-time.After(time.Second + time.Millisecond)
		}
	}
	return s.Client.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { wait() },
		GotConn: func(httptrace.GotConnInfo) { wait() },
	})))
}

// lingering is an interceptor inside that takes its time to close a stream.
type lingering struct{ connect.Interceptor }

func (lingering) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		return closing{next(ctx, spec), func() { <-time.After(10 * time.Millisecond) }}
	}
}

// Pins: net/http may ask for a connection, and get an idle one, after the attempt's time is over.
func TestAnIdleConnectionThatIsAskedForLate(t *testing.T) {
	for _, own := range []bool{false, true} {
		for range 20 {
			synctest.Test(t, func(t *testing.T) {
				transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go answerAll(far)
					return near, nil
				}}
				defer synctest.Wait()
				defer transport.CloseIdleConnections()
				var now atomic.Bool
				var base connect.HTTPClient = slow{&http.Client{Transport: transport}, &now}
				if own {
					var err error
					base, err = holdfastconnect.NewHTTPClient(base)
					require.NoError(t, err)
				}
				p := pipeline(t, quickly(0), deadline.In(time.Second))
				client := connect.NewClient[text, text](base, "http://bank"+sum, connect.WithInterceptors(
					clientInterceptor(t, p, holdfastconnect.WithStreamDeadline()), lingering{&inner{}}))
				resp, err := transport.RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://bank/", nil))
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				synctest.Wait() // the connection is idle
				now.Store(true)
				_, err = client.CallClientStream(resilience.MarkOnce(t.Context())).CloseAndReceive()
				require.Equal(t, connect.CodeDeadlineExceeded, connect.CodeOf(err), "%v", err)
				<-time.After(time.Minute) // whatever is still on its way
				assert.False(t, resilience.Unsent(err), "own=%t: %v", own, err)
				assert.ErrorIs(t, err, resilience.ErrOutcomeUnknown, "own=%t", own)
			})
		}
	}
}

// answerAll is a server of HTTP/1.1 for one connection.
func answerAll(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // nobody is left
	requests := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(requests)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
	}
}

// deaf is an HTTP client that does not end with its ctx.
type deaf struct {
	*http.Client

	over <-chan struct{}
}

func (d deaf) Do(req *http.Request) (*http.Response, error) {
	resp, err := d.Client.Do(req)
	<-d.over
	return resp, err
}

// A client that does not end with its ctx holds up a call for a second at most, and proves nothing.
func TestAClientThatDoesNotEndWithItsCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		defer synctest.Wait()
		defer close(over)
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			<-over
			return nil, net.ErrClosed
		}}
		base, err := holdfastconnect.NewHTTPClient(deaf{&http.Client{Transport: transport}, over})
		require.NoError(t, err)
		p := pipeline(t, quickly(0), deadline.In(time.Second))
		client := connect.NewClient[text, text](base, "http://bank.example"+sum, connect.WithInterceptors(clientInterceptor(t, p)))
		began := time.Now()
		_, err = client.CallClientStream(t.Context()).CloseAndReceive()
		require.Equal(t, connect.CodeDeadlineExceeded, connect.CodeOf(err), "%v", err)
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.False(t, resilience.Unsent(err))
		require.Equal(t, 2*time.Second, time.Since(began))
	})
}
