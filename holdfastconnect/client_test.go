package holdfastconnect_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastconnect"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func inAllProtocols(t *testing.T, test func(t *testing.T, protocol connect.ClientOption)) {
	t.Helper()
	for name, protocol := range protocols {
		t.Run(name, func(t *testing.T) { test(t, protocol) })
	}
}

// Each attempt sends the message and the caller's headers once, however many attempts came before.
func TestHeadersDoNotPileUp(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		var seen []http.Header
		var previous []int
		b := (&bank{unary: func(ctx context.Context, n int, req *connect.Request[text]) (string, error) {
			seen = append(seen, req.Header().Clone())
			previous = append(previous, holdfastconnect.PreviousAttempts(ctx))
			if n < 3 {
				return "", connect.NewError(connect.CodeUnavailable, errors.New("not yet"))
			}
			return req.Msg.GetValue(), nil
		}}).serve(t)
		c := b.client(t, set, pipeline(t, quickly(3)), protocol, connect.WithInterceptors(&inner{}))
		req := connect.NewRequest(wrapperspb.String("10 EUR"))
		req.Header().Add("X-Caller", "one")
		req.Header().Add("X-Caller", "two")
		answer, err := c.CallUnary(t.Context(), req)
		require.NoError(t, err)
		assert.Equal(t, "10 EUR", answer.Msg.GetValue())
		assert.Equal(t, []int{0, 1, 2}, previous)
		for _, h := range seen {
			assert.Equal(t, []string{"one", "two"}, h.Values("X-Caller"))
			assert.Equal(t, []string{"inner"}, h.Values("X-Inner"))
			assert.Len(t, h.Values("Content-Type"), 1)
		}
		assert.Empty(t, req.Header().Values("X-Inner"), "the caller's own headers are as they were")
		assert.Empty(t, req.Header().Values("Grpc-Previous-Rpc-Attempts"))
		assert.Equal(t, http.MethodPost, req.HTTPMethod())
	})
}

// An HTTP GET loses headers when it is sent. The next attempt has them again.
func TestGet(t *testing.T) {
	var methods []string
	b := &bank{unary: fails(2, connect.CodeUnavailable)}
	b.before = func(_ http.ResponseWriter, r *http.Request) bool {
		methods = append(methods, r.Method)
		return false
	}
	b.serve(t)
	c := b.client(t, read, pipeline(t, quickly(3)), connect.WithHTTPGet())
	answer, err := call(t.Context(), c, "x")
	require.NoError(t, err)
	assert.Equal(t, "ok", answer)
	assert.Equal(t, []string{"GET", "GET", "GET"}, methods)
}

// What each code means, if the server sent it, and if it may be repeated.
func TestCodes(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		b := (&bank{}).serve(t)
		for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
			b.unary = fails(1_000_000, code)
			retried := code == connect.CodeUnavailable || code == connect.CodeResourceExhausted ||
				code == connect.CodeDeadlineExceeded || code == connect.CodeCanceled
			failure := retried || code == connect.CodeInternal || code == connect.CodeDataLoss || code == connect.CodeUnknown
			for procedure, repeatable := range map[string]bool{pay: false, set: true, read: true} {
				before := b.calls.Load()
				p := pipeline(t, quickly(1), counting())
				_, err := call(t.Context(), b.client(t, procedure, p, protocol), "x")
				attempts := 1
				if retried && repeatable {
					attempts = 2
				}
				assert.Equal(t, attempts, int(b.calls.Load()-before), "%s %s", code, procedure)
				assert.Equal(t, code, connect.CodeOf(err))
				assert.True(t, connect.IsWireError(err))
				assert.Equal(t, failure, blamed(p) > 0, "%s", code)
				assert.Equal(t, failure && procedure != read, errors.Is(err, resilience.ErrOutcomeUnknown), "%s %s", code, procedure)
			}
		}
	})
}

func TestRetryCodes(t *testing.T) {
	b := (&bank{unary: fails(1, connect.CodeAborted)}).serve(t)
	i := clientInterceptor(t, pipeline(t, quickly(1)), holdfastconnect.WithRetryCodes(connect.CodeAborted), holdfastconnect.WithIdempotentProcedures("holdfast.test.Bank/"))
	_, err := call(t.Context(), connect.NewClient[text, text](b.http, b.url+pay, connect.WithInterceptors(i)), "x")
	require.NoError(t, err)
}

