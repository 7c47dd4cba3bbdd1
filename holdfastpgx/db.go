package holdfastpgx

import (
	"cmp"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// DB sends calls to PostgreSQL through a pipeline. Create it with [New]. It is safe for concurrent
// use.
//
// Every attempt takes a connection from the pool and returns it. [holdfastsql.Do] says which errors
// are returned; errors.Is and errors.As find pgx's errors in them. pgx.ErrNoRows is returned as it
// is.
type DB struct {
	pool     *pgxpool.Pool
	pipeline *holdfast.Pipeline
	options
}

// Exec runs a statement that returns no rows.
func (db *DB) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	var tag pgconn.CommandTag
	err := db.with(ctx, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		tag, err = conn.Exec(ctx, sql, args...)
		if err != nil {
			return db.proven(err, conn.Conn(), db.known(sql, args))
		}
		return nil
	})
	return tag, err
}

// QueryRow returns the first row of a query. The query is sent when Scan is called. If there is no
// row, Scan returns pgx.ErrNoRows itself, and the pipeline counts a success. After an error, the
// content of Scan's destinations is undefined.
//
// If the row cannot be scanned, the outcome is unknown: the statement was carried out, or is being
// undone. Such an error is not retried, and is not a failure of the server.
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
	return r.db.read(r.ctx, r.sql, r.args, func(rows pgx.Rows) error {
		if !rows.Next() {
			return pgx.ErrNoRows
		}
		return rows.Scan(dest...)
	})
}

// Collect runs a query and returns its rows, each read by fn, for example pgx.RowTo[int] or
// pgx.RowToStructByName[Payment]. All rows are read within one attempt: if the connection dies
// between two rows, the query runs again only if ctx is marked by [resilience.MarkIdempotent]. The
// slice is empty, not nil, if there are no rows, and nil if there is an error. An error of fn is
// treated like an error of Scan: see [DB.QueryRow].
func Collect[T any](ctx context.Context, db *DB, fn pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	var all []T
	err := db.read(ctx, sql, args, func(rows pgx.Rows) (err error) {
		all, err = pgx.CollectRows(rows, fn)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// read runs a query and lets scan read its rows.
func (db *DB) read(ctx context.Context, sql string, args []any, scan func(pgx.Rows) error) error {
	return db.with(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return db.proven(err, conn.Conn(), db.known(sql, args))
		}
		defer rows.Close()
		scanned := scan(rows)
		rows.Close() // reads to the end, where the error of a deferred constraint comes
		err = rows.Err()
		_, server := errors.AsType[*pgconn.PgError](err)
		switch {
		case err == nil && (scanned == nil || scanned == pgx.ErrNoRows): //nolint:errorlint // this very value
			return scanned
		case server:
			return db.proven(err, conn.Conn(), db.known(sql, args))
		case conn.Conn().IsClosed() || scanned == nil:
			return db.failed(cmp.Or(err, scanned), conn.Conn(), resilience.EffectUnknown)
		}
		// The server has answered: the fault is on this side.
		return &resilience.CallError{Err: scanned, Judgment: permanent, Effect: resilience.EffectUnknown}
	})
}

// Conn runs fn with a connection of its own. It is for batches, COPY, results too large to collect,
// and several statements outside of a transaction. If the pool returns no connection, Conn retries.
// fn runs again only if ctx is marked by [resilience.MarkIdempotent]. Part of fn's work may have
// been carried out. So every error of fn leaves the outcome unknown, except pgx.ErrNoRows, which is
// returned as it is.
func (db *DB) Conn(ctx context.Context, fn func(ctx context.Context, conn *pgxpool.Conn) error) error {
	return db.with(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		err := fn(ctx, conn)
		if err == nil || errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return db.failed(err, conn.Conn(), resilience.EffectUnknown)
	})
}

// with runs fn with a connection. If there is no connection yet, a failure proves that nothing was
// sent.
func (db *DB) with(ctx context.Context, fn func(ctx context.Context, conn *pgxpool.Conn) error) error {
	if db == nil || db.pool == nil {
		return &resilience.FieldError{Stage: "holdfastpgx", Field: "pool", Value: nil, Want: "want one made by pgxpool.New"}
	}
	return holdfastsql.Do(ctx, db.pipeline, db.classify, func(ctx context.Context) error {
		conn, err := db.pool.Acquire(ctx)
		if err != nil {
			return holdfastsql.ProveUnsent(err)
		}
		defer conn.Release()
		return replaceReadOnly(ctx, conn, fn(ctx, conn))
	})
}
