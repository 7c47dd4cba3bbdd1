package holdfastgrpc_test

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The service has one method of each sort, and one whose .proto file says that it may be repeated.
const (
	payMethod  = "/holdfast.test.Bank/Pay"  // nothing is known of it
	readMethod = "/holdfast.test.Bank/Read" // NO_SIDE_EFFECTS
	listMethod = "/holdfast.test.Bank/List" // from the server
	sumMethod  = "/holdfast.test.Bank/Sum"  // from the client
	chatMethod = "/holdfast.test.Bank/Chat" // in both directions
)

var (
	listDesc = &grpc.StreamDesc{StreamName: "List", ServerStreams: true}
	sumDesc  = &grpc.StreamDesc{StreamName: "Sum", ClientStreams: true}
	chatDesc = &grpc.StreamDesc{StreamName: "Chat", ServerStreams: true, ClientStreams: true}
)

func init() {
	method := func(name string, level descriptorpb.MethodOptions_IdempotencyLevel) *descriptorpb.MethodDescriptorProto {
		const text = ".google.protobuf.StringValue"
		return &descriptorpb.MethodDescriptorProto{
			Name: &name, InputType: proto.String(text), OutputType: proto.String(text),
			Options: &descriptorpb.MethodOptions{IdempotencyLevel: &level},
		}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("holdfast/test/bank.proto"), Package: proto.String("holdfast.test"), Syntax: proto.String("proto3"),
		Dependency: []string{"google/protobuf/wrappers.proto"},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: proto.String("Bank"),
			Method: []*descriptorpb.MethodDescriptorProto{
				method("Pay", descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN),
				method("Read", descriptorpb.MethodOptions_NO_SIDE_EFFECTS),
			},
		}},
	}, protoregistry.GlobalFiles)
	if err == nil {
		err = protoregistry.GlobalFiles.RegisterFile(file)
	}
	if err != nil {
		panic(err)
	}
}

// bank is a server whose methods the test defines. They count the calls that reach a handler.
type bank struct {
	addr   string
	server *grpc.Server
	memory *bufconn.Listener // by serveInMemory
	unary  func(ctx context.Context, n int, request string) (string, error)
	stream func(n int, stream grpc.ServerStream) error
	calls  atomic.Int64
}

// serve starts b on a port of this machine until the test ends.
func (b *bank) serve(t testing.TB, options ...grpc.ServerOption) *bank {
	t.Helper()
	return b.serveOn(t, listen(t, "tcp", "127.0.0.1:0"), options...)
}

// serveUnix is serve on a Unix socket. When b has stopped, no other test can listen there. A port
// that is free again may go to another test.
func (b *bank) serveUnix(t testing.TB) *bank {
	t.Helper()
	at := filepath.Join(t.TempDir(), "bank")
	b.serveOn(t, listen(t, "unix", at))
	b.addr = "unix:" + at
	return b
}

// stop ends b, and waits until conn has seen that. Without the wait, the next call may still get
// the connection that b has closed.
func (b *bank) stop(ctx context.Context, conn *grpc.ClientConn) {
	b.server.Stop()
	for conn.GetState() == connectivity.Ready {
		if !conn.WaitForStateChange(ctx, connectivity.Ready) {
			return // ctx has ended
		}
	}
}

func listen(t testing.TB, network, addr string) net.Listener {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), network, addr)
	require.NoError(t, err)
	return l
}

func (b *bank) serveOn(t testing.TB, l net.Listener, options ...grpc.ServerOption) *bank {
	t.Helper()
	b.addr = l.Addr().String()
	b.server = grpc.NewServer(options...)
	unary := func(_ any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor, method string) (any, error) {
		in := &wrapperspb.StringValue{}
		if err := decode(in); err != nil {
			return nil, err
		}
		handler := func(ctx context.Context, _ any) (any, error) {
			answer, err := b.unary(ctx, int(b.calls.Add(1)), in.GetValue())
			return wrapperspb.String(answer), err
		}
		if interceptor == nil {
			return handler(ctx, in)
		}
		return interceptor(ctx, in, &grpc.UnaryServerInfo{FullMethod: method}, handler)
	}
	named := func(name, method string) grpc.MethodDesc {
		return grpc.MethodDesc{MethodName: name, Handler: func(
			srv any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor,
		) (any, error) {
			return unary(srv, ctx, decode, interceptor, method)
		}}
	}
	stream := func(_ any, stream grpc.ServerStream) error { return b.stream(int(b.calls.Add(1)), stream) }
	b.server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "holdfast.test.Bank",
		Methods:     []grpc.MethodDesc{named("Pay", payMethod), named("Read", readMethod)},
		Streams: []grpc.StreamDesc{
			{StreamName: "List", ServerStreams: true, Handler: stream},
			{StreamName: "Sum", ClientStreams: true, Handler: stream},
			{StreamName: "Chat", ServerStreams: true, ClientStreams: true, Handler: stream},
		},
	}, nil)
	done := make(chan struct{})
	go func() { defer close(done); _ = b.server.Serve(l) }()
	t.Cleanup(func() { b.server.Stop(); <-done })
	return b
}