// A server that is not there got nothing, so even a call that must be sent once is tried again.
func TestDialRefused(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		p := pipeline(t, quickly(2), counting())
		_, err := call(resilience.MarkOnce(t.Context()), nobody().client(t, pay, p, protocol), "x")
		assert.Equal(t, connect.CodeUnavailable, connect.CodeOf(err))
		assert.True(t, resilience.Unsent(err))
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.ErrorIs(t, err, retry.ErrExhausted)
		assert.Equal(t, 3, blamed(p))
	})
}

// A dial that hangs until the attempt's deadline has sent nothing either, although the error is the
// deadline's.
func TestDialHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		defer synctest.Wait()
		defer close(over)
		b := &bank{url: "http://bank"}
		b.http = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			<-over // net/http does not end a dial with the request
			return nil, net.ErrClosed
		}}}
		p := pipeline(t, quickly(1), counting(), deadline.In(time.Second))
		_, err := call(resilience.MarkOnce(t.Context()), b.client(t, pay, p), "x")
		assert.Equal(t, connect.CodeDeadlineExceeded, connect.CodeOf(err))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, retry.ErrExhausted)
		assert.True(t, resilience.Unsent(err))
		assert.Equal(t, 2, blamed(p))
	})
}

// The connection breaks when the server has the call: connect-go says CodeCanceled of some of them.
func TestLostAnswer(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		b := &bank{unary: func(_ context.Context, n int, _ *connect.Request[text]) (string, error) {
			if n == 1 {
				panic(http.ErrAbortHandler)
			}
			return "ok", nil
		}}
		b.serve(t)
		b.http.Transport.(*http.Transport).Protocols.SetHTTP1(true)
		b.http.Transport.(*http.Transport).Protocols.SetUnencryptedHTTP2(false)
		_, err := call(t.Context(), b.client(t, set, pipeline(t, quickly(1)), protocol), "x")
		require.NoError(t, err)
		assert.EqualValues(t, 2, b.calls.Load())

		b.calls.Store(0)
		p := pipeline(t, quickly(1), counting())
		_, err = call(t.Context(), b.client(t, pay, p, protocol), "x")
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		assert.Equal(t, resilience.ReasonOutcomeUnknown, resilience.ReasonOf(err))
		assert.Equal(t, 1, blamed(p))
		assert.EqualValues(t, 1, b.calls.Load())
		_, ok := errors.AsType[*connect.Error](err)
		assert.True(t, ok)
	})
}

// An answer that cannot be read has the code of a caller's fault, and the call was carried out.
func TestUnreadableAnswer(t *testing.T) {
	b := &bank{}
	b.before = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = io.WriteString(w, "\xff\xff\xff")
		return true
	}
	b.serve(t)
	p := pipeline(t, quickly(1), counting())
	_, err := call(t.Context(), b.client(t, set, p), "x")
	assert.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	assert.False(t, resilience.NoRetry(err) && resilience.ReasonOf(err) == resilience.ReasonExhausted)
	assert.Equal(t, 1, blamed(p))
	assert.EqualValues(t, 1, p.Snapshot().Attempts, "it would be as unreadable again")
}

// Pins: connect-go issue 774. An answer that ends too soon has CodeUnimplemented, as if the server
// did not know the procedure, and the call may have been carried out.
func TestAnswerWithoutMessage(t *testing.T) {
	for name, protocol := range map[string]connect.ClientOption{"grpc": protocols["grpc"], "grpc-web": protocols["grpc-web"]} {
		t.Run(name, func(t *testing.T) {
			b := &bank{}
			b.before = func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
				w.Header().Set("Grpc-Status", "0")
				return true
			}
			b.serve(t)
			p := pipeline(t, quickly(1), counting())
			_, err := call(t.Context(), b.client(t, pay, p, protocol), "x")
			assert.Equal(t, connect.CodeUnimplemented, connect.CodeOf(err))
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			assert.Equal(t, 1, blamed(p))
		})
	}
}

