package holdfastgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: what each code means to the loop and to the breaker, depending on whether the method may be
// repeated.
func TestCodes(t *testing.T) {
	tests := []struct {
		code              codes.Code
		attemptsIfUnknown int // of 3 at most, if nothing is known of the method
		attemptsIfSafe    int
		counts            bool // against the server
	}{
		{codes.OK, 1, 1, false},
		{codes.Canceled, 1, 3, true}, // the caller did not
		{codes.Unknown, 1, 1, true},
		{codes.InvalidArgument, 1, 1, false},
		{codes.DeadlineExceeded, 1, 3, true},
		{codes.NotFound, 1, 1, false},
		{codes.AlreadyExists, 1, 1, false},
		{codes.PermissionDenied, 1, 1, false},
		{codes.ResourceExhausted, 1, 3, true},
		{codes.FailedPrecondition, 1, 1, false},
		{codes.Aborted, 1, 1, false},
		{codes.OutOfRange, 1, 1, false},
		{codes.Unimplemented, 1, 1, false},
		{codes.Internal, 1, 1, true},
		{codes.Unavailable, 1, 3, true},
		{codes.DataLoss, 1, 1, true},
		{codes.Unauthenticated, 1, 1, false},
	}
	for _, test := range tests {
		for method, want := range map[string]int{payMethod: test.attemptsIfUnknown, readMethod: test.attemptsIfSafe} {
			t.Run(test.code.String()+method, func(t *testing.T) {
				server := (&bank{unary: func(context.Context, int, string) (string, error) {
					return "paid", status.Error(test.code, "the server's word")
				}}).serve(t)
				p := pipeline(t, quickly(2), breaker.Config{})
				conn := dial(t, server.addr, dialOptions(t, p)...)

				_, err := call(t.Context(), conn, method, "")

				require.Equal(t, test.code, status.Code(err))
				require.Equal(t, test.counts && want == 1 && method == payMethod, errors.Is(err, resilience.ErrOutcomeUnknown))
				if err != nil {
					require.Contains(t, err.Error(), "the server's word")
				}
				require.EqualValues(t, want, server.calls.Load())
				failures := uint32(0)
				if test.counts {
					failures = uint32(want)
				}
				require.EqualValues(t, failures, blamed(p))
			})
		}
	}
}

// Pins: a code of WithRetryCodes is retried if that is safe, and a breaker does not count it.
func TestRetryCodes(t *testing.T) {
	server := (&bank{unary: func(_ context.Context, n int, _ string) (string, error) {
		if n < 3 {
			return "", status.Error(codes.Aborted, "lost a race")
		}
		return "done", nil
	}}).serve(t)
	p := pipeline(t, quickly(5), breaker.Config{})
	conn := dial(t, server.addr, dialOptions(t, p, holdfastgrpc.WithRetryCodes(codes.Aborted))...)

	_, err := call(t.Context(), conn, payMethod, "")
	require.Equal(t, codes.Aborted, status.Code(err))
	require.EqualValues(t, 1, server.calls.Load())

	answer, err := call(t.Context(), conn, readMethod, "")
	require.NoError(t, err)
	require.Equal(t, "done", answer)
	require.Zero(t, blamed(p))
}

