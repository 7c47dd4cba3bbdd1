package holdfastsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func insert(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "insert into payments")
	return err
}

func TestTx(t *testing.T) {
	reset, serialization := fails(syscall.ECONNRESET), fails(stateError("40001"))
	const once, twice = "begin insert commit", "begin insert commit begin insert commit"
	for _, c := range []struct {
		name     string
		faults   map[string][]fault
		marked   bool
		want     error
		unknown  bool
		seen     string
		failures int
	}{
		{name: "all well", seen: once},
		{name: "serialization failure", faults: map[string][]fault{"insert": {serialization}}, seen: "begin insert rollback " + once},
		{name: "serialization failure at commit", faults: map[string][]fault{"commit": {serialization}}, seen: twice},
		{name: "unique violation", faults: map[string][]fault{"insert": {fails(stateError("23505"))}}, want: stateError("23505"), seen: "begin insert rollback"},
		{name: "deferred constraint", faults: map[string][]fault{"commit": {fails(stateError("23505"))}}, want: stateError("23505"), seen: once},
		{name: "reset in begin", faults: map[string][]fault{"begin": {reset}}, seen: "begin " + once, failures: 1},
		{name: "reset in a statement", faults: map[string][]fault{"insert": {reset}}, seen: "begin insert rollback " + once, failures: 1},
		{name: "bad connection in a statement", faults: map[string][]fault{"insert": {fails(driver.ErrBadConn)}}, seen: "begin insert rollback " + once, failures: 1},
		{name: "hangs in a statement", faults: map[string][]fault{"insert": {hang}}, seen: "begin insert rollback " + once, failures: 1},
		{name: "reset in commit", faults: map[string][]fault{"commit": {reset}}, want: syscall.ECONNRESET, unknown: true, seen: once, failures: 1},
		{name: "bad connection in commit", faults: map[string][]fault{"commit": {fails(driver.ErrBadConn)}}, want: driver.ErrBadConn, unknown: true, seen: once, failures: 1},
		{name: "hangs in commit", faults: map[string][]fault{"commit": {hang}}, want: context.DeadlineExceeded, unknown: true, seen: once, failures: 1},
		{name: "unknown error in commit", faults: map[string][]fault{"commit": {fails(errBoom)}}, want: errBoom, unknown: true, seen: once, failures: 1},
		{name: "reset in commit, marked", faults: map[string][]fault{"commit": {reset}}, marked: true, seen: twice, failures: 1},
		{name: "read-only server", faults: map[string][]fault{"insert": {fails(stateError("25006"))}}, seen: "begin insert rollback " + once, failures: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				database, pool := open(t, clone(c.faults))
				p := newPipeline(t)
				ctx := t.Context()
				if c.marked {
					ctx = resilience.MarkIdempotent(ctx)
				}
				err := newDB(t, pool, p).Tx(ctx, nil, insert)
				require.ErrorIs(t, err, c.want)
				require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
				require.Equal(t, c.seen, database.seen())
				require.EqualValues(t, c.failures, breakerCounts(p).Failures)
			})
		})
	}
}

// A transaction that asked to be read-only cannot write; another server would not help, so the
// connection is kept.
func TestTxWritesInReadOnly(t *testing.T) {
	database, pool := open(t, map[string][]fault{"insert": {fails(stateError("25006"))}})
	db := newDB(t, pool, newPipeline(t))
	err := db.Tx(t.Context(), &sql.TxOptions{ReadOnly: true}, insert)
	require.ErrorIs(t, err, stateError("25006"))
	require.Equal(t, "begin insert rollback", database.seen())
	_, err = db.Exec(t.Context(), "update")
	require.NoError(t, err)
	require.Equal(t, 1, database.connects())
}

func TestTxRollsBack(t *testing.T) {
	for name, run := range map[string]func(t *testing.T, db *holdfastsql.DB){
		"an error": func(t *testing.T, db *holdfastsql.DB) {
			t.Helper()
			err := db.Tx(t.Context(), nil, func(context.Context, *sql.Tx) error { return errBoom })
			require.ErrorIs(t, err, errBoom)
			require.EqualError(t, err, "boom")
		},
		"a panic, which goes on": func(t *testing.T, db *holdfastsql.DB) {
			t.Helper()
			require.PanicsWithValue(t, "boom", func() {
				_ = db.Tx(t.Context(), nil, func(context.Context, *sql.Tx) error { panic("boom") })
			})
		},
		"runtime.Goexit": func(t *testing.T, db *holdfastsql.DB) {
			t.Helper()
			var wg sync.WaitGroup
			wg.Go(func() {
				_ = db.Tx(t.Context(), nil, func(context.Context, *sql.Tx) error { runtime.Goexit(); return nil })
			})
			wg.Wait()
		},
		"a ctx that has ended": func(t *testing.T, db *holdfastsql.DB) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			err := db.Tx(ctx, nil, func(context.Context, *sql.Tx) error { cancel(); return nil })
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				database, pool := open(t, nil)
				run(t, newDB(t, pool, newPipeline(t)))
				synctest.Wait()
				require.Equal(t, "begin rollback", database.seen())
				require.Zero(t, pool.Stats().InUse)
			})
		})
	}
}

