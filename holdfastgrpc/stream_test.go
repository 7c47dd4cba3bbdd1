package holdfastgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var errDown = status.Error(codes.Unavailable, "down")

var anyMethod = holdfastgrpc.WithIdempotentMethods("/")

// send sends messages and leaves the stream open.
func send(t testing.TB, s grpc.ClientStream, messages ...string) {
	t.Helper()
	for _, m := range messages {
		require.NoError(t, s.SendMsg(wrapperspb.String(m)))
	}
}

// list asks for the stream from the server, as generated code does.
func list(ctx context.Context, t testing.TB, conn *grpc.ClientConn, options ...grpc.CallOption) grpc.ClientStream {
	t.Helper()
	s, err := conn.NewStream(ctx, listDesc, listMethod, options...)
	require.NoError(t, err)
	send(t, s, "all")
	require.NoError(t, s.CloseSend())
	return s
}

// receiveAll reads s until it ends.
func receiveAll(s grpc.ClientStream) ([]string, error) {
	var all []string
	for {
		m, err := receive(s)
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

// answer sends messages from the server.
func answer(s grpc.ServerStream, messages ...string) error {
	for _, m := range messages {
		if err := s.SendMsg(wrapperspb.String(m)); err != nil {
			return err
		}
	}
	return nil
}

// Pins: a stream is retried, with its sent messages, until its first message arrives, and not after
// that.
func TestStreamFromServer(t *testing.T) {
	server := (&bank{stream: func(n int, s grpc.ServerStream) error {
		request, err := receiveAtServer(s)
		if err != nil || n < 3 {
			return errors.Join(err, errDown)
		}
		_ = s.SetHeader(metadata.Pairs("attempt", fmt.Sprint(n)))
		if err := answer(s, request, fmt.Sprint(holdfastgrpc.PreviousAttempts(s.Context()))); err != nil {
			return err
		}
		s.SetTrailer(metadata.Pairs("attempt", fmt.Sprint(n)))
		return errDown // after messages
	}}).serve(t)
	p := pipeline(t, quickly(5), breaker.Config{})
	conn := dial(t, server.addr, dialOptions(t, p, anyMethod)...)

	s := list(t.Context(), t, conn)
	header, err := s.Header()
	require.NoError(t, err)
	require.Equal(t, []string{"3"}, header.Get("attempt"))
	_, ok := peer.FromContext(s.Context())
	require.True(t, ok)
	got, err := receiveAll(s)

	require.Equal(t, []string{"all", "2"}, got)
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.NotErrorIs(t, err, retry.ErrExhausted)
	require.Equal(t, []string{"3"}, s.Trailer().Get("attempt"))
	require.EqualValues(t, 3, server.calls.Load())
	snapshot := p.Snapshot()
	require.EqualValues(t, 1, snapshot.Calls)
	require.EqualValues(t, 3, snapshot.Attempts)
	require.Zero(t, snapshot.Live)
}

// Pins: the rules of what is safe to retry are the same for streams and unary calls.
func TestStreamHarm(t *testing.T) {
	server := (&bank{stream: func(n int, s grpc.ServerStream) error {
		if n == 1 {
			if in, _ := receiveAtServer(s); in == "pushback" {
				s.SetTrailer(metadata.Pairs("grpc-retry-pushback-ms", "1"))
			}
			return errDown
		}
		return answer(s, "well")
	}}).serve(t)
	conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(3)))...)
	for request, attempts := range map[string]int64{"": 1, "pushback": 2, "marked": 2} {
		t.Run(request, func(t *testing.T) {
			server.calls.Store(0)
			ctx := t.Context()
			if request == "marked" {
				ctx = resilience.MarkIdempotent(ctx)
			}
			s, err := conn.NewStream(ctx, listDesc, listMethod)
			require.NoError(t, err)
			send(t, s, request)
			require.NoError(t, s.CloseSend())
			_, err = receiveAll(s)
			require.Equal(t, attempts, server.calls.Load())
			if attempts == 1 {
				require.Equal(t, codes.Unavailable, status.Code(err))
				require.True(t, resilience.NoRetry(err))
				return
			}
			require.Equal(t, io.EOF, err)
		})
	}
}

// Pins: a stream that cannot be opened is retried whatever the method, since nothing was sent.
func TestStreamNeverSent(t *testing.T) {
	p := pipeline(t, quickly(2))
	conn := dial(t, "127.0.0.1:1", dialOptions(t, p)...)

	_, err := conn.NewStream(t.Context(), listDesc, listMethod)

	require.ErrorIs(t, err, retry.ErrExhausted)
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.EqualValues(t, 3, p.Snapshot().Attempts)
}