// Pins: each way to say that a method may be repeated.
func TestIdempotent(t *testing.T) {
	plain := func(ctx context.Context) context.Context { return ctx }
	tests := []struct {
		name   string
		option holdfastgrpc.Option
		mark   func(context.Context) context.Context
		want   int
	}{
		{"nothing said", nil, plain, 1},
		{"by ctx", nil, resilience.MarkIdempotent, 2},
		{"by name", holdfastgrpc.WithIdempotentMethods(payMethod), plain, 2},
		{"by name without slash", holdfastgrpc.WithIdempotentMethods("holdfast.test.Bank/Pay"), plain, 2},
		{"by service", holdfastgrpc.WithIdempotentMethods("/holdfast.test.Bank/"), plain, 2},
		{"all", holdfastgrpc.WithIdempotentMethods("/"), plain, 2},
		{"another method", holdfastgrpc.WithIdempotentMethods("/holdfast.test.Bank/Pa", "/holdfast.test.Bank/PayBack"), plain, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := (&bank{unary: func(context.Context, int, string) (string, error) {
				return "", status.Error(codes.Unavailable, "down")
			}}).serve(t)
			always := retry.Config{MaxRetries: 1, BaseDelay: time.Millisecond, RetryIf: func(error) bool { return true }}
			p := pipeline(t, always)
			conn := dial(t, server.addr, dialOptions(t, p, test.option)...)

			_, err := call(test.mark(t.Context()), conn, payMethod, "")

			require.Equal(t, codes.Unavailable, status.Code(err))
			require.EqualValues(t, test.want, server.calls.Load())
			require.Equal(t, test.want == 1, resilience.NoRetry(err))
		})
	}
}

// Pins: a call that never left the client is retried whatever the method, and carried out once.
func TestNeverSentIsRetried(t *testing.T) {
	at := filepath.Join(t.TempDir(), "bank") // where nobody listens, and nobody else will
	server := &bank{unary: func(ctx context.Context, _ int, request string) (string, error) {
		return fmt.Sprint(request, holdfastgrpc.PreviousAttempts(ctx) > 0), nil
	}}
	var start sync.Once
	p := pipeline(t,
		holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventRetry && e.Attempt == 2 {
				start.Do(func() { server.serveOn(t, listen(t, "unix", at)) })
			}
		})),
		retry.Config{MaxRetries: 1000, BaseDelay: 5 * time.Millisecond, Backoff: retry.Constant},
	)
	conn := dial(t, "unix:"+at, dialOptions(t, p)...)

	answer, err := call(t.Context(), conn, payMethod, "paid ")

	require.NoError(t, err)
	require.Equal(t, "paid true", answer)
	require.EqualValues(t, 1, server.calls.Load())
}

// Pins: if the connection dies in the middle, a method that may be repeated is repeated, and the
// server learns that. Any other is not, since the outcome is unknown, and the breaker counts it.
func TestConnectionDiesInTheMiddle(t *testing.T) {
	for method, want := range map[string]int{payMethod: 1, readMethod: 2} {
		t.Run(method, func(t *testing.T) {
			var between *proxy
			server := (&bank{unary: func(ctx context.Context, n int, _ string) (string, error) {
				if n == 1 {
					between.kill()
					<-ctx.Done() // the client has seen it
				}
				return fmt.Sprint(holdfastgrpc.PreviousAttempts(ctx)), nil
			}}).serve(t)
			between = startProxy(t, server.addr)
			p := pipeline(t, quickly(3), breaker.Config{})
			conn := dial(t, between.addr(), dialOptions(t, p)...)

			answer, err := call(t.Context(), conn, method, "")

			require.EqualValues(t, want, server.calls.Load())
			require.Equal(t, 1, blamed(p))
			if want == 1 {
				require.Equal(t, codes.Unavailable, status.Code(err))
				require.Equal(t, resilience.Permanent, resilience.Classify(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, "1", answer)
		})
	}
}

// Pins: a pushback of 0 or more is the minimum pause, and makes a retry safe; any other ends the
// call.
func TestPushback(t *testing.T) {
	tests := []struct {
		trailer  []string
		method   string
		attempts int
		pause    time.Duration
	}{
		{[]string{"30"}, payMethod, 2, 30 * time.Millisecond},
		{[]string{"0"}, payMethod, 2, time.Millisecond},
		{[]string{"-1"}, readMethod, 1, 0},
		{[]string{"soon"}, readMethod, 1, 0},
		{[]string{""}, readMethod, 1, 0},
		{[]string{"99999999999"}, readMethod, 1, 0},
		{[]string{"1", "2"}, readMethod, 1, 0},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.trailer, ","), func(t *testing.T) {
			server := (&bank{unary: func(ctx context.Context, n int, _ string) (string, error) {
				if n > 1 {
					return "", nil
				}
				_ = grpc.SetTrailer(ctx, metadata.MD{"grpc-retry-pushback-ms": test.trailer})
				return "", status.Error(codes.Unavailable, "not now")
			}}).serve(t)
			seen := &events{}
			p := pipeline(t, holdfast.Observe(seen), quickly(3))
			conn := dial(t, server.addr, dialOptions(t, p)...)

			_, err := call(t.Context(), conn, test.method, "")

			require.EqualValues(t, test.attempts, server.calls.Load())
			retries := seen.of(resilience.EventRetry)
			require.Len(t, retries, test.attempts-1)
			if test.attempts == 1 {
				require.Equal(t, codes.Unavailable, status.Code(err))
				require.True(t, resilience.NoRetry(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.pause, retries[0].Delay)
		})
	}
}

// Pins: a pushback beyond MaxRetryAfter ends the call with that reason.
func TestPushbackTooLong(t *testing.T) {
	server := (&bank{unary: func(ctx context.Context, _ int, _ string) (string, error) {
		_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", "3600000"))
		return "", status.Error(codes.Unavailable, "come back in an hour")
	}}).serve(t)
	conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(3)))...)

	_, err := call(t.Context(), conn, payMethod, "")

	require.ErrorIs(t, err, retry.ErrRetryAfterTooLong)
	require.Equal(t, codes.Unavailable, status.Code(err))
}

