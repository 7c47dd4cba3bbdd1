package holdfastgrpc_test

import (
	"cmp"
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// anonymous is a connection without a remote address.
type anonymous struct{ net.Conn }

func (anonymous) RemoteAddr() net.Addr { return nil }

func withoutAddress() grpc.DialOption {
	return grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		return anonymous{conn}, nil
	})
}

// losingBank carries out each call, and loses its answer.
func losingBank(t *testing.T) (server *bank, between *proxy) {
	t.Helper()
	server = (&bank{
		unary: func(ctx context.Context, _ int, _ string) (string, error) {
			between.kill()
			<-ctx.Done()
			return "paid", nil
		},
		stream: func(_ int, s grpc.ServerStream) error {
			_, _ = receiveAtServer(s)
			between.kill()
			<-s.Context().Done()
			return nil
		},
	}).serve(t)
	between = startProxy(t, server.addr)
	return server, between
}

// Pins: an unknown peer does not prove that a call was not sent.
func TestNoProofThatItWasNotSent(t *testing.T) {
	errAudit := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no audit log")}
	secret := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, _ ...grpc.CallOption) error {
		return invoker(ctx, method, req, reply, cc)
	}
	audit := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		_ = invoker(ctx, method, req, reply, cc, opts...)
		return errAudit
	}
	for name, options := range map[string][]grpc.DialOption{
		"no address":                               {withoutAddress()},
		"an interceptor that keeps options":        {grpc.WithChainUnaryInterceptor(secret)},
		"an interceptor that fails by itself then": {grpc.WithChainUnaryInterceptor(audit)},
	} {
		t.Run(name, func(t *testing.T) {
			server, between := losingBank(t)
			p := pipeline(t, quickly(3))
			conn := dial(t, between.addr(), append(dialOptions(t, p), options...)...)

			_, err := call(t.Context(), conn, payMethod, "")

			require.EqualValues(t, 1, server.calls.Load())
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.True(t, resilience.NoRetry(err))
			require.False(t, resilience.Unsent(err))
			require.ErrorContains(t, err, resilience.ErrOutcomeUnknown.Error())
		})
	}
}

// Pins: a call that fell back to another connection, which gRPC does not report, was sent.
func TestFallbackIsNoProof(t *testing.T) {
	server, between := losingBank(t)
	second := dial(t, between.addr())
	fallBack := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if err := invoker(ctx, method, req, reply, cc, opts...); status.Code(err) != codes.Unavailable {
			return err
		}
		return second.Invoke(ctx, method, req, reply)
	}
	conn := dial(t, "127.0.0.1:1", append(dialOptions(t, pipeline(t, quickly(3))), grpc.WithChainUnaryInterceptor(fallBack))...)

	_, err := call(t.Context(), conn, payMethod, "")

	require.EqualValues(t, 1, server.calls.Load())
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
}

// Pins: without WithDisableRetry, gRPC's own retries by a service config may send a call, and then
// find no connection for the next attempt.
func TestOwnRetriesAreNoProof(t *testing.T) {
	var between *proxy
	server := (&bank{unary: func(ctx context.Context, _ int, _ string) (string, error) {
		_ = between.listener.Close() // there will be no other
		between.kill()
		<-ctx.Done()
		return "paid", nil
	}}).serve(t)
	between = startProxy(t, server.addr)
	conn := dial(t, between.addr(),
		grpc.WithChainUnaryInterceptor(unaryClientInterceptor(t, pipeline(t, quickly(3)))),
		grpc.WithDefaultServiceConfig(`{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4,
			"initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1,
			"retryableStatusCodes": ["UNAVAILABLE"]}}]}`))

	_, err := call(t.Context(), conn, payMethod, "")

	require.EqualValues(t, 1, server.calls.Load())
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
}

