package holdfastconnect_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastconnect"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// plain is a client of b without this package.
func (b *bank) plain(procedure string, options ...connect.ClientOption) *client {
	return connect.NewClient[text, text](b.http, b.url+procedure, options...)
}

func metaOf(t *testing.T, err error) http.Header {
	t.Helper()
	e, ok := errors.AsType[*connect.Error](err)
	require.True(t, ok, "%v", err)
	return e.Meta()
}

// A full handler says that it did nothing and when to come back, and a client with this package
// comes back, even with a call that must be sent once.
func TestRefusal(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		p := pipeline(t, bulkhead.Config{MaxConcurrent: 1})
		b := &bank{unary: fails(0, 0)}
		b.serve(t, handlerInterceptor(t, p, holdfastconnect.WithPushback(5*time.Millisecond)))
		inside, leave := make(chan struct{}), make(chan struct{})
		go func() {
			_ = p.Do(context.Background(), func(context.Context) error { close(inside); <-leave; return nil })
		}()
		<-inside
		_, err := call(t.Context(), b.plain(pay, protocol), "x")
		assert.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err))
		assert.Equal(t, "5", metaOf(t, err).Get("grpc-retry-pushback-ms"))
		assert.Equal(t, "1", metaOf(t, err).Get("holdfast-refused"))
		if e := metaOf(t, err); e.Get("Trailer-Holdfast-Refused") == "" && e.Get("Retry-After") != "" {
			assert.Equal(t, "1", e.Get("Retry-After"))
		}
		assert.Zero(t, b.calls.Load())

		i := &inner{fails: func(n int) error {
			if n == 2 {
				close(leave)
				require.Eventually(t, func() bool { return p.Snapshot().Bulkheads[0].InUse == 0 }, 5*time.Second, time.Millisecond)
			}
			return nil
		}}
		answer, err := call(resilience.MarkOnce(t.Context()), b.client(t, pay, pipeline(t, quickly(1)), protocol, connect.WithInterceptors(i)), "x")
		require.NoError(t, err)
		assert.Equal(t, "ok", answer)
		assert.EqualValues(t, 1, b.calls.Load())
	})
}

// What knows only HTTP is told too.
func TestRetryAfterOfRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipeline(t, ratelimit.Config{Rate: 0.001, Burst: 1})
		b := &bank{unary: fails(0, 0)}
		defer b.serveInMemory(handlerInterceptor(t, p))()
		_, err := call(t.Context(), b.plain(pay), "x")
		require.NoError(t, err)
		_, err = call(t.Context(), b.plain(pay), "x")
		assert.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err))
		assert.Equal(t, "1000", metaOf(t, err).Get("Retry-After"))
		assert.Equal(t, "1000000", metaOf(t, err).Get("grpc-retry-pushback-ms"))
	})
}

func TestOpenBreakerOfHandler(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		for pushback, want := range map[time.Duration]string{-1: "-1", 0: `^\d\d\d\d$`} {
			synctest.Test(t, func(t *testing.T) {
				p := pipeline(t, breaker.Config{ConsecutiveFailures: 1, OpenFor: 5 * time.Second})
				b := &bank{unary: fails(9, connect.CodeInternal)}
				defer b.serveInMemory(handlerInterceptor(t, p, holdfastconnect.WithPushback(pushback)))()
				_, err := call(t.Context(), b.plain(pay, protocol), "x")
				assert.Equal(t, connect.CodeInternal, connect.CodeOf(err))
				assert.Empty(t, metaOf(t, err).Get("holdfast-refused"))
				_, err = call(t.Context(), b.plain(pay, protocol), "x")
				assert.Equal(t, connect.CodeUnavailable, connect.CodeOf(err))
				assert.Regexp(t, want, metaOf(t, err).Get("grpc-retry-pushback-ms"))
				assert.EqualValues(t, 1, b.calls.Load())
			})
		}
	})
}

// A panic of a handler passes, and leaves no place taken.
func TestPanicOfHandler(t *testing.T) {
	p := pipeline(t, bulkhead.Config{MaxConcurrent: 1})
	panics := true
	b := (&bank{
		unary: func(context.Context, int, *connect.Request[text]) (string, error) {
			if panics {
				panic("as the test wants")
			}
			return "ok", nil
		},
		list: func(context.Context, int, string, *connect.ServerStream[text]) error { panic("as the test wants") },
	}).serve(t, handlerInterceptor(t, p))
	for range 3 {
		_, err := call(t.Context(), b.plain(pay), "x")
		require.Error(t, err)
		assert.NotEqual(t, connect.CodeResourceExhausted, connect.CodeOf(err))
		_, err = receiveAll(b.plain(list).CallServerStream(t.Context(), connect.NewRequest(&text{})))
		require.Error(t, err)
		assert.NotEqual(t, connect.CodeResourceExhausted, connect.CodeOf(err))
	}
	panics = false
	_, err := call(t.Context(), b.plain(pay), "x")
	require.NoError(t, err)
	assert.Zero(t, p.Snapshot().Bulkheads[0].InUse)
}