// Pins: the messages sent so far are sent again in order, including CloseSend.
func TestStreamFromClient(t *testing.T) {
	server := (&bank{stream: func(n int, s grpc.ServerStream) error {
		var all []string
		for {
			m, err := receiveAtServer(s)
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			if all = append(all, m); n == 1 && len(all) == 2 {
				return errDown // in the middle
			}
		}
		if n == 2 {
			return errDown // at the end
		}
		return answer(s, strings.Join(all, " "))
	}}).serve(t)
	conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(5)), anyMethod)...)

	s, err := conn.NewStream(t.Context(), sumDesc, sumMethod)
	require.NoError(t, err)
	send(t, s, "one", "two")
	require.Eventually(t, func() bool { return server.calls.Load() == 2 }, 10*time.Second, time.Millisecond)
	send(t, s, "three")
	require.NoError(t, s.CloseSend())
	got, err := receive(s)

	require.NoError(t, err)
	require.Equal(t, "one two three", got)
	require.EqualValues(t, 3, server.calls.Load())
}

// Pins: a bidirectional stream begins at once, and begins again until it is answered, while one
// goroutine sends and another receives.
func TestStreamBothWays(t *testing.T) {
	server := (&bank{stream: func(n int, s grpc.ServerStream) error {
		for i := 0; ; i++ {
			m, err := receiveAtServer(s)
			switch {
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			case n < 3 && i == 3*n:
				return errDown
			case n == 3:
				if err := answer(s, m); err != nil {
					return err
				}
			}
		}
	}}).serve(t)
	conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(5)), anyMethod)...)

	s, err := conn.NewStream(t.Context(), chatDesc, chatMethod)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return server.calls.Load() == 1 }, 10*time.Second, time.Millisecond) // before anything is sent
	sent := make(chan error, 1)
	go func() {
		for i := range 200 {
			if err := s.SendMsg(wrapperspb.String(fmt.Sprint(i))); err != nil {
				sent <- err
				return
			}
		}
		sent <- s.CloseSend()
	}()
	got, err := receiveAll(s)

	require.Equal(t, io.EOF, err)
	require.NoError(t, <-sent)
	require.Len(t, got, 200)
	for i, m := range got {
		require.Equal(t, fmt.Sprint(i), m)
	}
	require.EqualValues(t, 3, server.calls.Load())
}

// Pins: sending again does not wait for the server to read while the server waits for the client to
// read.
func TestStreamRepeatsWhileItReceives(t *testing.T) {
	const messages, window = 100, 64 << 10
	large := strings.Repeat("x", 16<<10)
	server := (&bank{stream: func(n int, s grpc.ServerStream) error {
		for i := 0; ; i++ {
			m, err := receiveAtServer(s)
			switch {
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			case n == 1 && i == messages/2:
				return errDown
			case n == 2:
				if err := answer(s, m); err != nil {
					return err
				}
			}
		}
	}}).serve(t, grpc.StaticStreamWindowSize(window), grpc.StaticConnWindowSize(window))
	conn := dial(t, server.addr, append(
		dialOptions(t, pipeline(t, quickly(5)), anyMethod, holdfastgrpc.WithStreamBuffer(4<<20)),
		grpc.WithStaticStreamWindowSize(window), grpc.WithStaticConnWindowSize(window))...)

	s, err := conn.NewStream(t.Context(), chatDesc, chatMethod)
	require.NoError(t, err)
	sent := make(chan error, 1)
	go func() {
		for range messages {
			if err := s.SendMsg(wrapperspb.String(large)); err != nil {
				sent <- err
				return
			}
		}
		sent <- s.CloseSend()
	}()
	got, err := receiveAll(s)

	require.Equal(t, io.EOF, err)
	require.NoError(t, <-sent)
	require.Len(t, got, messages)
	require.EqualValues(t, 2, server.calls.Load())
}

// Pins: a stream whose sent messages exceed the buffer is committed, and its failure ends it.
func TestStreamBuffer(t *testing.T) {
	for _, test := range []struct {
		buffer   int
		attempts int64
	}{{4, 1}, {1000, 3}, {0, 1}} {
		t.Run(fmt.Sprint(test.buffer), func(t *testing.T) {
			server := (&bank{stream: func(_ int, s grpc.ServerStream) error {
				for {
					if _, err := receiveAtServer(s); err != nil {
						return errDown
					}
				}
			}}).serve(t)
			p := pipeline(t, quickly(2))
			conn := dial(t, server.addr, dialOptions(t, p, anyMethod, holdfastgrpc.WithStreamBuffer(test.buffer))...)

			s, err := conn.NewStream(t.Context(), sumDesc, sumMethod)
			require.NoError(t, err)
			send(t, s, "one", "two")
			require.NoError(t, s.CloseSend())
			_, err = receive(s)

			require.Equal(t, codes.Unavailable, status.Code(err))
			require.Equal(t, test.attempts, server.calls.Load())
			require.Error(t, s.SendMsg(wrapperspb.String("more")))
			header, err := s.Header()
			require.NoError(t, err)
			require.Nil(t, header)
		})
	}
}