// Pins: a call was not sent if it waits for a connection's stream until its deadline, because the
// server limits the concurrent streams.
func TestWaitingForATurnIsProof(t *testing.T) {
	goOn, busy := make(chan struct{}), make(chan struct{})
	server := (&bank{unary: func(_ context.Context, _ int, request string) (string, error) {
		if request == "slow" {
			close(busy)
			<-goOn
		}
		return request, nil
	}}).serve(t, grpc.MaxConcurrentStreams(1))
	p := pipeline(t, quickly(2), deadline.In(brief))
	conn := dial(t, server.addr)
	first := make(chan error, 1)
	go func() {
		_, err := call(t.Context(), conn, payMethod, "slow")
		first <- err
	}()
	<-busy
	interceptor := unaryClientInterceptor(t, p)
	err := interceptor(t.Context(), payMethod, wrapperspb.String("x"), &wrapperspb.StringValue{}, conn,
		func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, opts ...grpc.CallOption) error {
			return cc.Invoke(ctx, method, req, reply, opts...)
		})
	close(goOn)
	require.NoError(t, <-first)
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.EqualValues(t, 3, p.Snapshot().Attempts)
	require.EqualValues(t, 1, server.calls.Load())
}

// Pins: a failed dial is proof, even if addresses are not known.
func TestFailedDialIsProof(t *testing.T) {
	p := pipeline(t, quickly(2))
	conn := dial(t, "127.0.0.1:1", append(dialOptions(t, p), withoutAddress())...)
	for _, ctx := range []context.Context{t.Context(), resilience.MarkOnce(t.Context())} {
		before := p.Snapshot().Attempts
		_, err := call(ctx, conn, payMethod, "")
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.EqualValues(t, 3, p.Snapshot().Attempts-before)
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.True(t, resilience.Unsent(err))
		require.False(t, resilience.NoRetry(err))

		_, err = conn.NewStream(ctx, listDesc, listMethod)
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	}
}

// Pins: under each preset a bare charge whose answer is lost is carried out once, if it was marked
// or the loop repeats only what was not sent; through the interceptors, and with a plain client in
// a pipeline.
func TestOncePerPreset(t *testing.T) {
	plain := func(ctx context.Context, p *holdfast.Pipeline, conn *grpc.ClientConn, method string) error {
		return p.Do(ctx, func(ctx context.Context) error {
			_, err := call(ctx, conn, method, "")
			return err
		})
	}
	through := func(ctx context.Context, _ *holdfast.Pipeline, conn *grpc.ClientConn, method string) error {
		_, err := call(ctx, conn, method, "")
		return err
	}
	for preset, stages := range map[string]func() []resilience.Stage{
		"critical": holdfast.Critical, "standard": holdfast.Standard, "background": holdfast.Background,
	} {
		for _, how := range []string{"MarkOnce", "OnlyUnsent"} {
			for client, charge := range map[string]func(context.Context, *holdfast.Pipeline, *grpc.ClientConn, string) error{
				"interceptors": through, "plain": plain,
			} {
				for _, method := range []string{payMethod, readMethod} {
					t.Run(preset+" "+how+" "+client+method, func(t *testing.T) {
						server, between := losingBank(t)
						all, ctx := stages(), t.Context()
						for i, stage := range all {
							if loop, ok := stage.(retry.Config); ok && how == "OnlyUnsent" {
								loop.OnlyUnsent = true
								all[i] = loop
							}
						}
						if how == "MarkOnce" {
							ctx = resilience.MarkOnce(resilience.MarkIdempotent(ctx)) // the later mark wins
						}
						p := pipeline(t, all...)
						var options []grpc.DialOption
						if client == "interceptors" {
							options = dialOptions(t, p)
						}
						conn := dial(t, between.addr(), options...)

						err := charge(ctx, p, conn, method)

						require.EqualValues(t, 1, server.calls.Load())
						require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
						require.Equal(t, 1, blamed(p))
					})
				}
			}
		}
	}
}