// Pins: a RetryInfo among the details is the minimum pause too, and is kept in the final error.
func TestRetryInfo(t *testing.T) {
	server := (&bank{unary: func(context.Context, int, string) (string, error) {
		st, err := status.New(codes.ResourceExhausted, "quota").WithDetails(
			&errdetails.RetryInfo{RetryDelay: durationpb.New(20 * time.Millisecond)})
		if err != nil {
			return "", err
		}
		return "", st.Err()
	}}).serve(t)
	seen := &events{}
	conn := dial(t, server.addr, dialOptions(t, pipeline(t, holdfast.Observe(seen), quickly(1)))...)

	_, err := call(t.Context(), conn, readMethod, "")

	require.Equal(t, 20*time.Millisecond, seen.of(resilience.EventRetry)[0].Delay)
	st, ok := status.FromError(err)
	require.True(t, ok)
	require.Len(t, st.Details(), 1)
	require.ErrorIs(t, err, retry.ErrExhausted)
}

// Pins: an attempt that the pipeline's deadline ends is retried while the call lives.
func TestAttemptDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := (&bank{unary: func(ctx context.Context, n int, _ string) (string, error) {
			if n == 1 {
				<-ctx.Done() // hangs; the deadline is on the wire
				return "", ctx.Err()
			}
			return "late", nil
		}}).serveInMemory(t)
		p := pipeline(t, quickly(1), deadline.In(brief))
		conn := dialInMemory(t, server, dialOptions(t, p)...)

		answer, err := call(t.Context(), conn, readMethod, "")

		require.NoError(t, err)
		require.Equal(t, "late", answer)
		require.EqualValues(t, 2, server.calls.Load())
	})
}