// A handler whose deadline has passed in the queue does not run.
func TestLateCallDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipeline(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Minute})
		b := &bank{unary: fails(0, 0)}
		end := b.serveInMemory(handlerInterceptor(t, p))
		defer end()
		_ = p.Do(t.Context(), func(context.Context) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := call(ctx, b.plain(pay), "x")
			assert.Equal(t, connect.CodeDeadlineExceeded, connect.CodeOf(err))
			synctest.Wait() // the server's deadline passes at the same time
			return nil
		})
		assert.Zero(t, b.calls.Load())
	})
}

// The retries of three layers do not multiply: each server says that its own have given up, also if
// the outcome of a call that may be repeated is unknown.
func TestLayersDoNotMultiply(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		for _, procedure := range []string{read, set} {
			last := (&bank{unary: fails(1_000, connect.CodeUnavailable)}).serve(t)
			behind := last
			for range 2 {
				c := behind.client(t, procedure, pipeline(t, quickly(3)), protocol)
				behind = (&bank{unary: func(ctx context.Context, _ int, req *connect.Request[text]) (string, error) {
					answer, err := call(ctx, c, req.Msg.GetValue())
					if err != nil {
						return "", fmt.Errorf("behind: %w", err)
					}
					return answer, nil
				}}).serve(t, handlerInterceptor(t, holdfast.None()))
			}
			_, err := call(t.Context(), behind.client(t, procedure, pipeline(t, quickly(3)), protocol), "x")
			assert.Equal(t, connect.CodeUnavailable, connect.CodeOf(err))
			assert.Equal(t, resilience.ReasonExhausted, resilience.ReasonOf(err))
			assert.EqualValues(t, 4, last.calls.Load(), "and not 64")
		}
	})
}

// If the call further in must not be made twice, no mark of the client overrules that.
func TestOutcomeUnknownFurtherIn(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		last := (&bank{unary: fails(1_000, connect.CodeUnavailable)}).serve(t)
		c := last.client(t, pay, pipeline(t, quickly(3)), protocol)
		front := (&bank{unary: func(ctx context.Context, _ int, _ *connect.Request[text]) (string, error) { return call(ctx, c, "x") }}).
			serve(t, handlerInterceptor(t, pipeline(t, counting())))
		_, err := call(resilience.MarkIdempotent(t.Context()), front.client(t, set, pipeline(t, quickly(3)), protocol), "x")
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		assert.True(t, resilience.NoRetry(err))
		assert.EqualValues(t, 1, last.calls.Load())
	})
}

// A handler that passes on the error of another server does not pass on that server's refusal: its
// own work has been done.
func TestRefusalIsNotPassedOn(t *testing.T) {
	full := pipeline(t, bulkhead.Config{MaxConcurrent: 1})
	last := (&bank{unary: fails(0, 0)}).serve(t, handlerInterceptor(t, full))
	front := (&bank{unary: func(ctx context.Context, _ int, _ *connect.Request[text]) (answer string, err error) {
		_ = full.Do(ctx, func(ctx context.Context) error { answer, err = call(ctx, last.plain(pay), "x"); return nil })
		return answer, err
	}}).serve(t, handlerInterceptor(t, holdfast.None()))
	_, err := call(t.Context(), front.client(t, pay, pipeline(t, quickly(3))), "x")
	assert.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err))
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	assert.EqualValues(t, 1, front.calls.Load())
}

// A handler's stream counts as one call until it returns, and a refused one says so.
func TestStreamOfHandler(t *testing.T) {
	inAllProtocols(t, func(t *testing.T, protocol connect.ClientOption) {
		t.Helper()
		p := pipeline(t, bulkhead.Config{MaxConcurrent: 1}, retry.Custom(3, time.Millisecond, time.Millisecond, false))
		begun, leave := make(chan struct{}), make(chan struct{})
		b := (&bank{list: func(_ context.Context, n int, _ string, s *connect.ServerStream[text]) error {
			if n == 1 {
				if err := s.Send(wrapperspb.String("first")); err != nil {
					return err
				}
				close(begun)
				<-leave
				return connect.NewError(connect.CodeUnavailable, errors.New("going away"))
			}
			return s.Send(wrapperspb.String("second"))
		}}).serve(t, handlerInterceptor(t, p))
		first, err := b.plain(list, protocol).CallServerStream(t.Context(), connect.NewRequest(&text{}))
		require.NoError(t, err)
		<-begun
		_, err = receiveAll(b.plain(list, protocol).CallServerStream(t.Context(), connect.NewRequest(&text{})))
		assert.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err))
		assert.Equal(t, "1", metaOf(t, err).Get("holdfast-refused"))
		close(leave)
		got, err := receiveAll(first, nil)
		assert.Equal(t, []string{"first"}, got)
		assert.Equal(t, connect.CodeUnavailable, connect.CodeOf(err))
		assert.EqualValues(t, 1, b.calls.Load(), "a handler never runs twice")
		got, err = receiveAll(b.plain(list, protocol).CallServerStream(t.Context(), connect.NewRequest(&text{})))
		require.NoError(t, err)
		assert.Equal(t, []string{"second"}, got)
	})
}
