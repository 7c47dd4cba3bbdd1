package holdfastconnect_test

import (
	"context"
	"errors"
	"net"
	"net/http"
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
