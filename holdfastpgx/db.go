package holdfastpgx

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// ErrOutcomeUnknown is what a failed call is, by errors.Is, if the server may have carried it out:
// the connection died, or the ctx ended, between the sending of a statement or COMMIT and the answer to it.
// A failed call that is not ErrOutcomeUnknown has changed nothing; except for what the func of [DB.Conn]
// did before it failed, and for rows that came and could not be scanned. It is [holdfastsql.ErrOutcomeUnknown].
var ErrOutcomeUnknown = holdfastsql.ErrOutcomeUnknown

// MarkIdempotent returns a ctx whose calls may be carried out twice without harm, so that they are
// retried also where nobody knows whether the first try was carried out. It is [holdfastsql.MarkIdempotent],
// which says what is idempotent.
func MarkIdempotent(ctx context.Context) context.Context { return holdfastsql.MarkIdempotent(ctx) }

// DB sends calls to PostgreSQL through a pipeline. It is made by New, and safe for concurrent use.
//
// Every attempt takes a connection of the pool and gives it back. Errors come back by the rules of
// [holdfastsql.Do]: pgx's stay reachable by errors.Is and errors.As, pgx.ErrNoRows comes back untouched.
type DB struct {
	pool     *pgxpool.Pool
	pipeline *holdfast.Pipeline
}

// New returns pool's calls inside p. The caller goes on owning both, and closes pool. A nil one is an
// error of every call.
func New(pool *pgxpool.Pool, p *holdfast.Pipeline) *DB { return &DB{pool: pool, pipeline: p} }

// Exec runs a statement that returns no rows.
func (db *DB) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	var tag pgconn.CommandTag
	err := db.statement(ctx, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		tag, err = conn.Exec(ctx, sql, args...)
		return err
	})
	return tag, err
}

// QueryRow returns the one row of a query. Nothing is sent before its Scan is called. Without a row the
// error of Scan is pgx.ErrNoRows itself, and the pipeline counts a success. What Scan leaves in its
// destinations beside an error is undefined.
func (db *DB) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return &row{db: db, ctx: ctx, sql: sql, args: args}
}

type row struct {
	db   *DB
	ctx  context.Context
	sql  string
	args []any
}

func (r *row) Scan(dest ...any) error {
	return r.db.statement(r.ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, r.sql, r.args...).Scan(dest...)
	})
}

// Collect runs a query and returns its rows, each read by fn: pgx.RowTo[int], pgx.RowToStructByName[Payment].
// Rows are read within the attempt: if the connection dies between two, all are read again (of a
// call marked by [MarkIdempotent]). The slice is empty, not nil, if there are none, and nil beside an error.
func Collect[T any](ctx context.Context, db *DB, fn pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	var all []T
	err := db.statement(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, fn)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Conn runs fn with a connection of its own: for batches, COPY, rows that are too many to collect,
// several statements outside of a transaction. If getting the connection fails that is retried; fn
// itself only if ctx is marked by [MarkIdempotent], since part of it may have been carried out.
func (db *DB) Conn(ctx context.Context, fn func(ctx context.Context, conn *pgxpool.Conn) error) error {
	return db.with(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		err := fn(ctx, conn)
		if v := Classify(err); v.Failure() || v == resilience.Canceled {
			return inDoubt(err)
		}
		return err
	})
}

// statement runs fn, which sends one statement.
func (db *DB) statement(ctx context.Context, fn func(ctx context.Context, conn *pgxpool.Conn) error) error {
	return db.with(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		err := fn(ctx, conn)
		if settled(err, conn.Conn()) {
			return replaceReadOnly(ctx, conn, err)
		}
		return inDoubt(err)
	})
}

// with runs fn with a connection. What fails before there is one has sent nothing.
func (db *DB) with(ctx context.Context, fn func(ctx context.Context, conn *pgxpool.Conn) error) error {
	if db.pool == nil {
		return &resilience.FieldError{Stage: "holdfastpgx", Field: "pool", Value: db.pool, Want: "want one made by pgxpool.New"}
	}
	return holdfastsql.Do(ctx, db.pipeline, Classify, func(ctx context.Context) error {
		conn, err := db.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		return fn(ctx, conn)
	})
}

// settled reports whether it is known what became of the last statement on conn, which was open before and
// ended with err. As long as the connection lives, both sides have come to the end of it, and an
// error means that it was undone; except for those by which a proxy or a distributed database says that it does
// not know. On a connection that died it is known only if nothing was sent.
//
// That the connection is closed, pgx calls safe to retry, but also says of one that died while it waited for the answer
// to a simple query. Here the connection was open, so it can only be that.
func settled(err error, conn *pgx.Conn) bool {
	switch {
	case err == nil:
		return true
	case !conn.IsClosed():
		state := code(err)
		return state != "40003" && state != "08007"
	}
	return pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed)
}

func inDoubt(err error) error { return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err) }

// replaceReadOnly closes a connection on which writes were refused: after a failover it leads to a server that
// is no longer the primary, and the next attempt is to dial anew.
func replaceReadOnly(ctx context.Context, conn *pgxpool.Conn, err error) error {
	if code(err) == "25006" {
		_ = conn.Conn().Close(ctx)
	}
	return err
}