// A message over a limit is nobody's outage. Whether the call was carried out depends on which.
func TestTooLarge(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		long := string(make([]byte, 5_000))
		for _, c := range []struct {
			name    string
			request string
			client  connect.ClientOption
			server  connect.HandlerOption
		}{
			{"the client may not send it", long, connect.WithSendMaxBytes(4_000), connect.WithReadMaxBytes(0)},
			{"the server may not receive it", long, connect.WithSendMaxBytes(0), connect.WithReadMaxBytes(4_000)},
			{"the client may not receive it", "x", connect.WithReadMaxBytes(4_000), connect.WithReadMaxBytes(0)},
			{"the server may not send it", "x", connect.WithReadMaxBytes(0), connect.WithSendMaxBytes(4_000)},
		} {
			t.Run(c.name, func(t *testing.T) {
				b := (&bank{unary: func(context.Context, int, *connect.Request[text]) (string, error) { return long, nil }}).serve(t, c.server)
				p := pipeline(t, quickly(1), counting())
				_, err := call(t.Context(), b.client(t, set, p, protocol, c.client, connect.WithAcceptCompression("gzip", nil, nil)), c.request)
				assert.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err))
				if c.name != "the client may not send it" || b.calls.Load() > 0 {
					require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				}
				assert.EqualValues(t, 1, p.Snapshot().Attempts)
				assert.Zero(t, blamed(p))
			})
		}
	})
}

// pauses returns how long a call takes whose first attempt fails, in virtual time.
func pauses(t *testing.T, b *bank, procedure string, options ...connect.ClientOption) (took time.Duration, err error) {
	t.Helper()
	end := b.serveInMemory()
	defer end()
	p := pipeline(t, retry.Custom(1, time.Millisecond, time.Millisecond, false))
	began := time.Now()
	_, err = call(t.Context(), b.client(t, procedure, p, options...), "x")
	return time.Since(began), err
}

// The server says when to come back: by gRPC's pushback, by a RetryInfo, or by HTTP.
func TestServerAsksForAPause(t *testing.T) {
	failing := func(change func(*connect.Error)) func(context.Context, int, *connect.Request[text]) (string, error) {
		return func(_ context.Context, n int, _ *connect.Request[text]) (string, error) {
			if n > 1 {
				return "ok", nil
			}
			e := connect.NewError(connect.CodeUnavailable, errors.New("busy"))
			change(e)
			return "", e
		}
	}
	balancer := func(status int) func(http.ResponseWriter, *http.Request) bool {
		var mu sync.Mutex
		asked := 0
		return func(w http.ResponseWriter, _ *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if asked++; asked > 1 {
				return false
			}
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			return true
		}
	}
	answers := func(context.Context, int, *connect.Request[text]) (string, error) { return "ok", nil }
	for _, c := range []struct {
		name  string
		bank  func() *bank
		least time.Duration
	}{
		{"pushback", func() *bank {
			return &bank{unary: failing(func(e *connect.Error) { e.Meta().Set("grpc-retry-pushback-ms", "3000") })}
		}, 3 * time.Second},
		{"RetryInfo", func() *bank {
			return &bank{unary: failing(func(e *connect.Error) {
				detail, err := connect.NewErrorDetail(&errdetails.RetryInfo{RetryDelay: durationpb.New(4 * time.Second)})
				if err == nil {
					e.AddDetail(detail)
				}
			})}
		}, 4 * time.Second},
		{"a balancer's 503", func() *bank { return &bank{unary: answers, before: balancer(503)} }, 7 * time.Second},
		{"a balancer's 429", func() *bank { return &bank{unary: answers, before: balancer(429)} }, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
				t.Helper()
				synctest.Test(t, func(t *testing.T) {
					took, err := pauses(t, c.bank(), set, protocol)
					require.NoError(t, err)
					assert.GreaterOrEqual(t, took, c.least)
					assert.Less(t, took, 2*c.least)
				})
			})
		})
	}
	t.Run("a pushback asks for another attempt", func(t *testing.T) {
		inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
			t.Helper()
			for _, c := range []struct {
				value string
				ctx   func(context.Context) context.Context
				want  int
			}{
				{"0", func(ctx context.Context) context.Context { return ctx }, 2},
				{"0", resilience.MarkOnce, 1},
				{"-1", resilience.MarkIdempotent, 1},
				{"soon", resilience.MarkIdempotent, 1},
			} {
				b := (&bank{unary: failing(func(e *connect.Error) { e.Meta().Set("grpc-retry-pushback-ms", c.value) })}).serve(t)
				_, err := call(c.ctx(t.Context()), b.client(t, pay, pipeline(t, quickly(1)), protocol), "x")
				assert.Equal(t, c.want == 2, err == nil, "%s: %v", c.value, err)
				assert.EqualValues(t, c.want, b.calls.Load(), c.value)
			}
		})
	})
}

