package holdfastgrpc_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// callEither calls the server's unary method, or its stream, and returns the trailer and the error.
func callEither(t *testing.T, conn *grpc.ClientConn, method string) (metadata.MD, error) {
	t.Helper()
	var trailer metadata.MD
	if method == payMethod {
		_, err := call(t.Context(), conn, method, "", grpc.Trailer(&trailer))
		return trailer, err
	}
	s := list(t.Context(), t, conn)
	_, err := receiveAll(s)
	if err == io.EOF {
		err = nil
	}
	return s.Trailer(), err
}

// Pins: what each refusal looks like to a client, and that the handler does not run.
func TestServerRefuses(t *testing.T) {
	isolated, err := breaker.New(breaker.Config{})
	require.NoError(t, err)
	isolated.Isolate()
	open, err := breaker.New(breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour, MaxOpenFor: time.Hour})
	require.NoError(t, err)
	_ = open.Do(t.Context(), func(context.Context) error { return resilience.MarkTransient(errNo) })
	tests := []struct {
		name     string
		stage    resilience.Stage
		option   holdfastgrpc.Option
		code     codes.Code
		pushback string // "": any above 0
	}{
		{"bulkhead", fullBulkhead(t), nil, codes.ResourceExhausted, "100"},
		{"bulkhead with a pause", fullBulkhead(t), holdfastgrpc.WithPushback(1500 * time.Microsecond), codes.ResourceExhausted, "2"},
		{"bulkhead without retries", fullBulkhead(t), holdfastgrpc.WithPushback(-1), codes.ResourceExhausted, "-1"},
		{"guard", resilience.Prebuilt(no{}), nil, codes.Unavailable, "100"},
		{"guard with a status", resilience.Prebuilt(noQuota{}), nil, codes.ResourceExhausted, "100"},
		{"breaker isolated", isolated, nil, codes.Unavailable, "100"},
		{"breaker open", open, nil, codes.Unavailable, ""},
		{"breaker open, without retries", open, holdfastgrpc.WithPushback(-1), codes.Unavailable, "-1"},
	}
	for _, test := range tests {
		for _, method := range []string{payMethod, listMethod} {
			t.Run(test.name+method, func(t *testing.T) {
				server := (&bank{}).serve(t, serverOptions(t, pipeline(t, test.stage), test.option)...)
				conn := dial(t, server.addr)

				trailer, err := callEither(t, conn, method)

				require.Equal(t, test.code, status.Code(err))
				require.Zero(t, server.calls.Load())
				pushback := trailer.Get("grpc-retry-pushback-ms")
				require.Len(t, pushback, 1)
				if test.pushback == "" {
					require.Greater(t, len(pushback[0]), len("100"))
					return
				}
				require.Equal(t, test.pushback, pushback[0])
			})
		}
	}
}

// Pins: a client with this package retries a call that a full server refused, whatever its method.
func TestRefusedCallComesBack(t *testing.T) {
	full := fullBulkhead(t)
	server := (&bank{unary: func(ctx context.Context, _ int, _ string) (string, error) {
		return fmt.Sprint(holdfastgrpc.PreviousAttempts(ctx)), nil
	}}).serve(t, serverOptions(t, pipeline(t, full), holdfastgrpc.WithPushback(time.Millisecond))...)
	p := pipeline(t, holdfast.Observe(resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
		if e.Kind == resilience.EventRetry && e.Attempt == 3 {
			full.Release(ctx, nil)
		}
	})), quickly(5))
	conn := dial(t, server.addr, dialOptions(t, p)...)

	answer, err := call(t.Context(), conn, payMethod, "")

	require.NoError(t, err)
	require.Equal(t, "3", answer)
	require.EqualValues(t, 1, server.calls.Load())
}

// Pins: a call whose deadline has passed, or whose caller has left, does not reach its handler,
// with a pipeline or without.
func TestServerTooLate(t *testing.T) {
	for _, p := range []*holdfast.Pipeline{holdfast.None(), pipeline(t, bulkhead.Config{})} {
		late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		left, cancel := context.WithCancel(t.Context())
		cancel()
		for code, ctx := range map[codes.Code]context.Context{codes.DeadlineExceeded: late, codes.Canceled: left} {
			_, err := unaryServerInterceptor(t, p)(ctx, nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) {
				t.Error("the handler ran")
				return nil, nil
			})
			require.Equal(t, code, status.Code(err))
			err = streamServerInterceptor(t, p)(nil, fakeStream{ctx: ctx}, &grpc.StreamServerInfo{}, func(any, grpc.ServerStream) error {
				t.Error("the handler ran")
				return nil
			})
			require.Equal(t, code, status.Code(err))
		}
	}
}

