// Package sqlite_test tries holdfastsql over SQLite (modernc.org/sqlite), with the classifier of
// docs/databases.md.
package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// file opens two pools on one database, which do not wait for each other's locks by themselves.
func file(t *testing.T, mode string) (pool, other *sql.DB) {
	t.Helper()
	dsn := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_pragma=busy_timeout(0)&_pragma=journal_mode(" + mode + ")"
	for _, pool := range []**sql.DB{&pool, &other} {
		var err error
		*pool, err = sql.Open("sqlite", dsn)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, (*pool).Close()) })
	}
	_, err := pool.ExecContext(t.Context(), "create table payments (id integer primary key)")
	require.NoError(t, err)
	return pool, other
}

func newPipeline(t *testing.T, retries int) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("payments",
		deadline.In(time.Minute), retry.Custom(retries, time.Millisecond, 5*time.Millisecond, true),
		breaker.Config{ConsecutiveFailures: 3})
	require.NoError(t, err)
	return p
}

func number(t *testing.T, pool *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, pool.QueryRowContext(t.Context(), "select count(*) from payments").Scan(&n))
	return n
}

// Somebody holds the lock until a retry comes.
func TestBusy(t *testing.T) {
	for _, mode := range []string{"wal", "delete"} {
		t.Run(mode, func(t *testing.T) {
			pool, other := file(t, mode)
			holder, err := other.Conn(t.Context())
			require.NoError(t, err)
			defer func() { require.NoError(t, holder.Close()) }()
			_, err = holder.ExecContext(t.Context(), "begin immediate")
			require.NoError(t, err)
			p := newPipeline(t, 1000)
			release := sync.OnceFunc(func() { _, err = holder.ExecContext(context.Background(), "commit") })
			defer p.Watch(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
				if e.Kind == resilience.EventRetry && e.Attempt == 3 {
					release()
				}
			}))()
			_, failure := newSQLite(t, pool, p).Exec(t.Context(), "insert into payments values (1)")
			require.NoError(t, failure)
			require.NoError(t, err)
			require.Equal(t, 1, number(t, pool))
			require.GreaterOrEqual(t, p.Snapshot().Attempts, uint64(4))
			require.Zero(t, p.Snapshot().Breakers[0].Counts.Failures, "a lost race says nothing about the database")
		})
	}
}

// For good: the error says that nothing happened.
func TestBusyForGood(t *testing.T) {
	pool, other := file(t, "wal")
	holder, err := other.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = holder.ExecContext(t.Context(), "insert into payments values (7)")
	require.NoError(t, err)
	defer func() { require.NoError(t, holder.Rollback()) }()
	_, err = newSQLite(t, pool, newPipeline(t, 2)).Exec(t.Context(), "insert into payments values (1)")
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.Equal(t, resilience.Transient, sqliteClassify(err))
	require.Zero(t, number(t, pool))
}

// Everybody reads, and then writes: with a snapshot that has become old that fails at once, and the
// closure runs again from its beginning.
func TestBusySnapshot(t *testing.T) {
	pool, _ := file(t, "wal")
	_, err := pool.ExecContext(t.Context(), "create table account (balance int)")
	require.NoError(t, err)
	_, err = pool.ExecContext(t.Context(), "insert into account values (0)")
	require.NoError(t, err)
	db := newSQLite(t, pool, newPipeline(t, 10_000))
	const workers, rounds = 4, 25
	var wg sync.WaitGroup
	errs := make(chan error, workers*rounds)
	for range workers {
		wg.Go(func() {
			for range rounds {
				errs <- db.Tx(t.Context(), nil, func(ctx context.Context, tx *sql.Tx) error {
					var balance int
					if err := tx.QueryRowContext(ctx, "select balance from account").Scan(&balance); err != nil {
						return err
					}
					_, err := tx.ExecContext(ctx, "update account set balance = ?", balance+1)
					return err
				})
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	var balance int
	require.NoError(t, pool.QueryRowContext(t.Context(), "select balance from account").Scan(&balance))
	require.Equal(t, workers*rounds, balance)
}

// A COMMIT that a reader keeps out has changed nothing, and leaves no open transaction in the pool.
func TestBusyCommit(t *testing.T) {
	pool, other := file(t, "delete")
	_, err := pool.ExecContext(t.Context(), "insert into payments values (1)")
	require.NoError(t, err)
	reader, err := other.QueryContext(t.Context(), "select id from payments")
	require.NoError(t, err)
	require.True(t, reader.Next()) // holds a lock as long as it is open
	runs := 0
	p := newPipeline(t, 1000)
	require.NoError(t, newSQLite(t, pool, p).Tx(t.Context(), nil, func(ctx context.Context, tx *sql.Tx) error {
		if runs++; runs == 3 {
			require.NoError(t, reader.Close())
		}
		_, err := tx.ExecContext(ctx, "insert into payments values (2)")
		return err
	}))
	require.NoError(t, reader.Err())
	require.Equal(t, 3, runs)
	require.Equal(t, 2, number(t, other))
}

func TestConstraintIsAnAnswer(t *testing.T) {
	pool, _ := file(t, "wal")
	p := newPipeline(t, 3)
	db := newSQLite(t, pool, p)
	_, err := db.Exec(t.Context(), "insert into payments values (1), (2), (1)")
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.Equal(t, resilience.Permanent, resilience.Classify(err))
	require.Zero(t, number(t, pool))

	_, err = db.Exec(t.Context(), "insert or fail into payments values (1), (2), (1)") // which keeps what came before
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.Equal(t, 2, number(t, pool))

	_, err = db.Exec(t.Context(), "insert into payments values (3); insert into payments values (1)")
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.Equal(t, 3, number(t, pool))
	require.EqualValues(t, 3, p.Snapshot().Attempts)
}

// Without the two options nothing of SQLite's is known: nothing is retried, and nothing is called
// unchanged.
func TestWithoutTheClassifier(t *testing.T) {
	pool, other := file(t, "wal")
	holder, err := other.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = holder.ExecContext(t.Context(), "insert into payments values (7)")
	require.NoError(t, err)
	defer func() { require.NoError(t, holder.Rollback()) }()
	p := newPipeline(t, 3)
	db, err := holdfastsql.New(pool, p)
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), "insert into payments values (1)")
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.EqualValues(t, 1, p.Snapshot().Attempts)
}

func newSQLite(t *testing.T, pool *sql.DB, p *holdfast.Pipeline) *holdfastsql.DB {
	t.Helper()
	db, err := openSQLite(pool, p)
	require.NoError(t, err)
	return db
}