// Each attempt tells the server its own deadline.
func TestTimeoutOfEachAttempt(t *testing.T) {
	for name, header := range map[string]string{"connect": "Connect-Timeout-Ms", "grpc": "Grpc-Timeout", "grpc-web": "Grpc-Timeout"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var limits []time.Duration
				b := &bank{unary: func(ctx context.Context, n int, req *connect.Request[text]) (string, error) {
					until, ok := ctx.Deadline()
					assert.True(t, ok)
					assert.Len(t, req.Header().Values(header), 1)
					limits = append(limits, time.Until(until))
					if n == 1 {
						<-ctx.Done()
						return "", ctx.Err()
					}
					return "ok", nil
				}}
				end := b.serveInMemory()
				defer end()
				p := pipeline(t, deadline.In(5*time.Second), retry.Custom(2, time.Second, time.Second, false), deadline.In(3*time.Second))
				_, err := call(t.Context(), b.client(t, set, p, protocols[name]), "x")
				require.NoError(t, err)
				require.Len(t, limits, 2)
				assert.Equal(t, 3*time.Second, limits[0])
				assert.Less(t, limits[1], 2*time.Second)
			})
		})
	}
}

// The code of a call that did not end with an attempt's answer.
func TestFinalCodes(t *testing.T) {
	b := (&bank{unary: fails(1_000, connect.CodeUnavailable)}).serve(t)
	open := pipeline(t, breaker.Config{ConsecutiveFailures: 1})
	c := b.client(t, set, open)
	_, _ = call(t.Context(), c, "x")
	_, err := call(t.Context(), c, "x")
	assert.Equal(t, connect.CodeUnavailable, connect.CodeOf(err))
	require.ErrorIs(t, err, breaker.ErrOpen)

	full := pipeline(t, bulkhead.Config{MaxConcurrent: 1})
	c = b.client(t, set, full)
	_ = full.Do(t.Context(), func(ctx context.Context) error {
		_, err = call(ctx, c, "x")
		return nil
	})
	assert.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = call(ctx, c, "x")
	assert.Equal(t, connect.CodeCanceled, connect.CodeOf(err))
	require.ErrorIs(t, err, context.Canceled)
}

// The caller leaves while the server works: nobody is to blame, and nothing is known.
func TestCallerLeaves(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		b := (&bank{unary: func(ctx context.Context, _ int, _ *connect.Request[text]) (string, error) {
			cancel()
			<-ctx.Done()
			return "", ctx.Err()
		}}).serve(t)
		p := pipeline(t, quickly(3), counting())
		_, err := call(ctx, b.client(t, set, p, protocol), "x")
		assert.Equal(t, connect.CodeCanceled, connect.CodeOf(err))
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		assert.Zero(t, blamed(p))
		assert.EqualValues(t, 1, p.Snapshot().Attempts)
	})
}

// An interceptor inside knows more of its own errors than this package.
func TestInnerInterceptorFails(t *testing.T) {
	errToken := errors.New("no token")
	b := (&bank{unary: fails(0, 0)}).serve(t)
	for name, c := range map[string]struct {
		err      error
		attempts int
		unknown  bool
	}{
		"nothing is known":       {errToken, 1, true},
		"rejected":               {resilience.MarkRejected(errToken), 1, false},
		"transient, and unsent":  {&resilience.CallError{Err: errToken, Judgment: resilience.Judgment{Retry: resilience.Transient}, Effect: resilience.EffectUnsent}, 2, false},
		"with a code of Connect": {connect.NewError(connect.CodeUnauthenticated, errToken), 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := &inner{fails: func(int) error { return c.err }}
			_, err := call(t.Context(), b.client(t, pay, pipeline(t, quickly(1)), connect.WithInterceptors(i)), "x")
			require.ErrorIs(t, err, errToken)
			assert.Len(t, i.headers, c.attempts)
			assert.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown))
			_, ok := errors.AsType[*connect.Error](err)
			assert.True(t, ok)
		})
	}
}

