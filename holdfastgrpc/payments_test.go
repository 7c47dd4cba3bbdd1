package holdfastgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/resilience"
)

// Pins: under connections that die before and after a payment is made, servers that refuse, and
// servers that fail, no payment is made twice, each acknowledged payment was made, and every error
// is true: if it is neither ErrOutcomeUnknown nor an answer of the handler, nothing was paid.
func TestPayments(t *testing.T) {
	var (
		between *proxy
		mu      sync.Mutex
		paid    = map[string]int{}
	)
	pay := func(n int, id string, done <-chan struct{}) error {
		if n%7 == 0 { // dies before
			between.kill()
			<-done
			return io.ErrUnexpectedEOF
		}
		mu.Lock()
		paid[id]++
		mu.Unlock()
		switch {
		case n%5 == 0: // dies after
			between.kill()
		case n%11 == 0:
			return errDown // after it was paid
		}
		return nil
	}
	server := (&bank{
		unary: func(ctx context.Context, n int, id string) (string, error) { return id, pay(n, id, ctx.Done()) },
		stream: func(n int, s grpc.ServerStream) error {
			var id string
			for {
				part, err := receiveAtServer(s)
				if err == io.EOF {
					break
				}
				if err != nil {
					return err
				}
				id += part
			}
			if err := pay(n, id, s.Context().Done()); err != nil {
				return err
			}
			return answer(s, id)
		},
	}).serve(t, serverOptions(t, pipeline(t, resilience.Prebuilt(new(everyFourth))), holdfastgrpc.WithPushback(0))...)
	between = startProxy(t, server.addr)
	p := pipeline(t, quickly(1000))
	conn := dial(t, between.addr(), dialOptions(t, p)...)
	byStream := func(ctx context.Context, id string) error {
		s, err := conn.NewStream(ctx, sumDesc, sumMethod)
		if err != nil {
			return err
		}
		for _, part := range []string{id[:1], id[1:]} {
			if err := s.SendMsg(wrapperspb.String(part)); err != nil {
				break // RecvMsg says why
			}
		}
		_ = s.CloseSend()
		_, err = receive(s)
		return err
	}

	var acknowledged, unknown, other int
	var wrong []string
	outcomes := map[string]error{}
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := range 100 {
				id := fmt.Sprint(caller, "-", i)
				ctx := t.Context()
				if i%3 == 0 {
					ctx = resilience.MarkOnce(ctx)
				}
				var err error
				if i%2 == 0 {
					err = byStream(ctx, id)
				} else {
					_, err = call(ctx, conn, payMethod, id)
				}
				mu.Lock()
				outcomes[id] = err
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	server.server.Stop() // a handler whose caller has gone may still be at it

	mu.Lock()
	defer mu.Unlock()
	for id, err := range outcomes {
		times := paid[id]
		switch {
		case err == nil:
			acknowledged++
			if times != 1 {
				wrong = append(wrong, fmt.Sprintf("%s was acknowledged, and made %d times", id, times))
			}
		case errors.Is(err, resilience.ErrOutcomeUnknown):
			unknown++
			if times > 1 {
				wrong = append(wrong, fmt.Sprintf("%s was made %d times: %v", id, times, err))
			}
		default:
			other++
			if times != 0 {
				wrong = append(wrong, fmt.Sprintf("%s was made %d times, and the error does not say so: %v", id, times, err))
			}
		}
	}
	t.Logf("%d acknowledged, %d unknown, %d other, %d attempts", acknowledged, unknown, other, p.Snapshot().Attempts)
	require.Empty(t, wrong)
	require.Positive(t, acknowledged)
	require.Positive(t, unknown)
	require.Greater(t, p.Snapshot().Attempts, uint64(len(outcomes))) // something was retried
}

// everyFourth is a guard that refuses every fourth call.
type everyFourth struct{ calls atomic.Int64 }

func (e *everyFourth) Acquire(context.Context) error {
	if e.calls.Add(1)%4 == 0 {
		return errNo
	}
	return nil
}

func (*everyFourth) Release(context.Context, error) {}
func (e *everyFourth) Wrap(next resilience.Func) resilience.Func {
	return resilience.WrapGuard(e, next)
}
