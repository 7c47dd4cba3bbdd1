package holdfastpgx_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func insert(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "insert into payments")
	return err
}

func TestTx(t *testing.T) {
	const once, twice = "begin insert commit", "begin insert commit begin insert commit"
	for _, c := range []struct {
		name     string
		faults   map[string][]fault
		marked   bool
		state    string
		unknown  bool
		seen     string
		failures int
	}{
		{name: "all well", seen: once},
		{name: "serialization failure", faults: map[string][]fault{"insert": {abort("40001")}}, seen: "begin insert rollback " + once},
		{name: "serialization failure at commit", faults: map[string][]fault{"commit": {fails("40001")}}, seen: twice},
		{name: "deadlock", faults: map[string][]fault{"insert": {abort("40P01")}}, seen: "begin insert rollback " + once},
		{name: "unique violation", faults: map[string][]fault{"insert": {abort("23505")}}, state: "23505", seen: "begin insert rollback"},
		{name: "dies in begin", faults: map[string][]fault{"begin": {die}}, seen: "begin " + once, failures: 1},
		{name: "dies in a statement", faults: map[string][]fault{"insert": {die}}, seen: "begin insert " + once, failures: 1},
		{name: "hangs in a statement", faults: map[string][]fault{"insert": {hang}}, seen: "begin insert " + once, failures: 1},
		{name: "dies in commit", faults: map[string][]fault{"commit": {die}}, unknown: true, seen: once, failures: 1},
		{name: "hangs in commit", faults: map[string][]fault{"commit": {hang}}, unknown: true, seen: once, failures: 1},
		{name: "terminated in commit", faults: map[string][]fault{"commit": {fatal("57P01")}}, state: "57P01", unknown: true, seen: once, failures: 1},
		{name: "ambiguous commit", faults: map[string][]fault{"commit": {fails("40003")}}, state: "40003", unknown: true, seen: once, failures: 1},
		{name: "dies in commit, marked", faults: map[string][]fault{"commit": {die}}, marked: true, seen: twice, failures: 1},
		{name: "deferred constraint", faults: map[string][]fault{"commit": {fails("23505")}}, state: "23505", seen: once},
		{name: "read-only server", faults: map[string][]fault{"insert": {abort("25006")}}, seen: "begin insert rollback " + once, failures: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, pool := newPool(t, c.faults)
				p := newPipeline(t)
				ctx := t.Context()
				if c.marked {
					ctx = resilience.MarkIdempotent(ctx)
				}
				err := newDB(t, pool, p).Tx(ctx, pgx.TxOptions{}, insert)
				require.Equal(t, c.state != "" || c.unknown, err != nil, "%v", err)
				if e, ok := errors.AsType[*pgconn.PgError](err); ok || c.state != "" {
					require.Equal(t, c.state, e.Code)
				}
				require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
				require.Equal(t, c.seen, server.seen())
				require.EqualValues(t, c.failures, breakerCounts(p).Failures)
			})
		})
	}
}

// A transaction that asked to be read-only cannot write; another server would not help, so the
// connection is kept.
func TestTxWritesInReadOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, map[string][]fault{"insert": {abort("25006")}})
		db := newDB(t, pool, newPipeline(t))
		err := db.Tx(t.Context(), pgx.TxOptions{AccessMode: pgx.ReadOnly}, insert)
		require.Equal(t, resilience.Permanent, resilience.Classify(err))
		require.Equal(t, "begin insert rollback", server.seen())
		_, err = db.Exec(t.Context(), "update")
		require.NoError(t, err)
		require.Equal(t, 1, server.opened())
	})
}

func TestTxRollsBack(t *testing.T) {
	boom := errors.New("boom")
	for name, run := range map[string]func(t *testing.T, db *holdfastpgx.DB){
		"an error": func(t *testing.T, db *holdfastpgx.DB) {
			t.Helper()
			err := db.Tx(t.Context(), pgx.TxOptions{}, func(context.Context, pgx.Tx) error { return boom })
			require.ErrorIs(t, err, boom)
			require.EqualError(t, err, "boom")
		},
		"a panic, which goes on": func(t *testing.T, db *holdfastpgx.DB) {
			t.Helper()
			require.PanicsWithValue(t, "boom", func() {
				_ = db.Tx(t.Context(), pgx.TxOptions{}, func(context.Context, pgx.Tx) error { panic("boom") })
			})
		},
		"runtime.Goexit": func(t *testing.T, db *holdfastpgx.DB) {
			t.Helper()
			var wg sync.WaitGroup
			wg.Go(func() {
				_ = db.Tx(t.Context(), pgx.TxOptions{}, func(context.Context, pgx.Tx) error { runtime.Goexit(); return nil })
			})
			wg.Wait()
		},
		"a ctx that has ended": func(t *testing.T, db *holdfastpgx.DB) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			err := db.Tx(ctx, pgx.TxOptions{}, func(ctx context.Context, _ pgx.Tx) error {
				cancel()
				return ctx.Err()
			})
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		},
		"a closure that commits by itself": func(t *testing.T, db *holdfastpgx.DB) {
			t.Helper()
			err := db.Tx(t.Context(), pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error { return tx.Commit(ctx) })
			require.ErrorContains(t, err, "must not commit")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, pool := newPool(t, nil)
				run(t, newDB(t, pool, newPipeline(t)))
				require.Equal(t, "begin rollback", server.seen())
				require.EqualValues(t, 1, pool.Stat().IdleConns(), "the connection is in the pool again")
			})
		})
	}
}

// If the ctx ends before COMMIT, nothing is sent, so the outcome is known.
func TestTxEndsBeforeCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		err := newDB(t, pool, newPipeline(t)).Tx(ctx, pgx.TxOptions{}, func(context.Context, pgx.Tx) error {
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.NotContains(t, server.seen(), "commit")
	})
}

func TestTxDoesNotWaitForRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool := newPool(t, map[string][]fault{"rollback": {hang}})
		boom := errors.New("boom")
		p, err := holdfast.New("payments", retry.Default()) // no deadline: rollback has its own
		require.NoError(t, err)
		start := time.Now()
		err = newDB(t, pool, p).Tx(t.Context(), pgx.TxOptions{}, func(context.Context, pgx.Tx) error { return boom })
		require.ErrorIs(t, err, boom)
		require.EqualError(t, err, "boom")
		require.Equal(t, time.Second, time.Since(start))
	})
}

// A closure ignored a failure: COMMIT of such a transaction is a ROLLBACK.
func TestTxOfASwallowedError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool := newPool(t, nil)
		err := newDB(t, pool, newPipeline(t)).Tx(t.Context(), pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			return tx.Rollback(ctx)
		})
		require.ErrorIs(t, err, pgx.ErrTxClosed)
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	})
}
