package recipes

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/jmoiron/sqlx/reflectx"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

type account struct {
	ID      string
	Balance int
}

var columns = reflectx.NewMapperFunc("db", strings.ToLower)

// accounts reads rows into structs, as sqlx.Select does.
func accounts(ctx context.Context, db *holdfastsql.DB, least int) ([]account, error) {
	return holdfastsql.Collect(ctx, db, func(rows *sql.Rows) (a account, err error) {
		err = (&sqlx.Rows{Rows: rows, Mapper: columns}).StructScan(&a)
		return a, err
	}, "select id, balance from accounts where balance >= ? order by id", least)
}

// credit has a transaction of sqlx, begun and ended by the DB.
func credit(ctx context.Context, db *holdfastsql.DB, id string, amount int) error {
	return db.Tx(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		x := &sqlx.Tx{Tx: tx, Mapper: columns}
		var a account
		if err := x.GetContext(ctx, &a, "select id, balance from accounts where id = ?", id); err != nil {
			return err
		}
		a.Balance += amount
		_, err := x.NamedExecContext(ctx, "update accounts set balance = :balance where id = :id", a)
		return err
	})
}

// sqliteAnswers knows SQLite's result codes: the low byte is the primary one.
func sqliteAnswers(err error) holdfastsql.Answer {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
			return holdfastsql.LostRace
		case 19: // SQLITE_CONSTRAINT
			return holdfastsql.Undone
		}
	}
	return holdfastsql.NoAnswer
}

func sqliteClassify(err error) resilience.Verdict {
	switch sqliteAnswers(err) {
	case holdfastsql.LostRace:
		return resilience.Transient
	case holdfastsql.Undone:
		return resilience.Permanent
	}
	return holdfastsql.Classify(err)
}

// newSQLite opens a file, whose lock another connection holds: release lets it go.
func newSQLite(t *testing.T) (p *holdfast.Pipeline, db *holdfastsql.DB, release func()) {
	t.Helper()
	file := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_pragma=busy_timeout(0)&_pragma=journal_mode(wal)"
	pool, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	for _, query := range []string{
		"create table accounts (id text primary key, balance int)", "insert into accounts values ('ann', 100), ('bob', 5)",
	} {
		_, err = pool.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	p, err = holdfast.New("accounts", deadline.In(time.Minute),
		retry.Custom(100, time.Millisecond, 5*time.Millisecond, true), breaker.Config{ConsecutiveFailures: 2})
	require.NoError(t, err)
	db, err = holdfastsql.New(pool, p, holdfastsql.WithClassifier(sqliteClassify), holdfastsql.WithAnswers(sqliteAnswers))
	require.NoError(t, err)

	holder, err := pool.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, holder.Close()) })
	_, err = holder.ExecContext(t.Context(), "begin immediate")
	require.NoError(t, err)
	return p, db, func() {
		_, err := holder.ExecContext(context.Background(), "commit")
		require.NoError(t, err)
	}
}

// Somebody else writes, for four attempts. The whole closure runs again, on a new transaction, and
// the money is there once. A lock is nobody's failure, so the breaker does not count it.
func TestSQLxBusy(t *testing.T) {
	p, db, release := newSQLite(t)
	onRetry(t, p, 4, release)
	require.NoError(t, credit(t.Context(), db, "ann", 20))
	all, err := accounts(t.Context(), db, 10)
	require.NoError(t, err)
	require.Equal(t, []account{{"ann", 120}}, all)
	require.Zero(t, failures(t, p))
	require.EqualValues(t, 6, p.Snapshot().Attempts) // 5, and one of the query
}

// What is not there is an answer.
func TestSQLxNoRows(t *testing.T) {
	p, db, release := newSQLite(t)
	release()
	require.ErrorIs(t, credit(t.Context(), db, "nobody", 20), sql.ErrNoRows)
	require.EqualValues(t, 1, p.Snapshot().Attempts)
	require.Zero(t, failures(t, p))
}
