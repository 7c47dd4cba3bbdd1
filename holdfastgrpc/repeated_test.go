package holdfastgrpc_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast/resilience"
)

// twice is an interceptor with a loop of its own: it calls again after Unavailable.
func twice(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoker(ctx, method, req, reply, cc, opts...)
	if status.Code(err) == codes.Unavailable {
		err = invoker(ctx, method, req, reply, cc, opts...)
	}
	return err
}

// Pins: if an interceptor inside calls twice, what the server says of the second call says nothing
// about the first, which may have moved the money.
func TestInterceptorThatCallsTwice(t *testing.T) {
	for name, c := range map[string]struct {
		code     codes.Code
		trailer  metadata.MD
		payments int
		unknown  bool
	}{
		"the second is refused":         {codes.Unavailable, metadata.Pairs("holdfast-refused", "1"), 1, true},
		"the second is to come later":   {codes.Unavailable, grpcRetry("1"), 1, true},
		"the second is a mistake":       {codes.AlreadyExists, nil, 1, true},
		"the first is refused as well":  {codes.Unavailable, metadata.Pairs("holdfast-refused", "1", "first", "too"), 0, true},
		"the first is an answer itself": {codes.OK, nil, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			payments := 0
			server := (&bank{unary: func(ctx context.Context, n int, _ string) (string, error) {
				if n%2 == 1 && len(c.trailer.Get("first")) == 0 {
					payments++ // its answer is lost
					return "", status.Error(codes.Unavailable, "going away")
				}
				_ = grpc.SetTrailer(ctx, c.trailer)
				return "", status.Error(c.code, "as the test wants")
			}}).serve(t)
			conn := dial(t, server.addr, append(dialOptions(t, pipeline(t, quickly(2))), grpc.WithChainUnaryInterceptor(twice))...)
			_, err := call(t.Context(), conn, payMethod, "10 EUR")
			require.Equal(t, c.payments, payments)
			if c.unknown {
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.True(t, resilience.NoRetry(err))
				require.False(t, resilience.Unsent(err))
			} else {
				require.NoError(t, err)
			}
			require.LessOrEqual(t, server.calls.Load(), int64(2))
		})
	}
}

// Pins: the same for a stream whose interceptor opens it a second time.
func TestInterceptorThatOpensAStreamTwice(t *testing.T) {
	opensAgain := func(
		ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		s, err := streamer(ctx, desc, cc, method, opts...)
		if err != nil {
			return nil, err
		}
		_ = s.SendMsg(wrapperspb.String("10 EUR")) // it pays, and its answer is lost
		_ = s.CloseSend()
		if err := s.RecvMsg(&wrapperspb.StringValue{}); status.Code(err) != codes.Unavailable {
			return nil, err
		}
		return streamer(ctx, desc, cc, method, opts...)
	}
	server := (&bank{stream: func(n int, s grpc.ServerStream) error {
		if n%2 == 0 {
			s.SetTrailer(metadata.Pairs("holdfast-refused", "1"))
		}
		return status.Error(codes.Unavailable, "going away")
	}}).serve(t)
	conn := dial(t, server.addr, append(dialOptions(t, pipeline(t, quickly(2))), grpc.WithChainStreamInterceptor(opensAgain))...)
	err := sends(t, conn, listDesc, listMethod, nil, "10 EUR")
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.False(t, resilience.Unsent(err))
	require.EqualValues(t, 2, server.calls.Load())
}