func TestPanicInside(t *testing.T) {
	b := (&bank{}).serve(t)
	p := pipeline(t, bulkhead.Config{MaxConcurrent: 1})
	i := &inner{fails: func(int) error { panic("inside") }}
	c := b.client(t, pay, p, connect.WithInterceptors(i))
	for range 3 { // a lost place would refuse the second call
		assert.PanicsWithValue(t, "inside", func() { _, _ = call(t.Context(), c, "x") })
	}
}

func TestPipelinesByProcedure(t *testing.T) {
	b := (&bank{unary: fails(1_000, connect.CodeUnavailable)}).serve(t)
	keyed, err := holdfast.NewKeyed[string]("bank", holdfast.KeyedConfig{}, quickly(1))
	require.NoError(t, err)
	i := clientInterceptor(t, nil, holdfastconnect.WithPipelines(func(procedure string) *holdfast.Pipeline {
		switch procedure {
		case set:
			return keyed.Get(procedure)
		case read:
			return holdfast.None()
		}
		return nil
	}))
	for procedure, want := range map[string]int64{set: 2, read: 1, pay: 0} {
		b.calls.Store(0)
		c := connect.NewClient[text, text](b.http, b.url+procedure, connect.WithInterceptors(i), connect.WithIdempotency(levels[procedure]))
		_, err := call(t.Context(), c, "x")
		require.Error(t, err)
		assert.Equal(t, want, b.calls.Load(), procedure)
		if want == 0 {
			assert.Equal(t, connect.CodeInternal, connect.CodeOf(err))
			assert.True(t, resilience.Unasked(err))
		}
	}
	c := connect.NewClient[text, text](b.http, b.url+list, connect.WithInterceptors(i))
	_, err = c.CallServerStream(t.Context(), connect.NewRequest(&text{}))
	assert.Equal(t, connect.CodeInternal, connect.CodeOf(err))
}

// An interceptor for the other side must not let calls go unprotected.
func TestWrongSide(t *testing.T) {
	p := pipeline(t, quickly(1))
	b := (&bank{unary: fails(0, 0), list: func(context.Context, int, string, *connect.ServerStream[text]) error { return nil }}).serve(t,
		connect.WithInterceptors(clientInterceptor(t, p)))
	handlers, err := holdfastconnect.NewHandlerInterceptor(p)
	require.NoError(t, err)
	for name, options := range map[string][]connect.ClientOption{"handler": nil, "client": {connect.WithInterceptors(handlers)}} {
		_, err := call(t.Context(), connect.NewClient[text, text](b.http, b.url+pay, options...), "x")
		assert.Equal(t, connect.CodeInternal, connect.CodeOf(err))
		require.ErrorContains(t, err, "given to a "+name)
		c := connect.NewClient[text, text](b.http, b.url+list, options...)
		s, err := c.CallServerStream(t.Context(), connect.NewRequest(&text{}))
		if err == nil {
			require.False(t, s.Receive())
			err = s.Err()
			require.NoError(t, s.Close())
		}
		assert.Equal(t, connect.CodeInternal, connect.CodeOf(err))
		require.ErrorContains(t, err, "given to a "+name)
	}
	assert.Zero(t, b.calls.Load())
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := holdfastconnect.NewClientInterceptor(nil, nil, holdfastconnect.WithPipelines(nil),
		holdfastconnect.WithIdempotentProcedures(""), holdfastconnect.WithRetryCodes(0, 17),
		holdfastconnect.WithStreamBuffer(-1), holdfastconnect.WithPushback(time.Second))
	for _, part := range []string{
		"pipeline", "an option", "WithPipelines", "WithIdempotentProcedures", "WithRetryCodes is 0", "WithRetryCodes is 17", "WithStreamBuffer", "given to a client",
	} {
		require.ErrorContains(t, err, part)
	}
	_, err = holdfastconnect.NewHandlerInterceptor(pipeline(t, quickly(1)), holdfastconnect.WithStreamDeadline(), holdfastconnect.WithPushback(-2))
	require.ErrorContains(t, err, "given to a handler")
	require.ErrorContains(t, err, "WithPushback")
	_, err = holdfastconnect.NewHTTPClient((*http.Client)(nil))
	require.ErrorContains(t, err, "base")
}
