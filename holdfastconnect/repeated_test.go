package holdfastconnect_test

import (
	"context"
	"errors"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastconnect"
	"github.com/media-gateway/holdfast/resilience"
)

// twice is an interceptor with a loop of its own: it calls again after CodeUnavailable.
type twice struct{ inner }

func (*twice) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		resp, err := next(ctx, req)
		if connect.CodeOf(err) == connect.CodeUnavailable {
			return next(ctx, req)
		}
		return resp, err
	}
}

// If an interceptor inside calls twice, what the server says of the second call says nothing about
// the first, which may have moved the money.
func TestInterceptorThatCallsTwice(t *testing.T) {
	for name, c := range map[string]struct {
		code connect.Code
		says string // a name of metadata
	}{
		"the second is refused":       {connect.CodeUnavailable, "Holdfast-Refused"},
		"the second is to come later": {connect.CodeUnavailable, "Grpc-Retry-Pushback-Ms"},
		"the second is a mistake":     {connect.CodeAlreadyExists, "X-Nothing"},
	} {
		for _, procedure := range []string{pay, set} {
			for how, own := range map[string]bool{"NewHTTPClient": true, "without": false} {
				t.Run(name+procedure+", "+how, func(t *testing.T) {
					inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
						t.Helper()
						b := (&bank{unary: func(_ context.Context, n int, _ *connect.Request[text]) (string, error) {
							if n%2 == 1 { // it pays, and its answer is lost
								return "", connect.NewError(connect.CodeUnavailable, errors.New("going away"))
							}
							err := connect.NewError(c.code, errors.New("as the test wants"))
							err.Meta().Set(c.says, "1")
							return "", err
						}}).serve(t)
						var base connect.HTTPClient = b.http
						if own {
							var err error
							base, err = holdfastconnect.NewHTTPClient(b.http)
							require.NoError(t, err)
						}
						client := connect.NewClient[text, text](base, b.url+procedure, protocol, connect.WithIdempotency(levels[procedure]),
							connect.WithInterceptors(clientInterceptor(t, pipeline(t, quickly(2))), &twice{}))
						_, err := call(t.Context(), client, "10 EUR")
						require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
						require.False(t, resilience.Unsent(err))
						if procedure == pay {
							require.True(t, resilience.NoRetry(err))
							require.EqualValues(t, 2, b.calls.Load())
						}
					})
				})
			}
		}
	}
}
