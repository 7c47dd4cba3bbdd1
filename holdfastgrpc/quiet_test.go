package holdfastgrpc_test

import (
	"context"
	"io"
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
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

const brief = 50 * time.Millisecond // an attempt's deadline, for streams that outlive it; for bubbles

// quietBank sends nothing on a stream, not even a header, until speak is closed. Then it sends one
// message, and fails.
func quietBank() (server *bank, speak chan struct{}) {
	speak = make(chan struct{})
	return &bank{stream: func(_ int, s grpc.ServerStream) error {
		select {
		case <-speak:
		case <-s.Context().Done():
			return s.Context().Err()
		}
		if err := answer(s, "news"); err != nil {
			return err
		}
		return errDown
	}}, speak
}

// isCommitted waits until the pipeline has ended for all streams.
func isCommitted(t *testing.T, p *holdfast.Pipeline) {
	t.Helper()
	require.Eventually(t, func() bool { return p.Snapshot().Calls > 0 && p.Snapshot().Live == 0 }, 20*time.Second, time.Millisecond)
}

// Pins: a subscription without news outlives every deadline of the pipeline, is opened once, is not
// a failure, and holds no place in a bulkhead.
func TestQuietSubscription(t *testing.T) {
	for name, stages := range map[string][]resilience.Stage{
		"attempt":  {quickly(5), breaker.Config{}, bulkhead.Config{MaxConcurrent: 1}, deadline.In(brief)},
		"call":     {deadline.In(brief), quickly(5), breaker.Config{}, bulkhead.Config{MaxConcurrent: 1}},
		"critical": append(holdfast.Critical(), bulkhead.Config{MaxConcurrent: 1}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, speak := quietBank()
				server.serveInMemory(t)
				p := pipeline(t, stages...)
				conn := dialInMemory(t, server, dialOptions(t, p, anyMethod)...)

				s := list(t.Context(), t, conn)
				isCommitted(t, p)
				other := list(t.Context(), t, conn) // there is room
				close(speak)
				for _, s := range []grpc.ClientStream{s, other} {
					header, err := s.Header()
					require.NoError(t, err)
					require.NotNil(t, header)
					got, err := receiveAll(s)
					require.Equal(t, []string{"news"}, got)
					require.Equal(t, codes.Unavailable, status.Code(err))
				}
				isCommitted(t, p)
				require.EqualValues(t, 2, server.calls.Load())
				require.Zero(t, p.Snapshot().Failed)
				require.Zero(t, blamed(p))
			})
		})
	}
}

// Pins: a stream that fails before its attempt's deadline is opened again; one that fails later is
// not.
func TestQuietSubscriptionFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := (&bank{}).serveInMemory(t)
		fail := make(chan struct{})
		server.stream = func(n int, s grpc.ServerStream) error {
			if n > 1 {
				<-fail
			}
			return errDown
		}
		p := pipeline(t, quickly(3), deadline.In(brief))
		conn := dialInMemory(t, server, dialOptions(t, p, anyMethod)...)

		s := list(t.Context(), t, conn)
		isCommitted(t, p)
		close(fail)
		_, err := receive(s)

		require.Equal(t, codes.Unavailable, status.Code(err))
		require.EqualValues(t, 2, server.calls.Load())
		header, err := s.Header()
		require.NoError(t, err)
		require.Nil(t, header)
	})
}

// Pins: a quiet subscription that ends with success and without a header ends with io.EOF.
func TestQuietSubscriptionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		server := (&bank{stream: func(int, grpc.ServerStream) error { <-end; return nil }}).serveInMemory(t)
		p := pipeline(t, quickly(3), deadline.In(brief))
		conn := dialInMemory(t, server, dialOptions(t, p, anyMethod)...)
		s := list(t.Context(), t, conn)
		isCommitted(t, p)
		close(end)
		_, err := receive(s)
		require.Equal(t, io.EOF, err)
	})
}

// Pins: a caller who cancels a quiet subscription gets CANCELLED.
func TestQuietSubscriptionIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _ := quietBank()
		server.serveInMemory(t)
		for _, wait := range []bool{false, true} {
			server.calls.Store(0)
			p := pipeline(t, quickly(3), breaker.Config{}, deadline.In(map[bool]time.Duration{false: time.Hour, true: brief}[wait]))
			conn := dialInMemory(t, server, dialOptions(t, p, anyMethod)...)
			ctx, cancel := context.WithCancel(t.Context())
			s := list(ctx, t, conn)
			if wait {
				isCommitted(t, p)
			} else {
				require.Eventually(t, func() bool { return server.calls.Load() == 1 }, 20*time.Second, time.Millisecond)
			}
			cancel()
			_, err := receive(s)
			require.Equal(t, codes.Canceled, status.Code(err))
			require.Zero(t, blamed(p))
			require.Equal(t, !wait, p.Snapshot().Failed == 1) // a call that was left did not succeed
		}
	})
}