// Pins: whatever ends a call, its error has gRPC's code for it, and errors.Is still finds the
// reason.
func TestFinalErrors(t *testing.T) {
	down := func(context.Context, int, string) (string, error) {
		return "", status.Error(codes.Unavailable, "down")
	}
	isolated, err := breaker.New(breaker.Config{})
	require.NoError(t, err)
	isolated.Isolate()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	tests := []struct {
		name   string
		ctx    context.Context //nolint:containedctx // of one case
		stages []resilience.Stage
		code   codes.Code
		is     error
	}{
		{"retries exhausted", t.Context(), []resilience.Stage{quickly(1)}, codes.Unavailable, retry.ErrExhausted},
		{
			"budget exhausted", t.Context(),
			[]resilience.Stage{budget.Config{Initial: -1, Floor: -1}, quickly(1)},
			codes.Unavailable, budget.ErrExhausted,
		},
		{"breaker open", t.Context(), []resilience.Stage{quickly(1), isolated}, codes.Unavailable, breaker.ErrOpen},
		{
			"breaker opens", t.Context(),
			[]resilience.Stage{quickly(9), breaker.Config{ConsecutiveFailures: 2}},
			codes.Unavailable, breaker.ErrOpen,
		},
		{"bulkhead full", t.Context(), []resilience.Stage{fullBulkhead(t)}, codes.ResourceExhausted, bulkhead.ErrFull},
		{"guard", t.Context(), []resilience.Stage{resilience.Prebuilt(no{})}, codes.Unavailable, errNo},
		{"guard with a status", t.Context(), []resilience.Stage{resilience.Prebuilt(noQuota{})}, codes.ResourceExhausted, errQuota},
		{
			"no time for another", t.Context(),
			[]resilience.Stage{deadline.In(time.Minute), retry.Custom(1, time.Hour, time.Hour, false)},
			codes.DeadlineExceeded, deadline.ErrTooLate,
		},
		{"canceled before", canceled, []resilience.Stage{quickly(1)}, codes.Canceled, context.Canceled},
		{"late before", late, []resilience.Stage{quickly(1)}, codes.DeadlineExceeded, context.DeadlineExceeded},
	}
	server := (&bank{unary: down}).serve(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn := dial(t, server.addr, dialOptions(t, pipeline(t, test.stages...))...)

			_, err := call(test.ctx, conn, readMethod, "")

			st, ok := status.FromError(err)
			require.True(t, ok)
			require.Equal(t, test.code, st.Code())
			require.Equal(t, test.code, status.Code(err))
			require.Equal(t, timeless(err.Error()), timeless(st.Message()))
			require.ErrorIs(t, err, test.is)
		})
	}
}

// timeless returns text without the time until a breaker probes, which each call of Error computes
// again.
func timeless(text string) string {
	return regexp.MustCompile(`next probe in [0-9.a-zµ]+`).ReplaceAllString(text, "next probe in a while")
}

// Pins: a caller who cancels during a call gets CANCELLED, and no breaker counts a failure.
func TestCallerLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := (&bank{unary: func(ctx context.Context, _ int, _ string) (string, error) {
		cancel()
		<-ctx.Done()
		return "", ctx.Err()
	}}).serve(t)
	p := pipeline(t, quickly(3), breaker.Config{})
	conn := dial(t, server.addr, dialOptions(t, p)...)

	_, err := call(ctx, conn, readMethod, "")

	require.Equal(t, codes.Canceled, status.Code(err))
	require.Equal(t, resilience.Canceled, resilience.Classify(err))
	require.EqualValues(t, 1, p.Snapshot().Attempts)
	require.Zero(t, blamed(p))
}

// Pins: call options reach every attempt, and what they collect is the last one's.
func TestCallOptions(t *testing.T) {
	server := (&bank{unary: func(ctx context.Context, n int, _ string) (string, error) {
		_ = grpc.SetHeader(ctx, metadata.Pairs("attempt", fmt.Sprint(n)))
		_ = grpc.SetTrailer(ctx, metadata.Pairs("attempt", fmt.Sprint(n)))
		if n < 3 {
			return "", status.Error(codes.Unavailable, "down")
		}
		return "", nil
	}}).serve(t)
	conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(5)))...)
	var (
		header, trailer metadata.MD
		at              peer.Peer
		finished        int
	)

	_, err := call(t.Context(), conn, readMethod, "",
		grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&at), grpc.OnFinish(func(error) { finished++ }),
		grpc.WaitForReady(true), grpc.MaxCallSendMsgSize(1000), grpc.MaxCallRecvMsgSize(1000)) // more than there is room for

	require.NoError(t, err)
	require.Equal(t, []string{"3"}, header.Get("attempt"))
	require.Equal(t, []string{"3"}, trailer.Get("attempt"))
	require.Equal(t, server.addr, at.Addr.String())
	require.Equal(t, 3, finished)
}