// A ctx that ends beside an answer leaves no doubt: COMMIT was not sent, whichever of the two
// database/sql hears of first.
func TestTxWhoseCtxEndsBesideAnAnswer(t *testing.T) {
	const again = " begin insert commit"
	for name, c := range map[string]struct {
		begin fault
		check time.Duration // how long the database takes to say that the transaction is open
		seen  string
	}{
		"to BEGIN":     {func(ctx context.Context) error { <-ctx.Done(); return nil }, 0, "begin rollback"},
		"to the check": {nil, 2 * time.Second, "begin insert rollback"},
	} {
		for _, canceled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/canceled=%t", name, canceled), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					database, pool := open(t, map[string][]fault{"begin": {c.begin}})
					check := c.check
					db := newDB(t, pool, newPipeline(t), holdfastsql.WithTxCheck(func(context.Context, *sql.Tx) (bool, error) {
						<-time.After(check) // in the bubble
						check = 0
						return true, nil
					}))
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if canceled {
						time.AfterFunc(100*time.Millisecond, cancel)
					}
					err := db.Tx(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
						synctest.Wait() // what database/sql does at the end of a ctx is done
						return insert(ctx, tx)
					})
					synctest.Wait()
					require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
					require.Zero(t, pool.Stats().InUse)
					if canceled {
						require.ErrorIs(t, err, context.Canceled)
						require.Equal(t, c.seen, database.seen())
						return
					}
					require.NoError(t, err, "the attempt ran out of time, and the next one did not")
					require.Equal(t, c.seen+again, database.seen())
				})
			})
		}
	}
}

// Pins: a transaction that database/sql has ended with the ctx, just before COMMIT, was not ended
// by the func of Tx.
func TestTxThatEndsWithItsCtxBeforeCommit(t *testing.T) {
	for _, late := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			_, pool := open(t, map[string][]fault{"commit": {func(ctx context.Context) error {
				if late {
					<-ctx.Done()
				}
				return sql.ErrTxDone
			}}})
			err := newDB(t, pool, newPipeline(t)).Tx(t.Context(), nil, insert)
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.ErrorIs(t, err, sql.ErrTxDone)
			require.Equal(t, !late, strings.Contains(err.Error(), "the func of Tx ended the transaction"), "%v", err)
		})
	}
}

func TestTxDoesNotWaitForRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool := open(t, map[string][]fault{"rollback": {hang}})
		p, err := holdfast.New("payments", retry.Default()) // no deadline: rollback has its own
		require.NoError(t, err)
		start := time.Now()
		err = newDB(t, pool, p).Tx(t.Context(), nil, func(context.Context, *sql.Tx) error { return errBoom })
		require.ErrorIs(t, err, errBoom)
		require.EqualError(t, err, "boom")
		require.Equal(t, time.Second, time.Since(start))
	})
}

// If fn committed, another run would do everything a second time: so the error says that, and
// nothing is retried.
func TestTxEndedByTheClosure(t *testing.T) {
	var leave func()
	for name, end := range map[string]func(*sql.Tx) error{
		"and said nothing":       func(tx *sql.Tx) error { return tx.Commit() },
		"and failed after":       func(tx *sql.Tx) error { return errors.Join(tx.Commit(), syscall.ECONNRESET) },
		"and left":               func(tx *sql.Tx) error { defer leave(); return tx.Commit() },
		"and left with an error": func(tx *sql.Tx) error { defer leave(); return errors.Join(tx.Commit(), errBoom) },
	} {
		t.Run(name, func(t *testing.T) {
			database, pool := open(t, nil)
			ctx, cancel := context.WithCancel(t.Context())
			leave = cancel
			err := newDB(t, pool, newPipeline(t)).Tx(ctx, nil, func(_ context.Context, tx *sql.Tx) error { return end(tx) })
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.ErrorContains(t, err, "the func of Tx ended the transaction; leave that to Tx")
			require.Equal(t, "begin commit", database.seen())
		})
	}
}