// Pins: with WithStreamDeadline, a stream without an answer by the deadline fails.
func TestStreamDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _ := quietBank()
		server.serveInMemory(t)
		p := pipeline(t, quickly(2), breaker.Config{}, deadline.In(brief))
		conn := dialInMemory(t, server, dialOptions(t, p, anyMethod, holdfastgrpc.WithStreamDeadline())...)

		_, err := receive(list(t.Context(), t, conn))

		require.Equal(t, codes.DeadlineExceeded, status.Code(err))
		require.EqualValues(t, 3, server.calls.Load())
		require.Equal(t, 3, blamed(p))
	})
}

// Pins: until a stream has a connection, the attempt's deadline covers it in any case.
func TestDeadlineUntilThereIsAConnection(t *testing.T) {
	p := pipeline(t, quickly(1), breaker.Config{}, deadline.In(brief))
	conn := dial(t, "127.0.0.1:1", dialOptions(t, p)...)

	_, err := conn.NewStream(t.Context(), listDesc, listMethod, grpc.WaitForReady(true))

	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
	require.EqualValues(t, 2, p.Snapshot().Attempts)
	require.Equal(t, 2, blamed(p))
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
}

// Pins: a stream whose sent messages exceed the buffer is committed at once: no deadline ends it,
// and its place in the bulkhead is free.
func TestCommittedEarly(t *testing.T) {
	for name, option := range map[string]holdfastgrpc.Option{"default": nil, "with deadline": holdfastgrpc.WithStreamDeadline()} {
		t.Run(name, func(t *testing.T) {
			goOn := make(chan struct{})
			server := (&bank{stream: func(_ int, s grpc.ServerStream) error {
				count := 0
				for {
					if _, err := receiveAtServer(s); err == io.EOF {
						break
					} else if err != nil {
						return err
					}
					count++
				}
				<-goOn
				return answer(s, map[int]string{3: "three"}[count])
			}}).serve(t)
			p := pipeline(t, deadline.In(time.Hour), quickly(3), bulkhead.Config{MaxConcurrent: 1}, deadline.In(time.Minute))
			conn := dial(t, server.addr, dialOptions(t, p, anyMethod, holdfastgrpc.WithStreamBuffer(6), option)...)

			s, err := conn.NewStream(t.Context(), sumDesc, sumMethod)
			require.NoError(t, err)
			send(t, s, "a")
			require.EqualValues(t, 1, p.Snapshot().Live)
			send(t, s, "bcdef")
			isCommitted(t, p) // long before the deadline
			send(t, s, "g")
			require.NoError(t, s.CloseSend())
			close(goOn)
			got, err := receive(s)

			require.NoError(t, err)
			require.Equal(t, "three", got)
			require.EqualValues(t, 1, server.calls.Load())
		})
	}
}

// Pins: a message of unknown size commits the stream, and messages stay in order while kept
// messages are still being sent again.
func TestCommittedWhileItRepeats(t *testing.T) {
	server := (&bank{stream: func(n int, s grpc.ServerStream) error {
		if n == 1 {
			_, _ = receiveAtServer(s)
			return errDown
		}
		var all string
		for {
			m, err := receiveAtServer(s)
			if err == io.EOF {
				return answer(s, all)
			}
			if err != nil {
				return err
			}
			all += m
		}
	}}).serve(t)
	p := pipeline(t, quickly(3))
	conn := dial(t, server.addr, dialOptions(t, p, anyMethod, holdfastgrpc.WithStreamBuffer(10))...)
	s, err := conn.NewStream(t.Context(), sumDesc, sumMethod)
	require.NoError(t, err)
	send(t, s, "a")
	require.Eventually(t, func() bool { return server.calls.Load() == 2 }, 20*time.Second, time.Millisecond)
	send(t, s, "b", "0123456789")
	isCommitted(t, p)
	send(t, s, "c")
	require.NoError(t, s.CloseSend())
	got, err := receive(s)
	require.NoError(t, err)
	require.Equal(t, "ab0123456789c", got)
}

// Pins: one method can be kept out of every pipeline, and the others have the default.
func TestNone(t *testing.T) {
	server, _ := quietBank()
	server.serve(t)
	server.unary = func(context.Context, int, string) (string, error) { return "", errDown }
	p := pipeline(t, quickly(2))
	options := dialOptions(t, p, anyMethod, holdfastgrpc.WithPipelines(func(method string) *holdfast.Pipeline {
		if method == listMethod || method == payMethod {
			return holdfast.None()
		}
		return nil
	}))
	conn := dial(t, server.addr, options...)
	ctx, cancel := context.WithCancel(t.Context())
	s := list(ctx, t, conn)
	_, err := call(t.Context(), conn, payMethod, "")
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.Zero(t, p.Snapshot().Calls)
	_, err = call(t.Context(), conn, readMethod, "")
	require.Error(t, err)
	require.EqualValues(t, 1, p.Snapshot().Calls)
	require.EqualValues(t, 3, p.Snapshot().Attempts)
	cancel()
	_ = s.RecvMsg(&wrapperspb.StringValue{})

	conn = dial(t, server.addr, dialOptions(t, holdfast.None())...)
	_, err = call(t.Context(), conn, readMethod, "")
	require.Equal(t, codes.Unavailable, status.Code(err))
}