// Pins: the options show nothing of an earlier attempt if the last one found no connection.
func TestCallOptionsOfAnAttemptWithoutConnection(t *testing.T) {
	server := (&bank{unary: func(ctx context.Context, _ int, _ string) (string, error) {
		_ = grpc.SetHeader(ctx, metadata.Pairs("from", "the first"))
		_ = grpc.SetTrailer(ctx, metadata.Pairs("from", "the first"))
		return "", status.Error(codes.Unavailable, "down")
	}}).serveUnix(t)
	var conn *grpc.ClientConn
	p := pipeline(t, holdfast.Observe(resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
		if e.Kind == resilience.EventRetry && e.Attempt == 1 {
			server.stop(ctx, conn)
		}
	})), quickly(1))
	conn = dial(t, server.addr, dialOptions(t, p)...)
	var (
		header, trailer metadata.MD
		at              peer.Peer
	)

	_, err := call(t.Context(), conn, readMethod, "", grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&at))

	require.ErrorIs(t, err, retry.ErrExhausted)
	require.EqualValues(t, 1, server.calls.Load())
	require.Empty(t, header)
	require.Empty(t, trailer)
	require.Nil(t, at.Addr)
}

// Pins: wait-for-ready is passed on: the attempt waits for a server that starts later.
func TestWaitForReady(t *testing.T) {
	at := filepath.Join(t.TempDir(), "bank")
	server := &bank{unary: func(context.Context, int, string) (string, error) { return "well", nil }}
	p := pipeline(t, quickly(3))
	conn := dial(t, "unix:"+at, dialOptions(t, p)...)
	_, err := call(t.Context(), conn, readMethod, "") // nobody is there
	require.Equal(t, codes.Unavailable, status.Code(err))
	before := p.Snapshot().Attempts

	answered := make(chan error, 1)
	go func() {
		_, err := call(t.Context(), conn, readMethod, "", grpc.WaitForReady(true))
		answered <- err
	}()
	require.Eventually(t, func() bool { return p.Snapshot().Live == 1 }, 10*time.Second, time.Millisecond)
	server.serveOn(t, listen(t, "unix", at))

	require.NoError(t, <-answered)
	require.Equal(t, before+1, p.Snapshot().Attempts)
}

// Pins: a retry policy in the service config does not multiply with the pipeline's.
func TestServiceConfigDoesNotMultiply(t *testing.T) {
	server := (&bank{unary: func(context.Context, int, string) (string, error) {
		return "", status.Error(codes.Unavailable, "down")
	}}).serve(t)
	conn := dial(t, server.addr, append(dialOptions(t, pipeline(t, quickly(2))),
		grpc.WithDefaultServiceConfig(`{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4,
			"initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`))...)

	_, err := call(t.Context(), conn, readMethod, "")

	require.ErrorIs(t, err, retry.ErrExhausted)
	require.EqualValues(t, 3, server.calls.Load())
}

// Pins: a message that is too large is not an overload, although gRPC has one code for both.
func TestTooLargeIsNoOverload(t *testing.T) {
	server := (&bank{unary: func(context.Context, int, string) (string, error) {
		return strings.Repeat("x", 1000), nil
	}}).serve(t, grpc.MaxRecvMsgSize(500))
	for name, test := range map[string]struct {
		request string
		option  grpc.CallOption
	}{
		"to send":    {strings.Repeat("x", 1000), grpc.MaxCallSendMsgSize(100)},
		"to receive": {"", grpc.MaxCallRecvMsgSize(100)},
		"for server": {strings.Repeat("x", 1000), grpc.EmptyCallOption{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := pipeline(t, quickly(3), breaker.Config{})
			conn := dial(t, server.addr, dialOptions(t, p)...)

			_, err := call(t.Context(), conn, readMethod, test.request, test.option)

			require.Equal(t, codes.ResourceExhausted, status.Code(err))
			require.EqualValues(t, 1, p.Snapshot().Attempts)
			require.Zero(t, blamed(p))
		})
	}
}

