package holdfastgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var creds = insecure.NewCredentials()

// flaky is gRPC's health service, which is unavailable for its first so many calls.
type flaky struct {
	*health.Server
	failures atomic.Int64
}

func (f *flaky) down() error {
	if f.failures.Add(-1) >= 0 {
		return status.Error(codes.Unavailable, "warming up")
	}
	return nil
}

func (f *flaky) Check(ctx context.Context, in *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	fmt.Println("attempt", holdfastgrpc.PreviousAttempts(ctx)+1)
	if err := f.down(); err != nil {
		return nil, err
	}
	return f.Server.Check(ctx, in)
}

func (f *flaky) Watch(in *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	fmt.Println("attempt", holdfastgrpc.PreviousAttempts(stream.Context())+1)
	if err := f.down(); err != nil {
		return err
	}
	return f.Server.Watch(in, stream)
}

// startFlaky starts such a service on this machine.
func startFlaky(failures int64, options ...grpc.ServerOption) (target string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	service := &flaky{Server: health.NewServer()}
	service.failures.Store(failures)
	server := grpc.NewServer(options...)
	healthpb.RegisterHealthServer(server, service)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	return l.Addr().String(), func() { server.Stop(); <-done }
}

func ExampleDialOptions() {
	target, stop := startFlaky(2)
	defer stop()

	auth, err := holdfast.New("auth", holdfast.Critical()...)
	if err != nil {
		panic(err)
	}
	options, err := holdfastgrpc.DialOptions(auth, holdfastgrpc.WithIdempotentMethods(healthpb.Health_Check_FullMethodName))
	if err != nil {
		panic(err)
	}
	conn, err := grpc.NewClient(target, append(options, grpc.WithTransportCredentials(creds))...)
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()

	answer, err := healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{})
	fmt.Println(answer.GetStatus(), err)
	// Output:
	// attempt 1
	// attempt 2
	// attempt 3
	// SERVING <nil>
}

func ExampleUnaryClientInterceptor() {
	target, stop := startFlaky(100)
	defer stop()

	auth := holdfast.Must(holdfast.New("auth",
		retry.Custom(5, time.Millisecond, time.Second, true), breaker.Config{ConsecutiveFailures: 2}))
	interceptor, err := holdfastgrpc.UnaryClientInterceptor(auth)
	if err != nil {
		panic(err)
	}
	conn, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(creds), grpc.WithDisableRetry(), grpc.WithChainUnaryInterceptor(interceptor))
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()

	ctx := resilience.MarkIdempotent(context.Background()) // for this call alone
	_, err = healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	fmt.Println(status.Code(err), errors.Is(err, breaker.ErrOpen))
	// Output:
	// attempt 1
	// attempt 2
	// Unavailable true
}

func ExampleStreamClientInterceptor() {
	target, stop := startFlaky(1)
	defer stop()

	auth := holdfast.Must(holdfast.New("auth", holdfast.Standard()...))
	interceptor, err := holdfastgrpc.StreamClientInterceptor(auth, holdfastgrpc.WithIdempotentMethods("/"))
	if err != nil {
		panic(err)
	}
	conn, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(creds), grpc.WithDisableRetry(), grpc.WithChainStreamInterceptor(interceptor))
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		panic(err)
	}
	answer, err := stream.Recv() // from here on, the stream is the server's
	fmt.Println(answer.GetStatus(), err)
	// Output:
	// attempt 1
	// attempt 2
	// SERVING <nil>
}

func ExampleWithPipelines() {
	pipelines := map[string]*holdfast.Pipeline{
		"/auth.Auth/Login":  holdfast.Must(holdfast.New("auth-login", holdfast.Critical()...)),
		"/auth.Auth/Report": holdfast.Must(holdfast.New("auth-report", holdfast.Background()...)),
	}
	options, err := holdfastgrpc.DialOptions(
		holdfast.Must(holdfast.New("auth", holdfast.Standard()...)), // the other methods
		holdfastgrpc.WithPipelines(func(method string) *holdfast.Pipeline { return pipelines[method] }),
	)
	fmt.Println(len(options), "options", err)
	// Output: 3 options <nil>
}

