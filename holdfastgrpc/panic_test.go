package holdfastgrpc_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// throwing is a stream of an interceptor that panics.
type throwing struct {
	grpc.ClientStream
	inHeader, inSend bool
}

func (s throwing) Header() (metadata.MD, error) {
	md, err := s.ClientStream.Header()
	if s.inHeader {
		panic("in Header")
	}
	return md, err
}

func (s throwing) SendMsg(m any) error {
	if s.inSend {
		panic("in SendMsg")
	}
	return s.ClientStream.SendMsg(m)
}

// Pins: a panic of an inner interceptor is raised in the caller's goroutine, whatever goroutine it
// happened in, and leaves no place in a bulkhead and no call in flight.
func TestPanicInside(t *testing.T) {
	for name, test := range map[string]struct {
		stage  resilience.Stage
		inside func(n int, s grpc.ClientStream) grpc.ClientStream
		thrown string
	}{
		"opening":            {deadline.In(time.Hour), func(int, grpc.ClientStream) grpc.ClientStream { panic("in opening") }, "in opening"},
		"header":             {deadline.In(time.Hour), func(_ int, s grpc.ClientStream) grpc.ClientStream { return throwing{s, true, false} }, "in Header"},
		"header, quiet long": {deadline.In(brief), func(_ int, s grpc.ClientStream) grpc.ClientStream { return throwing{s, true, false} }, "in Header"},
		"repeating":          {deadline.In(time.Hour), func(n int, s grpc.ClientStream) grpc.ClientStream { return throwing{s, false, n > 1} }, "in SendMsg"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				speak := make(chan struct{})
				server := (&bank{stream: func(n int, s grpc.ServerStream) error {
					_, err := receiveAtServer(s)
					if err != nil || name == "repeating" && n == 1 {
						return errDown
					}
					<-speak
					return answer(s, "news")
				}}).serveInMemory(t)
				opened := 0
				inside := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
					s, err := streamer(ctx, desc, cc, method, opts...)
					if err != nil {
						return nil, err
					}
					opened++
					return test.inside(opened, s), nil
				}
				p := pipeline(t, quickly(2), breaker.Config{}, bulkhead.Config{MaxConcurrent: 1}, test.stage)
				conn := dialInMemory(t, server, append(dialOptions(t, p, anyMethod), grpc.WithChainStreamInterceptor(inside))...)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()

				require.PanicsWithValue(t, test.thrown, func() {
					s, err := conn.NewStream(ctx, listDesc, listMethod)
					require.NoError(t, err)
					require.NoError(t, s.SendMsg(wrapperspb.String("all")))
					require.NoError(t, s.CloseSend())
					if name == "header, quiet long" {
						isCommitted(t, p)
					}
					close(speak)
					_ = s.RecvMsg(&wrapperspb.StringValue{})
				})
				require.Eventually(t, func() bool { return p.Snapshot().Live == 0 }, 20*time.Second, time.Millisecond)
				if name == "opening" {
					close(speak)
				}
			})
		})
	}
}

// Pins: a panic in a unary call reaches the caller, and leaves no state behind.
func TestPanicInsideUnary(t *testing.T) {
	p := pipeline(t, quickly(2), breaker.Config{}, bulkhead.Config{MaxConcurrent: 1})
	interceptor := unaryClientInterceptor(t, p)
	require.PanicsWithValue(t, "inside", func() {
		_ = interceptor(t.Context(), payMethod, nil, nil, nil, func(
			context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption,
		) error {
			panic("inside")
		})
	})
	require.Zero(t, p.Snapshot().Live)
	require.NoError(t, interceptor(t.Context(), payMethod, nil, nil, nil, succeed))
}