// Pins: each method has its pipeline, or the interceptor's own if none is chosen. If that is nil
// too, the call fails: no call is unprotected by mistake.
func TestWithPipelines(t *testing.T) {
	server := (&bank{unary: func(context.Context, int, string) (string, error) { return "", nil }}).serve(t)
	own, other := pipeline(t, quickly(1)), pipeline(t, quickly(1))
	choose := holdfastgrpc.WithPipelines(func(method string) *holdfast.Pipeline {
		switch method {
		case payMethod:
			return other
		case listMethod:
			return new(holdfast.Pipeline)
		}
		return nil
	})
	conn := dial(t, server.addr, dialOptions(t, own, choose)...)
	for _, method := range []string{payMethod, readMethod} {
		_, err := call(t.Context(), conn, method, "")
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, own.Snapshot().Calls)
	require.EqualValues(t, 1, other.Snapshot().Calls)

	conn = dial(t, server.addr, dialOptions(t, nil, choose)...)
	_, err := call(t.Context(), conn, payMethod, "")
	require.NoError(t, err)
	_, err = call(t.Context(), conn, readMethod, "")
	require.Equal(t, codes.Internal, status.Code(err))
	require.ErrorContains(t, err, "holdfastgrpc: pipeline is for "+readMethod+"; the pipeline for this call is nil; want one made by holdfast.New")
	require.True(t, resilience.Unsent(err))
	_, err = conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, listMethod)
	require.ErrorContains(t, err, "the pipeline for this call is zero")
	require.EqualValues(t, 3, server.calls.Load())
}

// Pins: a constructor names every problem at once, including an option of the other side.
func TestConstructorsNameAllThatIsWrong(t *testing.T) {
	client := []holdfastgrpc.Option{
		nil, holdfastgrpc.WithPushback(1), holdfastgrpc.WithIdempotentMethods("", "/a/B"), holdfastgrpc.WithStreamBuffer(-1),
		holdfastgrpc.WithRetryCodes(codes.OK, codes.Aborted, 17),
	}
	server := []holdfastgrpc.Option{
		nil, holdfastgrpc.WithPushback(-2), holdfastgrpc.WithIdempotentMethods(), holdfastgrpc.WithStreamBuffer(1),
		holdfastgrpc.WithRetryCodes(), holdfastgrpc.WithStreamDeadline(),
	}
	const clientProblems = `holdfastgrpc: an option is nil; leave it out
holdfastgrpc: WithPushback is given to a client; leave it out: it is for servers
holdfastgrpc: WithIdempotentMethods is ""; want the full name of a method, such as "/auth.Auth/Check"
holdfastgrpc: WithStreamBuffer is -1; want a number of bytes, or 0 to keep none
holdfastgrpc: WithRetryCodes is OK; want the code of an error, from 1 (Canceled) to 16 (Unauthenticated)
holdfastgrpc: WithRetryCodes is Code(17); want the code of an error, from 1 (Canceled) to 16 (Unauthenticated)
holdfastgrpc: pipeline is nil; want one made by holdfast.New`
	const serverProblems = `holdfastgrpc: an option is nil; leave it out
holdfastgrpc: WithPushback is -2ns; want a pause, 0 for none, or -1 to tell clients not to retry
holdfastgrpc: WithIdempotentMethods is given to a server; leave it out: it is for clients
holdfastgrpc: WithStreamBuffer is given to a server; leave it out: it is for clients
holdfastgrpc: WithRetryCodes is given to a server; leave it out: it is for clients
holdfastgrpc: WithStreamDeadline is given to a server; leave it out: it is for clients
holdfastgrpc: pipeline is nil; want one made by holdfast.New`
	_, err := holdfastgrpc.DialOptions(nil, client...)
	require.EqualError(t, err, clientProblems)
	_, err = holdfastgrpc.UnaryClientInterceptor(nil, client...)
	require.EqualError(t, err, clientProblems)
	_, err = holdfastgrpc.StreamClientInterceptor(nil, client...)
	require.EqualError(t, err, clientProblems)
	_, err = holdfastgrpc.ServerOptions(nil, server...)
	require.EqualError(t, err, serverProblems)
	_, err = holdfastgrpc.UnaryServerInterceptor(nil, server...)
	require.EqualError(t, err, serverProblems)
	_, err = holdfastgrpc.StreamServerInterceptor(nil, server...)
	require.EqualError(t, err, serverProblems)
	_, err = holdfastgrpc.DialOptions(new(holdfast.Pipeline), holdfastgrpc.WithPipelines(nil))
	require.EqualError(t, err, "holdfastgrpc: WithPipelines is nil; want a function that returns a method's pipeline\n"+
		"holdfastgrpc: pipeline is zero; want one made by holdfast.New")
}