// Pins: a stream that ends with success, without a message or a header, is not a failure.
func TestStreamOfNothing(t *testing.T) {
	server := (&bank{stream: func(_ int, s grpc.ServerStream) error {
		s.SetTrailer(metadata.Pairs("count", "0"))
		return nil
	}}).serve(t)
	p := pipeline(t, quickly(3))
	conn := dial(t, server.addr, dialOptions(t, p, anyMethod)...)

	s := list(t.Context(), t, conn)
	got, err := receiveAll(s)

	require.Equal(t, io.EOF, err)
	require.Empty(t, got)
	require.Equal(t, []string{"0"}, s.Trailer().Get("count"))
	require.Zero(t, p.Snapshot().Failed)
}

// Pins: generated code gets no error when it sends a stream's only message, even if the stream has
// already ended.
func TestStreamIsOverBeforeItsRequest(t *testing.T) {
	server := (&bank{stream: func(int, grpc.ServerStream) error { return errDown }}).serve(t)
	p := pipeline(t, quickly(1))
	conn := dial(t, server.addr, dialOptions(t, p, anyMethod)...)

	s, err := conn.NewStream(t.Context(), listDesc, listMethod)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return p.Snapshot().Failed == 1 }, 10*time.Second, time.Millisecond)
	_, _ = s.Header() // it has failed for good
	send(t, s, "all")
	require.NoError(t, s.CloseSend())
	_, err = receive(s)

	require.ErrorIs(t, err, retry.ErrExhausted)
}

// Pins: when the header arrives, the stream is committed, as in gRPC.
func TestStreamHeaderCommits(t *testing.T) {
	server := (&bank{stream: func(_ int, s grpc.ServerStream) error {
		_ = s.SendHeader(metadata.Pairs("early", "yes"))
		return errDown
	}}).serve(t)
	p := pipeline(t, quickly(3))
	conn := dial(t, server.addr, dialOptions(t, p, anyMethod)...)

	_, err := receiveAll(list(t.Context(), t, conn))

	require.Equal(t, codes.Unavailable, status.Code(err))
	require.EqualValues(t, 1, server.calls.Load())
}

// Pins: the deadline of an attempt ends the wait for a stream's beginning, but not the stream.
func TestStreamOutlivesItsAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attemptOver := make(chan struct{})
		server := (&bank{stream: func(n int, s grpc.ServerStream) error {
			if n == 1 {
				<-s.Context().Done() // hangs
				return s.Context().Err()
			}
			if err := answer(s, "first"); err != nil {
				return err
			}
			<-attemptOver
			return answer(s, "second")
		}}).serveInMemory(t)
		p := pipeline(t, quickly(1), deadline.In(brief))
		conn := dialInMemory(t, server, dialOptions(t, p, anyMethod, holdfastgrpc.WithStreamDeadline())...)

		s := list(t.Context(), t, conn)
		got, err := receive(s)
		require.NoError(t, err)
		require.Equal(t, "first", got)
		<-time.After(2 * brief) // longer than an attempt may take
		close(attemptOver)
		got, err = receive(s)
		require.NoError(t, err)
		require.Equal(t, "second", got)
		_, err = receive(s)
		require.Equal(t, io.EOF, err)
	})
}

// Pins: if all attempts hang, the error is the attempt's deadline, not a cancellation.
func TestStreamThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := (&bank{stream: func(_ int, s grpc.ServerStream) error {
			<-s.Context().Done()
			return s.Context().Err()
		}}).serveInMemory(t)
		p := pipeline(t, quickly(1), breaker.Config{}, deadline.In(brief))
		conn := dialInMemory(t, server, dialOptions(t, p, anyMethod, holdfastgrpc.WithStreamDeadline())...)

		_, err := receiveAll(list(t.Context(), t, conn))

		require.Equal(t, codes.DeadlineExceeded, status.Code(err))
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.Equal(t, 2, blamed(p))
	})
}

