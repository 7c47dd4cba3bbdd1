package holdfastgrpc_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // for a call that is compressed
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Pins: RESOURCE_EXHAUSTED in the words of implementations for a message over a limit is the
// caller's fault: sent once, and no failure of the server. In any other words it is an overload.
func TestResourceExhaustedInWords(t *testing.T) {
	for words, tooLarge := range map[string]bool{
		"grpc: received message larger than max (4197803 vs. 4194304)":                       true, // Go
		"trying to send message larger than max (6161420 vs. 2097152)":                       true,
		"grpc: received message after decompression larger than max 4194304":                 true,
		"grpc: message after decompression larger than max (9 vs. 8)":                        true,
		"Received message larger than max (2065853043 vs. 67108864)":                         true, // C, Python, Ruby, PHP
		"CLIENT: Sent message larger than max (33 vs. 32)":                                   true,
		"Attempted to send message with a size larger than 4194304":                          true, // node
		"gRPC message exceeds maximum size 4194304: 5000000":                                 true, // Java
		"Decompressed gRPC message exceeds maximum size 4194304":                             true,
		"Compressed gRPC message exceeds maximum size 4194304: 4194305 bytes read":           true,
		"Received message exceeds the maximum configured message size.":                      true, // .NET
		"Sending message exceeds the maximum configured message size.":                       true,
		"message size 5000 is larger than configured max 4096":                               true, // connect-go
		"message is larger than configured max 4096 - unable to determine message size: EOF": true,
		"message size 5000 exceeded sendMaxBytes 4096":                                       true,
		"Message has exceeded the configured maximum payload size (max: 4, actual: 5)":       true, // Swift
		"quota exceeded": false,
		"too many requests; the queue of messages is full":             false,
		"the message queue is larger than maximal; try again later":    false,
		"message rate exceeds the maximum configured for this account": false,
		"tenant 7: backlog larger than max":                            false,
		"":                                                             false,
	} {
		t.Run(words, func(t *testing.T) {
			server := (&bank{unary: func(context.Context, int, string) (string, error) {
				return "", status.Error(codes.ResourceExhausted, words)
			}}).serve(t)
			p := pipeline(t, quickly(2), breaker.Config{})
			conn := dial(t, server.addr, dialOptions(t, p)...)

			_, err := call(t.Context(), conn, readMethod, "")

			require.Equal(t, codes.ResourceExhausted, status.Code(err))
			calls, failures := int64(3), uint32(3)
			if tooLarge {
				calls, failures = 1, 0
			}
			require.Equal(t, calls, server.calls.Load())
			require.EqualValues(t, failures, blamed(p))
		})
	}
}

// Pins: facts decide before the text does. A server that asks for a pause, or names a quota, is
// busy.
func TestResourceExhaustedWithDetails(t *testing.T) {
	for name, detail := range map[string]protoadapt.MessageV1{
		"RetryInfo":    &errdetails.RetryInfo{RetryDelay: durationpb.New(1)},
		"QuotaFailure": &errdetails.QuotaFailure{},
	} {
		t.Run(name, func(t *testing.T) {
			server := (&bank{unary: func(context.Context, int, string) (string, error) {
				st, err := status.New(codes.ResourceExhausted, "received message larger than max (of today)").WithDetails(detail)
				if err != nil {
					return "", err
				}
				return "", st.Err()
			}}).serve(t)
			conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(2)))...)
			_, err := call(t.Context(), conn, readMethod, "")
			require.Error(t, err)
			require.EqualValues(t, 3, server.calls.Load())
		})
	}
}

// Pins: the same holds for a pause in the trailer.
func TestResourceExhaustedWithPushback(t *testing.T) {
	server := (&bank{unary: func(ctx context.Context, _ int, _ string) (string, error) {
		_ = grpc.SetTrailer(ctx, grpcRetry("1"))
		return "", status.Error(codes.ResourceExhausted, "received message larger than max (of today)")
	}}).serve(t)
	conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(2)))...)
	_, err := call(t.Context(), conn, readMethod, "")
	require.Error(t, err)
	require.EqualValues(t, 3, server.calls.Load())
}

// Pins: a message that is larger than this client may send is recognized by its size, whatever
// gRPC's text is.
func TestLargerThanTheLimitInOtherWords(t *testing.T) {
	interceptor := unaryClientInterceptor(t, pipeline(t, quickly(2)))
	for size, want := range map[int]int{50: 3, 500: 1} {
		attempts := 0
		err := interceptor(t.Context(), readMethod, wrapperspb.String(strings.Repeat("x", size)), nil, nil, func(
			context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption,
		) error {
			attempts++
			return status.Error(codes.ResourceExhausted, "no")
		}, grpc.MaxCallSendMsgSize(100))
		require.Error(t, err)
		require.Equal(t, want, attempts)
	}
}

// Pins: a message over the client's own limit is recognized by its size, whatever the text is. A
// message that is compressed below the limit is not one.
func TestLargerThanMayBeSent(t *testing.T) {
	server := (&bank{unary: func(context.Context, int, string) (string, error) {
		return "", status.Error(codes.ResourceExhausted, "busy")
	}}).serve(t)
	large := strings.Repeat("x", 1000)
	for name, test := range map[string]struct {
		request string
		options []grpc.CallOption
		calls   int64
	}{
		"small":      {"x", []grpc.CallOption{grpc.MaxCallSendMsgSize(100)}, 3},
		"too large":  {large, []grpc.CallOption{grpc.MaxCallSendMsgSize(100)}, 0},
		"compressed": {large, []grpc.CallOption{grpc.MaxCallSendMsgSize(100), grpc.UseCompressor("gzip")}, 3},
		"no limit":   {large, nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			server.calls.Store(0)
			p := pipeline(t, quickly(2), breaker.Config{})
			conn := dial(t, server.addr, dialOptions(t, p)...)
			_, err := call(t.Context(), conn, readMethod, test.request, test.options...)
			require.Equal(t, codes.ResourceExhausted, status.Code(err))
			require.Equal(t, test.calls, server.calls.Load())
			require.EqualValues(t, test.calls, blamed(p))
		})
	}
}

// Pins: a message of a stream that cannot be sent is the caller's fault too.
func TestStreamMessageTooLarge(t *testing.T) {
	server := (&bank{stream: func(_ int, s grpc.ServerStream) error {
		_, err := receiveAtServer(s)
		return err
	}}).serve(t)
	p := pipeline(t, quickly(3), breaker.Config{})
	conn := dial(t, server.addr, dialOptions(t, p, anyMethod)...)
	s, err := conn.NewStream(t.Context(), sumDesc, sumMethod, grpc.MaxCallSendMsgSize(50))
	require.NoError(t, err)
	require.Error(t, s.SendMsg(wrapperspb.String(strings.Repeat("x", 100))))
	_, err = receive(s)
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	require.EqualValues(t, 1, p.Snapshot().Attempts)
	require.Zero(t, blamed(p))
}
