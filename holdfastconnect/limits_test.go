package holdfastconnect_test

import (
	"context"
	"errors"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast/resilience"
)

// The words of a limit are no proof: a server that has carried out the call may say them of its
// answer, or pass them on from a server behind.
func TestLimitIsNoProof(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		for _, words := range []string{
			"trying to send message larger than max (6161420 vs. 2097152)", // grpc-go, of its answer
			"grpc: received message larger than max (4197803 vs. 4194304)", // grpc-go, also of a server behind
			"message size 5000 is larger than configured max 4096",         // connect-go
			"message size 5000 exceeded sendMaxBytes 4096",
		} {
			b := (&bank{unary: func(context.Context, int, *connect.Request[text]) (string, error) {
				return "", connect.NewError(connect.CodeResourceExhausted, errors.New(words))
			}}).serve(t)
			p := pipeline(t, quickly(2), counting())
			_, err := call(t.Context(), b.client(t, pay, p, protocol), "x")
			require.EqualValues(t, 1, b.calls.Load())
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown, words)
			assert.Equal(t, resilience.Permanent, resilience.Classify(err))
			assert.Zero(t, blamed(p))
		}
	})
}

// A client's stream whose later message is too large has begun: the handler has the messages before
// it.
func TestLimitOfAStreamThatHasBegun(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		got := make(chan string, 1)
		b := (&bank{sum: func(_ context.Context, _ int, s *connect.ClientStream[text]) (string, error) {
			for s.Receive() {
				got <- s.Msg().GetValue()
			}
			return "", connect.NewError(connect.CodeInvalidArgument, errors.New("no sum"))
		}}).serve(t)
		s := b.client(t, sum, pipeline(t, quickly(2), counting()), protocol, connect.WithSendMaxBytes(50)).CallClientStream(t.Context())
		require.NoError(t, s.Send(wrapperspb.String("10 EUR")))
		assert.Equal(t, "10 EUR", <-got)
		err := s.Send(wrapperspb.String(string(make([]byte, 100))))
		assert.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err))
		assert.False(t, resilience.Unsent(err))
		_, err = s.CloseAndReceive()
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		assert.EqualValues(t, 1, b.calls.Load())
	})
}

// checks is an interceptor inside that does not accept the answer.
type checks struct{ inner }

func (*checks) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if _, err := next(ctx, req); err != nil {
			return nil, err
		}
		return nil, connect.NewError(connect.CodeFailedPrecondition, errors.New("the answer is not signed"))
	}
}

// An error that an interceptor makes of the answer, or that a server sends after its messages, does
// not say that the server did nothing.
func TestErrorAfterTheAnswer(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		b := (&bank{
			unary: fails(0, 0),
			list: func(_ context.Context, n int, _ string, s *connect.ServerStream[text]) error {
				if n == 1 {
					if err := s.Send(wrapperspb.String("paid")); err != nil {
						return err
					}
				}
				return connect.NewError(connect.CodeFailedPrecondition, errors.New("no more"))
			},
		}).serve(t)
		_, err := call(t.Context(), b.client(t, pay, pipeline(t, quickly(2)), protocol, connect.WithInterceptors(&checks{})), "x")
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		assert.EqualValues(t, 1, b.calls.Swap(0))

		for _, unknown := range []bool{true, false} {
			c := b.client(t, list, pipeline(t, quickly(2)), protocol)
			_, err = receiveAll(c.CallServerStream(t.Context(), connect.NewRequest(&text{})))
			assert.Equal(t, connect.CodeFailedPrecondition, connect.CodeOf(err))
			assert.Equal(t, unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
		}
	})
}