// Pins: the control: with the same loss, a call that may be repeated is repeated. If every answer
// is lost, the outcome of a write is unknown; that of a read does not matter.
func TestLostAnswerOfWhatMayBeRepeated(t *testing.T) {
	server, between := losingBank(t)
	p := pipeline(t, quickly(2))
	conn := dial(t, between.addr(), dialOptions(t, p)...)
	for _, ctx := range []context.Context{t.Context(), resilience.MarkIdempotent(resilience.MarkOnce(t.Context()))} {
		server.calls.Store(0)
		method := readMethod
		if resilience.RepetitionOf(ctx) == resilience.Idempotent {
			method = payMethod
		}
		_, err := call(ctx, conn, method, "")
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.EqualValues(t, 3, server.calls.Load())
		require.Equal(t, method == payMethod, errors.Is(err, resilience.ErrOutcomeUnknown))
		require.False(t, resilience.NoRetry(err))
	}
}

// Pins: if the outcome of one attempt is unknown, that of the call is, whatever ends it later.
func TestDoubtStays(t *testing.T) {
	pushback := func(ctx context.Context, n int, _ string) (string, error) {
		if n == 1 {
			_ = grpc.SetTrailer(ctx, grpcRetry("0")) // paid, and the server would not mind another
			return "", errDown
		}
		return "", errDown
	}
	for name, test := range map[string]struct {
		stages []resilience.Stage
		stop   bool // the server, after the first attempt
		calls  int64
	}{
		"and then unknown":     {[]resilience.Stage{quickly(5)}, false, 2},
		"and then not dialed":  {[]resilience.Stage{quickly(2)}, true, 1},
		"and then breaker":     {[]resilience.Stage{quickly(2), tripAtOnce()}, false, 1},
		"and then no budget":   {[]resilience.Stage{noBudget(), quickly(2)}, false, 1},
		"and then no attempts": {[]resilience.Stage{quickly(0)}, false, 1},
		"and then no time":     {[]resilience.Stage{deadline.In(time.Minute), retry.Custom(1, time.Hour, time.Hour, false)}, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := (&bank{unary: pushback}).serveUnix(t)
			var conn *grpc.ClientConn
			stages := append([]resilience.Stage{holdfast.Observe(resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
				if e.Kind == resilience.EventRetry && e.Attempt == 1 && test.stop {
					server.stop(ctx, conn) // no other attempt is dialed
				}
			}))}, test.stages...)
			conn = dial(t, server.addr, dialOptions(t, pipeline(t, stages...))...)

			_, err := call(t.Context(), conn, payMethod, "")

			require.Equal(t, test.calls, server.calls.Load())
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.True(t, resilience.NoRetry(err))
			require.False(t, resilience.Unsent(err))
			require.NotEqual(t, resilience.Rejected, resilience.Classify(err))
			_, ok := status.FromError(err)
			require.True(t, ok)
		})
	}
}

// Pins: doubt stays with a committed stream too: what the server says of the last attempt says
// nothing of an earlier one.
func TestDoubtStaysInACommittedStream(t *testing.T) {
	errOther := status.Error(codes.InvalidArgument, "no such account")
	for name, test := range map[string]struct {
		first   error
		unknown bool
	}{
		"an attempt in doubt": {errDown, true},
		"no attempt in doubt": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := (&bank{stream: func(n int, s grpc.ServerStream) error {
				if n == 1 && test.first != nil {
					return test.first
				}
				return cmp.Or(s.SendHeader(nil), errOther)
			}}).serve(t)
			conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(3)), anyMethod)...)

			s := list(t.Context(), t, conn)
			_, err := s.Header()
			require.NoError(t, err)
			_, err = receive(s)

			require.Equal(t, codes.InvalidArgument, status.Code(err))
			require.Equal(t, test.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
			if test.unknown {
				require.False(t, resilience.NoRetry(err), "an idempotent method may be called again")
			}
		})
	}
}

// Pins: a server's word that its handler did not run counts, even for a call that must be made at
// most once.
func TestRefusedIsProof(t *testing.T) {
	full := fullBulkhead(t)
	server := (&bank{unary: func(context.Context, int, string) (string, error) { return "paid", nil }}).
		serve(t, serverOptions(t, pipeline(t, full), holdfastgrpc.WithPushback(time.Millisecond))...)
	p := pipeline(t, holdfast.Observe(resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
		if e.Kind == resilience.EventRetry && e.Attempt == 3 {
			full.Release(ctx, nil)
		}
	})), quickly(5))
	conn := dial(t, server.addr, dialOptions(t, p)...)

	answer, err := call(resilience.MarkOnce(t.Context()), conn, payMethod, "")

	require.NoError(t, err)
	require.Equal(t, "paid", answer)
	require.EqualValues(t, 1, server.calls.Load())

	require.NoError(t, full.Acquire(t.Context()))
	_, err = call(resilience.MarkOnce(t.Context()), dial(t, server.addr, dialOptions(t, pipeline(t, quickly(1)))...), payMethod, "")
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.True(t, resilience.Unsent(err))
}