// dial connects to addr until the test ends.
func dial(t *testing.T, addr string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	quick := backoff.Config{BaseDelay: time.Millisecond, Multiplier: 1, MaxDelay: 5 * time.Millisecond}
	conn, err := grpc.NewClient(addr, append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: quick, MinConnectTimeout: 5 * time.Second}),
	}, options...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// call makes a unary call.
func call(ctx context.Context, conn *grpc.ClientConn, method, request string, options ...grpc.CallOption) (string, error) {
	answer := &wrapperspb.StringValue{}
	err := conn.Invoke(ctx, method, wrapperspb.String(request), answer, options...)
	return answer.GetValue(), err
}

func receive(s grpc.ClientStream) (string, error) {
	answer := &wrapperspb.StringValue{}
	err := s.RecvMsg(answer)
	return answer.GetValue(), err
}

func receiveAtServer(s grpc.ServerStream) (string, error) {
	in := &wrapperspb.StringValue{}
	err := s.RecvMsg(in)
	return in.GetValue(), err
}

// quickly retries up to n times with very short pauses.
func quickly(n int) retry.Config {
	return retry.Custom(n, time.Millisecond, time.Millisecond, false)
}

func pipeline(t *testing.T, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("bank", stages...)
	require.NoError(t, err)
	return p
}

func tripAtOnce() resilience.Stage { return breaker.Config{ConsecutiveFailures: 1} }
func tripNever() resilience.Stage  { return breaker.Config{} }
func noBudget() resilience.Stage   { return budget.Config{Initial: -1, Floor: -1} }

// grpcRetry is the trailer by which a server asks for another attempt.
func grpcRetry(ms string) metadata.MD { return metadata.Pairs("grpc-retry-pushback-ms", ms) }

// blamed returns the failures that the breaker has counted.
func blamed(p *holdfast.Pipeline) int { return int(p.Snapshot().Breakers[0].Counts.Failures) }

// succeed is an invoker that succeeds without a call.
func succeed(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
	return nil
}

// events is an Observer that keeps its events.
type events struct {
	mu  sync.Mutex
	all []resilience.Event
}

func (e *events) Observe(_ context.Context, event resilience.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

func (e *events) of(kind resilience.EventKind) []resilience.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []resilience.Event
	for _, event := range e.all {
		if event.Kind == kind {
			found = append(found, event)
		}
	}
	return found
}

// proxy stands between client and server, and breaks connections.
type proxy struct {
	listener net.Listener
	target   string
	done     sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{listener: listen(t, "tcp", "127.0.0.1:0"), target: target, conns: map[net.Conn]struct{}{}}
	p.done.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.kill()
		p.done.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		var dialer net.Dialer
		server, err := dialer.DialContext(context.Background(), "tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.done.Go(func() { p.pipe(client, server) })
		p.done.Go(func() { p.pipe(server, client) })
	}
}

// pipe copies until either end is gone, and then closes both.
func (p *proxy) pipe(to, from net.Conn) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range []net.Conn{to, from} {
		_ = c.Close()
		delete(p.conns, c)
	}
}

// kill breaks all connections.
func (p *proxy) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func dialOptions(t testing.TB, p *holdfast.Pipeline, opts ...holdfastgrpc.Option) []grpc.DialOption {
	t.Helper()
	return must[[]grpc.DialOption](t)(holdfastgrpc.DialOptions(p, given(opts)...))
}

func serverOptions(t testing.TB, p *holdfast.Pipeline, opts ...holdfastgrpc.Option) []grpc.ServerOption {
	t.Helper()
	return must[[]grpc.ServerOption](t)(holdfastgrpc.ServerOptions(p, given(opts)...))
}

func unaryClientInterceptor(t testing.TB, p *holdfast.Pipeline, opts ...holdfastgrpc.Option) grpc.UnaryClientInterceptor {
	t.Helper()
	return must[grpc.UnaryClientInterceptor](t)(holdfastgrpc.UnaryClientInterceptor(p, opts...))
}

func unaryServerInterceptor(t testing.TB, p *holdfast.Pipeline, opts ...holdfastgrpc.Option) grpc.UnaryServerInterceptor {
	t.Helper()
	return must[grpc.UnaryServerInterceptor](t)(holdfastgrpc.UnaryServerInterceptor(p, opts...))
}

func streamServerInterceptor(t testing.TB, p *holdfast.Pipeline, opts ...holdfastgrpc.Option) grpc.StreamServerInterceptor {
	t.Helper()
	return must[grpc.StreamServerInterceptor](t)(holdfastgrpc.StreamServerInterceptor(p, opts...))
}

// must returns the result of a constructor, and fails the test if there is an error.
func must[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return func(made T, err error) T {
		t.Helper()
		require.NoError(t, err)
		return made
	}
}

// given returns opts without the nil ones, which a row of a table does not set.
func given(opts []holdfastgrpc.Option) []holdfastgrpc.Option {
	return slices.DeleteFunc(opts, func(o holdfastgrpc.Option) bool { return o == nil })
}