func ExampleWithPipelines_none() {
	auth := holdfast.Must(holdfast.New("auth", holdfast.Standard()...))
	options, err := holdfastgrpc.DialOptions(auth, holdfastgrpc.WithPipelines(func(method string) *holdfast.Pipeline {
		if method == healthpb.Health_Watch_FullMethodName {
			return holdfast.None() // goes past the pipeline
		}
		return nil // as the other methods: through auth
	}))
	fmt.Println(len(options), "options", err)
	// Output: 3 options <nil>
}

func ExampleWithStreamDeadline() {
	feed := holdfast.Must(holdfast.New("feed", holdfast.Standard()...)) // an attempt may take 2 s
	options, err := holdfastgrpc.DialOptions(feed, holdfastgrpc.WithStreamDeadline(), holdfastgrpc.WithIdempotentMethods("/"))
	fmt.Println(len(options), "options", err)
	// Output: 3 options <nil>
}

func ExampleServerOptions() {
	full, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 100})
	if err != nil {
		panic(err)
	}
	for range 100 {
		_ = full.Acquire(context.Background()) // a busy day
	}
	orders, err := holdfast.New("orders", full)
	if err != nil {
		panic(err)
	}
	options, err := holdfastgrpc.ServerOptions(orders, holdfastgrpc.WithPushback(200*time.Millisecond))
	if err != nil {
		panic(err)
	}
	target, stop := startFlaky(0, options...)
	defer stop()

	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(creds))
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{})
	fmt.Println(status.Code(err))
	// Output: ResourceExhausted
}

func ExampleUnaryServerInterceptor() {
	orders := holdfast.Must(holdfast.New("orders", bulkhead.Config{MaxConcurrent: 100}))
	interceptor, err := holdfastgrpc.UnaryServerInterceptor(orders)
	if err != nil {
		panic(err)
	}
	target, stop := startFlaky(0, grpc.ChainUnaryInterceptor(interceptor))
	defer stop()

	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(creds))
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()
	answer, err := healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{})
	fmt.Println(answer.GetStatus(), err, orders.Snapshot().Calls)
	// Output:
	// attempt 1
	// SERVING <nil> 1
}

func ExampleStreamServerInterceptor() {
	orders := holdfast.Must(holdfast.New("orders", bulkhead.Config{MaxConcurrent: 100}))
	interceptor, err := holdfastgrpc.StreamServerInterceptor(orders)
	if err != nil {
		panic(err)
	}
	target, stop := startFlaky(0, grpc.ChainStreamInterceptor(interceptor))
	defer stop()

	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(creds))
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		panic(err)
	}
	answer, err := stream.Recv()
	fmt.Println(answer.GetStatus(), err, "in flight:", orders.Snapshot().Live)
	// Output:
	// attempt 1
	// SERVING <nil> in flight: 1
}

// A method that is a transaction as a whole may be run again when it lost a race.
func ExampleWithRetryCodes() {
	ledger := holdfast.Must(holdfast.New("ledger", holdfast.Critical()...))
	options, err := holdfastgrpc.DialOptions(ledger,
		holdfastgrpc.WithRetryCodes(codes.Aborted), holdfastgrpc.WithIdempotentMethods("/ledger.Ledger/Transfer"))
	fmt.Println(len(options), "options", err)
	// Output: 3 options <nil>
}

// Streams that send up to 4 MiB are opened again, too. That memory is held by each open stream.
func ExampleWithStreamBuffer() {
	feed := holdfast.Must(holdfast.New("feed", holdfast.Standard()...))
	_, err := holdfastgrpc.DialOptions(feed, holdfastgrpc.WithStreamBuffer(4<<20))
	fmt.Println(err)
	_, err = holdfastgrpc.DialOptions(feed, holdfastgrpc.WithStreamBuffer(-1))
	fmt.Println(err)
	// Output:
	// <nil>
	// holdfastgrpc: WithStreamBuffer is -1; want a number of bytes, or 0 to keep none
}