// Pins: a pushback alone is not proof: a call that must be made at most once is not repeated for
// it.
func TestPushbackIsNoProof(t *testing.T) {
	server := (&bank{unary: func(ctx context.Context, _ int, _ string) (string, error) {
		_ = grpc.SetTrailer(ctx, grpcRetry("1"))
		return "", errDown
	}}).serve(t)
	conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(3)))...)

	_, err := call(resilience.MarkOnce(t.Context()), conn, payMethod, "")

	require.EqualValues(t, 1, server.calls.Load())
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
}

// Pins: without a loop, the error itself says that the call must not be repeated.
func TestOnceWithoutALoop(t *testing.T) {
	server := (&bank{unary: func(ctx context.Context, _ int, _ string) (string, error) {
		_ = grpc.SetTrailer(ctx, grpcRetry("1"))
		return "", errDown
	}}).serve(t)
	conn := dial(t, server.addr, dialOptions(t, pipeline(t, tripNever()))...)
	for _, method := range []string{payMethod, readMethod} {
		_, err := call(t.Context(), conn, method, "")
		require.False(t, resilience.NoRetry(err) && method == readMethod)
		_, err = call(resilience.MarkOnce(t.Context()), conn, method, "")
		require.True(t, resilience.NoRetry(err), method)
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, resilience.ReasonOutcomeUnknown, resilience.ReasonOf(err))
	}
}

// Pins: errors.Is finds what ended a call, whatever the cause of its ctx is, and the error says
// whether the call may have been carried out.
func TestCauses(t *testing.T) {
	errOurs := errors.New("the user closed the page")
	for name, test := range map[string]struct {
		begin    func(context.Context) (context.Context, context.CancelFunc)
		code     codes.Code
		is       error
		reason   resilience.Reason
		failures uint32
	}{
		"canceled": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(brief, func() { cancel(errOurs) })
				return ctx, func() { cancel(nil) }
			},
			codes.Canceled, context.Canceled, resilience.ReasonCanceled, 0,
		},
		"out of time": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeoutCause(ctx, brief, errOurs)
			},
			codes.DeadlineExceeded, context.DeadlineExceeded, resilience.ReasonNone, 1,
		},
	} {
		for _, method := range []string{payMethod, readMethod} {
			t.Run(name+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := (&bank{unary: func(ctx context.Context, _ int, _ string) (string, error) {
						<-ctx.Done()
						return "", ctx.Err()
					}}).serveInMemory(t)
					p := pipeline(t, quickly(2), tripNever())
					conn := dialInMemory(t, server, dialOptions(t, p)...)
					ctx, end := test.begin(t.Context())
					defer end()

					_, err := call(ctx, conn, method, "")

					require.Equal(t, test.code, status.Code(err))
					require.ErrorIs(t, err, test.is)
					require.Equal(t, method == payMethod, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
					if test.reason != resilience.ReasonNone {
						require.Equal(t, test.reason, resilience.ReasonOf(err))
					}
					require.EqualValues(t, test.failures, blamed(p))
				})
			})
		}
	}
}

// Pins: the error of a full bulkhead of this client says that nothing was sent.
func TestRefusedHere(t *testing.T) {
	conn := dial(t, "127.0.0.1:1", dialOptions(t, pipeline(t, quickly(1), fullBulkhead(t)))...)
	_, err := call(resilience.MarkOnce(t.Context()), conn, payMethod, "")
	require.ErrorIs(t, err, bulkhead.ErrFull)
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.True(t, resilience.Unsent(err))
}
