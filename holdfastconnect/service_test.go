package holdfastconnect_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastconnect"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The service has one procedure of each sort.
const (
	pay  = "/holdfast.test.Bank/Pay"  // nothing is known of it
	set  = "/holdfast.test.Bank/Set"  // IDEMPOTENT
	read = "/holdfast.test.Bank/Read" // NO_SIDE_EFFECTS
	list = "/holdfast.test.Bank/List" // from the server
	sum  = "/holdfast.test.Bank/Sum"  // from the client
	chat = "/holdfast.test.Bank/Chat" // in both directions
)

type (
	text   = wrapperspb.StringValue
	client = connect.Client[text, text]
)

var levels = map[string]connect.IdempotencyLevel{set: connect.IdempotencyIdempotent, read: connect.IdempotencyNoSideEffects}

// protocols are those that a client can speak.
var protocols = map[string]connect.ClientOption{
	"connect": connect.WithProtoJSON(), "grpc": connect.WithGRPC(), "grpc-web": connect.WithGRPCWeb(),
}

// bank is a server whose procedures the test defines. They count the calls that reach a handler.
type bank struct {
	unary  func(ctx context.Context, n int, req *connect.Request[text]) (string, error)
	list   func(ctx context.Context, n int, req string, s *connect.ServerStream[text]) error
	sum    func(ctx context.Context, n int, s *connect.ClientStream[text]) (string, error)
	chat   func(ctx context.Context, n int, s *connect.BidiStream[text, text]) error
	before func(w http.ResponseWriter, r *http.Request) (answered bool) // nil, or sees HTTP requests first

	calls  atomic.Int64
	url    string
	server *httptest.Server
	http   *http.Client
	memory *memory // of serveInMemory
}

func (b *bank) handler(options ...connect.HandlerOption) http.Handler {
	mux := http.NewServeMux()
	for _, procedure := range []string{pay, set, read} {
		mux.Handle(procedure, connect.NewUnaryHandler(procedure, func(ctx context.Context, req *connect.Request[text]) (*connect.Response[text], error) {
			answer, err := b.unary(ctx, int(b.calls.Add(1)), req)
			if err != nil {
				return nil, err
			}
			return connect.NewResponse(wrapperspb.String(answer)), nil
		}, append(options, connect.WithIdempotency(levels[procedure]))...))
	}
	mux.Handle(list, connect.NewServerStreamHandler(list, func(ctx context.Context, req *connect.Request[text], s *connect.ServerStream[text]) error {
		return b.list(ctx, int(b.calls.Add(1)), req.Msg.GetValue(), s)
	}, options...))
	mux.Handle(sum, connect.NewClientStreamHandler(sum, func(ctx context.Context, s *connect.ClientStream[text]) (*connect.Response[text], error) {
		answer, err := b.sum(ctx, int(b.calls.Add(1)), s)
		return connect.NewResponse(wrapperspb.String(answer)), err
	}, options...))
	mux.Handle(chat, connect.NewBidiStreamHandler(chat, func(ctx context.Context, s *connect.BidiStream[text, text]) error {
		return b.chat(ctx, int(b.calls.Add(1)), s)
	}, options...))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.before == nil || !b.before(w, r) {
			mux.ServeHTTP(w, r)
		}
	})
}

func unencrypted() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// serve starts b on a port of this machine until the test ends, with HTTP/2 without TLS.
func (b *bank) serve(t testing.TB, options ...connect.HandlerOption) *bank {
	t.Helper()
	b.server = httptest.NewUnstartedServer(b.handler(options...))
	b.server.Config.Protocols = unencrypted()
	b.server.Config.Protocols.SetHTTP1(true)
	return b.begin(t)
}

// begin starts b's server, and makes its client, which speaks HTTP/2.
func (b *bank) begin(t testing.TB) *bank {
	t.Helper()
	b.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	b.server.Start()
	b.url = b.server.URL
	b.http = &http.Client{Transport: &http.Transport{Protocols: unencrypted()}}
	t.Cleanup(func() {
		b.http.CloseIdleConnections()
		b.server.Close()
	})
	return b
}