// Pins: a caller who cancels ends the stream, before its first message and after, and no breaker
// counts a failure.
func TestStreamCallerLeaves(t *testing.T) {
	server := (&bank{stream: func(_ int, s grpc.ServerStream) error {
		if in, _ := receiveAtServer(s); in == "answer" {
			_ = answer(s, "first")
		}
		<-s.Context().Done()
		return s.Context().Err()
	}}).serve(t)
	for _, request := range []string{"answer", "hang"} {
		p := pipeline(t, quickly(3), breaker.Config{})
		conn := dial(t, server.addr, dialOptions(t, p, anyMethod)...)
		server.calls.Store(0)
		ctx, cancel := context.WithCancel(t.Context())
		s, err := conn.NewStream(ctx, listDesc, listMethod)
		require.NoError(t, err)
		send(t, s, request)
		require.NoError(t, s.CloseSend())
		if request == "answer" {
			_, err := receive(s)
			require.NoError(t, err)
		} else {
			require.Eventually(t, func() bool { return server.calls.Load() == 1 }, 10*time.Second, time.Millisecond)
		}
		cancel()
		_, err = receiveAll(s)
		require.Equal(t, codes.Canceled, status.Code(err))
		require.EqualValues(t, 1, server.calls.Load())
		require.Zero(t, blamed(p))
	}
}

// Pins: a pipeline's refusal is returned when the stream is opened.
func TestStreamRefused(t *testing.T) {
	gate, err := breaker.New(breaker.Config{})
	require.NoError(t, err)
	gate.Isolate()
	conn := dial(t, "127.0.0.1:1", dialOptions(t, pipeline(t, quickly(3), gate))...)

	_, err = conn.NewStream(t.Context(), chatDesc, chatMethod)

	require.ErrorIs(t, err, breaker.ErrOpen)
	require.Equal(t, codes.Unavailable, status.Code(err))
}

// Pins: a message that cannot be sent is the caller's mistake, and is not sent again.
func TestStreamMessageThatCannotBeSent(t *testing.T) {
	for name, m := range map[string]any{"no message": struct{}{}, "too large": wrapperspb.String(strings.Repeat("x", 100))} {
		t.Run(name, func(t *testing.T) {
			server := (&bank{stream: func(_ int, s grpc.ServerStream) error {
				_, err := receiveAtServer(s)
				return err
			}}).serve(t)
			conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(3)), anyMethod)...)
			s, err := conn.NewStream(t.Context(), sumDesc, sumMethod, grpc.MaxCallSendMsgSize(50))
			require.NoError(t, err)
			require.Error(t, s.SendMsg(m))
			_, err = receive(s)
			require.Error(t, err)
			require.LessOrEqual(t, server.calls.Load(), int64(1))
		})
	}
}

// Pins: a panic of an observer is raised in the caller's goroutine, and in no other.
func TestStreamPanic(t *testing.T) {
	server := (&bank{stream: func(_ int, s grpc.ServerStream) error { return answer(s, "well") }}).serve(t)
	p := pipeline(t, holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventAttempt {
			panic("observer")
		}
	})), quickly(3))
	conn := dial(t, server.addr, dialOptions(t, p, anyMethod)...)

	require.PanicsWithValue(t, "observer", func() {
		s, err := conn.NewStream(t.Context(), listDesc, listMethod)
		if err == nil {
			_, _ = receiveAll(s)
		}
	})
}

// Pins: a stream through a nil pipeline is gRPC's own.
func TestStreamUnprotected(t *testing.T) {
	server := (&bank{stream: func(int, grpc.ServerStream) error { return errDown }}).serve(t)
	conn := dial(t, server.addr, dialOptions(t, holdfast.None())...)

	_, err := receiveAll(list(t.Context(), t, conn))

	require.Equal(t, codes.Unavailable, status.Code(err))
	require.EqualValues(t, 1, server.calls.Load())
}

// Pins: whoever receives from a stream that is over is told the same again.
func TestReceiveAfterTheEnd(t *testing.T) {
	for _, end := range []error{nil, status.Error(codes.Aborted, "no")} {
		for messages := range 2 {
			server := (&bank{stream: func(_ int, s grpc.ServerStream) error {
				if _, err := receiveAtServer(s); err != nil {
					return err
				}
				for range messages {
					if err := answer(s, "paid"); err != nil {
						return err
					}
				}
				return end
			}}).serve(t)
			conn := dial(t, server.addr, dialOptions(t, pipeline(t, quickly(2)))...)
			s, err := conn.NewStream(t.Context(), chatDesc, chatMethod)
			require.NoError(t, err)
			require.NoError(t, s.SendMsg(wrapperspb.String("10 EUR")))
			for range messages {
				_, err = receive(s)
				require.NoError(t, err)
			}
			_, first := receive(s)
			require.Equal(t, end == nil, first == io.EOF, "%v", first) //nolint:errorlint // gRPC documents this very value
			for range 2 {
				_, err = receive(s)
				require.Equal(t, first.Error(), err.Error())
				require.Equal(t, errors.Is(first, resilience.ErrOutcomeUnknown), errors.Is(err, resilience.ErrOutcomeUnknown))
			}
		}
	}
}
