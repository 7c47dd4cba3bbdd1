//go:build !race

package resilience_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

func TestClassifyAllocatesNothing(t *testing.T) {
	for name, err := range map[string]error{
		"unknown":   errUnknown,
		"marked":    resilience.MarkOverload(errUnknown, time.Second),
		"wrapped":   fmt.Errorf("charge: %w", resilience.MarkTransient(errUnknown)),
		"refused":   &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"dns":       &net.DNSError{IsTemporary: true},
		"retryable": retryAfterError(time.Second),
		"Error":     &resilience.Error{Kind: resilience.KindDatabase, Err: io.ErrUnexpectedEOF},
		"deadline":  context.DeadlineExceeded,
	} {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			resilience.Classify(err)
			resilience.RetryAfter(err)
			resilience.ReasonOf(err)
			resilience.Judge(t.Context(), nil, err)
		}), name)
	}
}

// passes is a Guard that admits every call.
type passes struct{}

func (p passes) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(p, next) }
func (passes) Acquire(context.Context) error               { return nil }
func (passes) Release(context.Context, error)              {}

// carries is a TicketGuard that admits every call.
type carries struct{ passes }

func (c *carries) Admit(context.Context) (resilience.Ticket, error) {
	return resilience.Ticket{Number: 1 << 40, Ref: c}, nil
}

func (*carries) Done(context.Context, resilience.Ticket, error) {}

func TestWrapGuardAllocatesNothingPerCall(t *testing.T) {
	for name, g := range map[string]resilience.Guard{"a Guard": passes{}, "a TicketGuard": &carries{}} {
		call := resilience.WrapGuard(g, func(context.Context) error { return nil })
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = call(t.Context()) }), name)
	}
}

func TestLogObserverAllocatesNothingWhenOff(t *testing.T) {
	o := resilience.NewLogObserver(slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError})))
	for kind := range resilience.EventKind(resilience.NumEventKinds + 1) {
		e := resilience.Event{Kind: kind, Verdict: resilience.Transient, Attempt: 1000, Elapsed: time.Second, Err: errUnknown}
		require.Zero(t, testing.AllocsPerRun(100, func() { o.Observe(context.Background(), e) }), kind.String())
	}
}

func TestFanOutAllocatesNothing(t *testing.T) {
	n := 0
	one := resilience.ObserverFunc(func(context.Context, resilience.Event) { n++ })
	o := resilience.Observers(one, one, one)
	require.Zero(t, testing.AllocsPerRun(100, func() { o.Observe(context.Background(), resilience.Event{}) }))
}
