package resilience_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/policytest"
)

func TestTheLatencyLimiterIsAGuard(t *testing.T) {
	policytest.TestGuard(t, func() resilience.Guard {
		start := time.Now()
		return &latencyLimiter{slow: time.Hour, most: 8, places: 4, now: func() time.Duration { return time.Since(start) }}
	})
}

// clerk is a TicketGuard that numbers its Tickets and records what comes back.
type clerk struct {
	quota
	issued  int64
	refuses error
	done    []resilience.Ticket
	errs    []error
	admit   func()
}

func (c *clerk) Acquire(context.Context) error  { panic("it has tickets") }
func (c *clerk) Release(context.Context, error) { panic("it has tickets") }

func (c *clerk) Admit(context.Context) (resilience.Ticket, error) {
	if c.admit != nil {
		c.admit()
	}
	c.issued++
	return resilience.Ticket{Number: c.issued, Ref: c}, c.refuses
}

func (c *clerk) Done(_ context.Context, t resilience.Ticket, err error) {
	c.done, c.errs = append(c.done, t), append(c.errs, err)
}

func TestWrapGuardCarriesTheTicket(t *testing.T) {
	boom := errors.New("boom")
	for name, end := range map[string]struct {
		op   resilience.Func
		told error
	}{
		"a success": {func(context.Context) error { return nil }, nil},
		"a failure": {func(context.Context) error { return boom }, boom},
		"a panic":   {func(context.Context) error { panic(boom) }, resilience.ErrAborted},
		"a Goexit":  {func(context.Context) error { runtime.Goexit(); return nil }, resilience.ErrAborted},
	} {
		c := &clerk{}
		call := resilience.WrapGuard(c, end.op)
		for range 2 {
			over := make(chan struct{})
			go func() {
				defer close(over)
				defer func() { _ = recover() }()
				_ = call(t.Context())
			}()
			<-over
		}
		require.Equal(t, []resilience.Ticket{{Number: 1, Ref: c}, {Number: 2, Ref: c}}, c.done, name)
		require.Equal(t, []error{end.told, end.told}, c.errs, name)
	}
}

func TestWrapGuardDropsARefusedTicket(t *testing.T) {
	c := &clerk{refuses: errors.New("no")}
	err := resilience.WrapGuard(c, func(context.Context) error { t.Error("it ran"); return nil })(t.Context())
	require.ErrorIs(t, err, c.refuses)
	require.Equal(t, resilience.Rejected, resilience.Classify(err))
	require.Empty(t, c.done)
}

// admitter is a Guard that ends its caller's ctx while the call waits, and records what its Release
// gets.
type admitter struct {
	quota
	admit    func()
	acquired int
	errs     []error
}

func (a *admitter) Acquire(context.Context) error {
	a.acquired++
	if a.admit != nil {
		a.admit()
	}
	return nil
}

func (a *admitter) Release(_ context.Context, err error) { a.errs = append(a.errs, err) }

// The op never runs under a ctx that has ended. If it ended before, the Guard is not asked. If it
// ended while the Guard waited, Release gets an error that is Unasked.
func TestWrapGuardMindsTheCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := func(context.Context) error { t.Error("it ran"); return nil }
		for name, end := range map[string]struct {
			ctx     func() (context.Context, context.CancelFunc)
			is      error
			verdict resilience.Verdict
			reason  resilience.Reason
		}{
			"canceled": {func() (context.Context, context.CancelFunc) {
				return context.WithCancel(t.Context())
			}, context.Canceled, resilience.Canceled, resilience.ReasonCanceled},
			"timed out": {func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				return ctx, func() { <-ctx.Done(); cancel() }
			}, context.DeadlineExceeded, resilience.Rejected, resilience.ReasonTooLate},
		} {
			ctx, finish := end.ctx()
			plain, carrying := &admitter{admit: finish}, &clerk{}
			check := func(err error) {
				t.Helper()
				require.ErrorIs(t, err, end.is, name)
				require.Equal(t, end.verdict, resilience.Classify(err), name)
				require.Equal(t, end.reason, resilience.ReasonOf(err), name)
				require.True(t, resilience.Unasked(err), name)
			}
			err := resilience.WrapGuard(plain, never)(ctx)
			check(err)
			require.Equal(t, []error{err}, plain.errs, name)

			// Now it has ended before: nobody is asked.
			plain.errs, plain.acquired = nil, 0
			check(resilience.WrapGuard(plain, never)(ctx))
			check(resilience.WrapGuard(carrying, never)(ctx))
			check(resilience.Chain(resilience.PolicyFunc(func(next resilience.Func) resilience.Func {
				return resilience.WrapGuard(plain, next)
			})).Wrap(never)(ctx))
			require.Zero(t, plain.acquired, name)
			require.Zero(t, carrying.issued, name)

			ctx, carrying.admit = end.ctx()
			err = resilience.WrapGuard(carrying, never)(ctx)
			check(err)
			require.Equal(t, []error{err}, carrying.errs, name)
		}
	})
}
