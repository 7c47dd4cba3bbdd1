package holdfastgrpc_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Pins: a limit on the size of messages, of either side and in either direction, says nothing about
// whether the handler ran: its words are the same. So wherever it ran, the outcome is unknown. Only
// a message that this client refuses to send proves something, if the call has just that message.
func TestLimitIsNoProof(t *testing.T) {
	long := strings.Repeat("x", 5_000)
	for name, c := range map[string]struct {
		request string
		answer  string
		client  grpc.CallOption
		server  grpc.ServerOption
		unary   bool // a unary call may have been carried out
	}{
		"the client may not send it":    {long, "ok", grpc.MaxCallSendMsgSize(20), grpc.EmptyServerOption{}, false},
		"the server may not receive it": {long, "ok", grpc.EmptyCallOption{}, grpc.MaxRecvMsgSize(100), true},
		"the client may not receive it": {"x", long, grpc.MaxCallRecvMsgSize(100), grpc.EmptyServerOption{}, true},
		"the server may not send it":    {"x", long, grpc.EmptyCallOption{}, grpc.MaxSendMsgSize(20), true},
	} {
		for sort, compressed := range map[string]grpc.CallOption{"": grpc.EmptyCallOption{}, ", compressed": grpc.UseCompressor("gzip")} {
			for _, method := range []string{payMethod, listMethod, sumMethod, chatMethod} {
				t.Run(name+sort+method, func(t *testing.T) {
					server := (&bank{
						unary: func(context.Context, int, string) (string, error) { return c.answer, nil },
						stream: func(_ int, s grpc.ServerStream) error {
							for range 2 { // the first message of a client's stream is short
								if _, err := receiveAtServer(s); err == io.EOF {
									break
								} else if err != nil {
									return err
								}
							}
							return answer(s, c.answer)
						},
					}).serve(t, c.server)
					p := pipeline(t, quickly(2), breaker.Config{})
					conn := dial(t, server.addr, dialOptions(t, p)...)
					var err error
					options := []grpc.CallOption{c.client, compressed}
					switch method {
					case payMethod:
						_, err = call(t.Context(), conn, payMethod, c.request, options...)
					case listMethod:
						err = sends(t, conn, listDesc, listMethod, options, c.request)
					case sumMethod:
						err = sends(t, conn, sumDesc, sumMethod, options, "1", c.request)
					default:
						err = sends(t, conn, chatDesc, chatMethod, options, "1", c.request)
					}
					require.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
					unknown := c.unary || method != payMethod || sort != ""
					require.Equal(t, unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
					require.True(t, unknown || server.calls.Load() == 0)
					require.Equal(t, resilience.Permanent, resilience.Classify(err))
					require.LessOrEqual(t, server.calls.Load(), int64(1))
					require.Zero(t, blamed(p))
				})
			}
		}
	}
}

// sends sends messages on a stream, and returns the error with which it ends.
func sends(t *testing.T, conn *grpc.ClientConn, desc *grpc.StreamDesc, method string, options []grpc.CallOption, messages ...string) error {
	t.Helper()
	s, err := conn.NewStream(t.Context(), desc, method, options...)
	require.NoError(t, err)
	for _, m := range messages {
		if err := s.SendMsg(wrapperspb.String(m)); err != nil {
			break // RecvMsg says why
		}
	}
	_ = s.CloseSend()
	for {
		if _, err := receive(s); err != nil {
			return err
		}
	}
}

// Pins: an error that the server sends after its answers, or that an interceptor makes of its
// answer, does not say that the server did nothing, whatever its code.
func TestErrorAfterTheAnswer(t *testing.T) {
	refuse := status.Error(codes.FailedPrecondition, "the answer is not signed")
	checks := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if err := invoker(ctx, method, req, reply, cc, opts...); err != nil {
			return err
		}
		return refuse
	}
	server := (&bank{
		unary: func(context.Context, int, string) (string, error) { return "paid", nil },
		stream: func(n int, s grpc.ServerStream) error {
			if n > 1 {
				return refuse
			}
			if err := answer(s, "paid"); err != nil {
				return err
			}
			return refuse
		},
	}).serve(t)
	conn := dial(t, server.addr, append(dialOptions(t, pipeline(t, quickly(2))), grpc.WithChainUnaryInterceptor(checks))...)

	_, err := call(t.Context(), conn, payMethod, "")
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.EqualValues(t, 1, server.calls.Swap(0))

	for n, unknown := range []bool{true, false} {
		err = sends(t, conn, listDesc, listMethod, nil, "x")
		require.Equal(t, codes.FailedPrecondition, status.Code(err))
		require.Equal(t, unknown, errors.Is(err, resilience.ErrOutcomeUnknown))
		require.EqualValues(t, n+1, server.calls.Load())
	}
}
