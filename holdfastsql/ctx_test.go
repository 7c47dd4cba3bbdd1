package holdfastsql_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// An error is judged together with the attempt's ctx, since drivers return various errors when the
// ctx ends.
func TestErrorsUnderACtxThatEnded(t *testing.T) {
	errCause := errors.New("shutting down")
	causes := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) } // the cause alone
	says := func(err error) fault {
		return func(ctx context.Context) error { <-ctx.Done(); return err }
	}
	timeout := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeoutCause(ctx, time.Second, errCause)
	}
	cancel := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		time.AfterFunc(time.Second, func() { cancel(errCause) })
		return ctx, func() { cancel(nil) }
	}
	for name, c := range map[string]struct {
		ctx      func(context.Context) (context.Context, context.CancelFunc)
		fault    fault
		is       error
		unknown  bool
		verdict  resilience.Verdict
		failures int
	}{
		"the caller's deadline, its cause":      {timeout, causes, context.DeadlineExceeded, true, resilience.Permanent, 1},
		"the caller's deadline, a driver's own": {timeout, says(errBoom), context.DeadlineExceeded, true, resilience.Permanent, 1},
		"the caller's deadline, an answer":      {timeout, says(stateError("23505")), stateError("23505"), false, resilience.Permanent, 0},
		"a cancel, its cause":                   {cancel, causes, context.Canceled, true, resilience.Canceled, 0},
		"a cancel, a driver's own":              {cancel, says(errBoom), context.Canceled, true, resilience.Canceled, 0},
		"a cancel, the server's 57014":          {cancel, says(stateError("57014")), context.Canceled, false, resilience.Canceled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, pool := open(t, map[string][]fault{"insert": {c.fault}})
				p, err := holdfast.New("payments", retry.Default(), breaker.Config{})
				require.NoError(t, err)
				ctx, end := c.ctx(t.Context())
				defer end()
				_, err = newDB(t, pool, p).Exec(ctx, "insert into payments values (1)")
				require.ErrorIs(t, err, c.is)
				require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
				require.Equal(t, c.verdict, resilience.Classify(err))
				require.EqualValues(t, c.failures, breakerCounts(p).Failures)
			})
		})
	}
}

// A cancel by a pool or a proxy is not a cancel by the caller.
func TestSomebodyElsesCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database, pool := open(t, map[string][]fault{"connect": {fails(context.Canceled)}, "insert": {fails(context.Canceled)}})
		p := newPipeline(t)
		db := newDB(t, pool, p)
		_, err := db.Exec(t.Context(), "insert into payments values (1)")
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, "insert", database.seen(), "connected again, and sent once")
		require.EqualValues(t, 2, breakerCounts(p).Failures)
		_, err = db.Exec(resilience.MarkIdempotent(t.Context()), "insert into payments values (1)")
		require.NoError(t, err)
	})
}

// The outcome of a call that never got a connection is known, whatever ended the call.
func TestNoConnectionBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database, pool := open(t, map[string][]fault{"connect": {hang}})
		p := newPipeline(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		_, err := newDB(t, pool, p).Exec(ctx, "insert into payments values (1)")
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.True(t, resilience.Unsent(err))
		require.Empty(t, database.seen())
		require.Zero(t, breakerCounts(p).Failures)
	})
}