// nobody is a server that is not there. No test gets its port, as it may get that of a server that
// was closed.
func nobody() *bank {
	return &bank{url: "http://127.0.0.1:1", http: &http.Client{Transport: &http.Transport{Protocols: unencrypted()}}}
}

// memory is a network without ports, for a bubble of testing/synctest: it takes no time, so only
// the test decides whether an attempt has enough.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{} }

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case m.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serveInMemory is serve without a port. What it returns ends the server.
func (b *bank) serveInMemory(options ...connect.HandlerOption) (end func()) {
	m := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
	b.memory = m
	server := &http.Server{Handler: b.handler(options...), Protocols: unencrypted(), ErrorLog: log.New(io.Discard, "", 0)} //nolint:gosec // no stranger calls it
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(m) }()
	transport := &http.Transport{DialContext: m.dial, Protocols: unencrypted()}
	b.url, b.http = "http://bank", &http.Client{Transport: transport}
	return func() {
		transport.CloseIdleConnections()
		close(m.closed)
		_ = server.Close()
		<-done
	}
}

// client returns a client of b for a procedure, whose calls go through p.
func (b *bank) client(t testing.TB, procedure string, p *holdfast.Pipeline, options ...connect.ClientOption) *client {
	t.Helper()
	base, err := holdfastconnect.NewHTTPClient(b.http)
	require.NoError(t, err)
	options = append([]connect.ClientOption{
		connect.WithInterceptors(clientInterceptor(t, p)), connect.WithIdempotency(levels[procedure]),
	}, options...)
	return connect.NewClient[text, text](base, b.url+procedure, options...)
}

func clientInterceptor(t testing.TB, p *holdfast.Pipeline, options ...holdfastconnect.Option) connect.Interceptor {
	t.Helper()
	i, err := holdfastconnect.NewClientInterceptor(p, options...)
	require.NoError(t, err)
	return i
}

func handlerInterceptor(t testing.TB, p *holdfast.Pipeline, options ...holdfastconnect.Option) connect.HandlerOption {
	t.Helper()
	i, err := holdfastconnect.NewHandlerInterceptor(p, options...)
	require.NoError(t, err)
	return connect.WithInterceptors(i)
}

// call makes a unary call.
func call(ctx context.Context, c *client, request string) (string, error) {
	answer, err := c.CallUnary(ctx, connect.NewRequest(wrapperspb.String(request)))
	if err != nil {
		return "", err
	}
	return answer.Msg.GetValue(), nil
}

// quickly retries up to n times with very short pauses.
func quickly(n int) retry.Config {
	return retry.Custom(n, time.Millisecond, time.Millisecond, false)
}

func pipeline(t testing.TB, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("bank", stages...)
	require.NoError(t, err)
	return p
}

// counting is a breaker that never opens.
func counting() breaker.Config {
	return breaker.Config{FailureRatio: -1, ConsecutiveFailures: 1000, Window: time.Hour}
}

// blamed returns the failures that the breaker has counted.
func blamed(p *holdfast.Pipeline) int { return int(p.Snapshot().Breakers[0].Counts.Failures) }

// fails fails n times with code, and then answers "ok".
func fails(n int, code connect.Code) func(context.Context, int, *connect.Request[text]) (string, error) {
	return func(_ context.Context, call int, _ *connect.Request[text]) (string, error) {
		if call <= n {
			return "", connect.NewError(code, errors.New("as the test wants"))
		}
		return "ok", nil
	}
}

// inner is an interceptor inside that adds a header to each attempt, and keeps what it saw.
type inner struct {
	mu      sync.Mutex
	headers []http.Header
	fails   func(n int) error // nil, or the result before anything is sent
}

func (i *inner) see(h http.Header) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	h.Add("X-Inner", "inner")
	i.headers = append(i.headers, h.Clone())
	if i.fails != nil {
		return i.fails(len(i.headers))
	}
	return nil
}

func (i *inner) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if err := i.see(req.Header()); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

func (i *inner) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		_ = i.see(conn.RequestHeader())
		return conn
	}
}

func (i *inner) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