// Pins: an inner interceptor's error that explains itself keeps its meaning. Whether the
// interceptor had sent the call is unknown unless the error says so.
func TestInterceptorInside(t *testing.T) {
	errToken := errors.New("no token")
	for name, test := range map[string]struct {
		err      error
		pay      int // attempts at a method of which nothing is known
		read     int // attempts at one that may be repeated
		unknown  bool
		failures uint32
	}{
		"explained":      {resilience.MarkTransient(errToken), 1, 3, true, 1},
		"and not sent":   {unsentError{errToken}, 3, 3, false, 3},
		"unexplained":    {errToken, 1, 1, true, 1},
		"refused":        {resilience.MarkRejected(errToken), 1, 1, false, 0},
		"caller's fault": {resilience.MarkPermanent(errToken), 1, 1, false, 0},
		"not dialed":     {&net.OpError{Op: "dial", Err: &wrapped{errToken, syscall.ECONNREFUSED}}, 3, 3, false, 3},
	} {
		t.Run(name, func(t *testing.T) {
			for method, want := range map[string]int{payMethod: test.pay, readMethod: test.read} {
				p := pipeline(t, quickly(2), breaker.Config{})
				attempts := 0
				err := unaryClientInterceptor(t, p)(t.Context(), method, nil, nil, nil, func(
					context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption,
				) error {
					attempts++
					return test.err
				})
				require.ErrorIs(t, err, errToken)
				require.Equal(t, want, attempts)
				_, ok := status.FromError(err)
				require.True(t, ok)
				require.Equal(t, test.unknown && method == payMethod, errors.Is(err, resilience.ErrOutcomeUnknown))
				if method == payMethod {
					require.EqualValues(t, test.failures, blamed(p))
				}
			}
		})
	}
}

type wrapped struct {
	error
	also error
}

func (e *wrapped) Unwrap() []error { return []error{e.error, e.also} }

// unsentError is the error of an interceptor that did not send the call.
type unsentError struct{ error }

func (e unsentError) Unwrap() error             { return e.error }
func (unsentError) Unsent() bool                { return true }
func (unsentError) Verdict() resilience.Verdict { return resilience.Transient }

// fullBulkhead returns a bulkhead whose only place is taken.
func fullBulkhead(t *testing.T) *bulkhead.Bulkhead {
	t.Helper()
	b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
	require.NoError(t, err)
	require.NoError(t, b.Acquire(t.Context()))
	return b
}

var (
	errNo    = errors.New("no")
	errQuota = status.Error(codes.ResourceExhausted, "quota")
)

// no is a guard that refuses, noQuota one that says so with a status.
type (
	no      struct{}
	noQuota struct{ no }
)

func (no) Acquire(context.Context) error                    { return errNo }
func (no) Release(context.Context, error)                   {}
func (g no) Wrap(next resilience.Func) resilience.Func      { return resilience.WrapGuard(g, next) }
func (noQuota) Acquire(context.Context) error               { return errQuota }
func (g noQuota) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }
