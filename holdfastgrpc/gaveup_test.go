package holdfastgrpc_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// layers starts servers before the last one. Each calls the next through a loop of three retries.
// layers returns a connection to the first server, through one more such loop.
func layers(t *testing.T, n int, method string, last *bank, server ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	addr := last.addr
	for range n - 1 {
		next := dial(t, addr, dialOptions(t, pipeline(t, quickly(3)), anyMethod)...)
		addr = (&bank{unary: func(ctx context.Context, _ int, request string) (string, error) {
			return call(ctx, next, method, request)
		}}).serve(t, server...).addr
	}
	return dial(t, addr, dialOptions(t, pipeline(t, quickly(3)), anyMethod)...)
}

// Pins: of three layers with three retries each, only the innermost retries a server that is down,
// if the servers tell their clients that their own loop gave up.
func TestLayersDoNotMultiply(t *testing.T) {
	plain := []grpc.ServerOption{}
	telling := serverOptions(t, pipeline(t, bulkhead.Config{}))
	unprotected := serverOptions(t, holdfast.None())
	for name, test := range map[string]struct {
		options []grpc.ServerOption
		asked   int64
	}{"without": {plain, 64}, "with": {telling, 4}, "with, of no pipeline": {unprotected, 4}} {
		for _, method := range []string{readMethod, payMethod} { // both are idempotent here, and payMethod is not only read
			t.Run(name+method, func(t *testing.T) {
				last := (&bank{unary: func(context.Context, int, string) (string, error) { return "", errDown }}).serve(t)
				conn := layers(t, 3, method, last, test.options...)

				_, err := call(t.Context(), conn, method, "")

				require.Equal(t, codes.Unavailable, status.Code(err))
				require.Equal(t, test.asked, last.calls.Load())
				t.Logf("%d attempts at the last server for one call", last.calls.Load())
				if test.asked == 4 {
					require.Equal(t, resilience.ReasonExhausted, resilience.ReasonOf(err))
					require.True(t, resilience.NoRetry(err))
					require.Equal(t, method == payMethod, errors.Is(err, resilience.ErrOutcomeUnknown))
				}
			})
		}
	}
}

// Pins: a failure that the server's loop did not retry, for another reason than giving up, is
// retried.
func TestLayersStillRetry(t *testing.T) {
	last := (&bank{unary: func(_ context.Context, n int, _ string) (string, error) {
		if n < 3 {
			return "", errDown
		}
		return "well", nil
	}}).serve(t)
	conn := layers(t, 1, readMethod, last, serverOptions(t, holdfast.None())...)
	answer, err := call(t.Context(), conn, readMethod, "")
	require.NoError(t, err)
	require.Equal(t, "well", answer)
}

// Pins: if a call that the server made may have been carried out, and must not be repeated, the
// client does not repeat even a method that it may repeat, since that would repeat the server's
// call.
func TestUnknownFurtherIn(t *testing.T) {
	server, between := losingBank(t)
	next := dial(t, between.addr(), dialOptions(t, pipeline(t, quickly(3)))...)
	middle := (&bank{unary: func(ctx context.Context, _ int, request string) (string, error) {
		return call(ctx, next, payMethod, request)
	}}).serve(t, serverOptions(t, holdfast.None())...)
	for name, ctx := range map[string]context.Context{"read": t.Context(), "marked": resilience.MarkIdempotent(t.Context())} {
		t.Run(name, func(t *testing.T) {
			server.calls.Store(0)
			conn := dial(t, middle.addr, dialOptions(t, pipeline(t, quickly(3)))...)
			_, err := call(ctx, conn, readMethod, "")
			require.EqualValues(t, 1, server.calls.Load())
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.Equal(t, resilience.ReasonOutcomeUnknown, resilience.ReasonOf(err))
		})
	}
}

// Pins: the trailer for each error of a handler, for unary calls and streams.
func TestGaveUpTrailer(t *testing.T) {
	exhausted := retry.Do(t.Context(), quickly(1), func(context.Context) error { return resilience.MarkTransient(errDown) })
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		err  error
		want []string
	}{
		"plain":       {errDown, nil},
		"exhausted":   {exhausted, []string{"retries_exhausted"}},
		"unknown":     {resilience.ErrOutcomeUnknown, []string{"outcome_unknown"}},
		"never again": {resilience.MarkNoRetry(errDown, resilience.Transient), []string{"permanent"}},
		"not begun":   {retry.Do(canceled, quickly(1), func(context.Context) error { return nil }), nil},
	} {
		for _, p := range []*holdfast.Pipeline{holdfast.None(), pipeline(t, bulkhead.Config{})} {
			server := (&bank{
				unary:  func(context.Context, int, string) (string, error) { return "", test.err },
				stream: func(int, grpc.ServerStream) error { return test.err },
			}).serve(t, serverOptions(t, p)...)
			conn := dial(t, server.addr)
			for _, method := range []string{payMethod, listMethod} {
				trailer, err := callEither(t, conn, method)
				require.Error(t, err, name)
				require.Equal(t, test.want, trailer.Get("holdfast-gave-up"), name+method)
			}
		}
	}
}

// Pins: the trailer ends the loop of a client, whatever its value, for streams too.
func TestGaveUpEndsTheLoop(t *testing.T) {
	for said, reason := range map[string]resilience.Reason{
		"budget_exhausted": resilience.ReasonBudget, "outcome_unknown": resilience.ReasonOutcomeUnknown,
		"in another version's words": resilience.ReasonExhausted, "none": resilience.ReasonExhausted,
	} {
		t.Run(said, func(t *testing.T) {
			md := metadata.Pairs("holdfast-gave-up", said, "grpc-retry-pushback-ms", "1")
			server := (&bank{
				unary: func(ctx context.Context, _ int, _ string) (string, error) {
					_ = grpc.SetTrailer(ctx, md)
					return "", errDown
				},
				stream: func(_ int, s grpc.ServerStream) error {
					s.SetTrailer(md)
					return errDown
				},
			}).serve(t)
			conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(3)), anyMethod)...)
			for _, method := range []string{payMethod, listMethod} {
				server.calls.Store(0)
				_, err := callEither(t, conn, method)
				require.EqualValues(t, 1, server.calls.Load())
				require.Equal(t, codes.Unavailable, status.Code(err))
				require.True(t, resilience.NoRetry(err))
				require.Equal(t, reason, resilience.ReasonOf(err))
			}
		})
	}
}