// Pins: over the wire, a call that waits for a place until its deadline has passed does not reach
// its handler.
func TestServerTooLateInTheQueue(t *testing.T) {
	full, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
	require.NoError(t, err)
	require.NoError(t, full.Acquire(t.Context()))
	answered := make(chan error, 1)
	watch := grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		answer, err := handler(ctx, req)
		select {
		case answered <- err:
		default: // one is enough
		}
		return answer, err
	})
	server := (&bank{}).serve(t, append([]grpc.ServerOption{watch}, serverOptions(t, pipeline(t, full))...)...)
	conn := dial(t, server.addr)
	require.Eventually(t, func() bool { // once connected, so that the call itself gets there in time
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, _ = call(ctx, conn, payMethod, "", grpc.WaitForReady(true))
		return len(answered) > 0
	}, 10*time.Second, time.Millisecond)

	err = <-answered
	require.Contains(t, []codes.Code{codes.DeadlineExceeded, codes.Canceled}, status.Code(err)) // whichever the server saw first
	require.Zero(t, server.calls.Load())
}

// Pins: a handler runs once, whatever the pipeline is, and its error is sent unchanged, and counts.
func TestServerRunsHandlersOnce(t *testing.T) {
	for _, method := range []string{payMethod, listMethod} {
		t.Run(method, func(t *testing.T) {
			server := &bank{
				unary:  func(context.Context, int, string) (string, error) { return "", errDown },
				stream: func(int, grpc.ServerStream) error { return errDown },
			}
			p := pipeline(t, quickly(3), breaker.Config{})
			server.serve(t, serverOptions(t, p)...)

			trailer, err := callEither(t, dial(t, server.addr), method)

			require.Equal(t, errDown.Error(), err.Error())
			require.Empty(t, trailer.Get("grpc-retry-pushback-ms"))
			require.EqualValues(t, 1, server.calls.Load())
			require.Equal(t, 1, blamed(p))
		})
	}
}

// Pins: the pipeline's deadline reaches the handler's ctx, and each method has its pipeline.
func TestServerDeadlineAndPipelines(t *testing.T) {
	limit := func(ctx context.Context) error {
		if _, ok := ctx.Deadline(); ok {
			return errDown
		}
		return nil
	}
	server := &bank{
		unary:  func(ctx context.Context, _ int, _ string) (string, error) { return "", limit(ctx) },
		stream: func(_ int, s grpc.ServerStream) error { return limit(s.Context()) },
	}
	bounded := pipeline(t, deadline.In(time.Hour))
	server.serve(t, serverOptions(t, nil, holdfastgrpc.WithPipelines(func(method string) *holdfast.Pipeline {
		if method == readMethod {
			return holdfast.None()
		}
		return bounded
	}))...)
	conn := dial(t, server.addr)

	for _, method := range []string{payMethod, listMethod} {
		_, err := callEither(t, conn, method)
		require.Equal(t, codes.Unavailable, status.Code(err), method)
	}
	_, err := call(t.Context(), conn, readMethod, "")
	require.NoError(t, err)
}

// Pins: which values of a client's attempt number are accepted.
func TestPreviousAttempts(t *testing.T) {
	for value, want := range map[string]int{"": 0, "0": 0, "3": 3, "-1": 0, "many": 0} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("grpc-previous-rpc-attempts", value))
		require.Equal(t, want, holdfastgrpc.PreviousAttempts(ctx), value)
	}
	require.Zero(t, holdfastgrpc.PreviousAttempts(t.Context()))
	twice := metadata.Pairs("grpc-previous-rpc-attempts", "1", "grpc-previous-rpc-attempts", "2")
	require.Zero(t, holdfastgrpc.PreviousAttempts(metadata.NewIncomingContext(t.Context(), twice)))
}

// fakeStream is a stream that has only a ctx.
type fakeStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // gRPC wants it of the stream
}

func (s fakeStream) Context() context.Context { return s.ctx }
func (fakeStream) SetTrailer(metadata.MD)     {}
