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

// DB sends calls to PostgreSQL through a pipeline. It is made by New, and safe for concurrent use.
//
// Every attempt takes a connection of the pool and gives it back. Errors come back by the rules of
// [holdfastsql.Do]: pgx's stay reachable by errors.Is and errors.As, pgx.ErrNoRows comes back
// untouched.
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

// QueryRow returns the one row of a query. Nothing is sent before its Scan is called. Without a row
// the error of Scan is pgx.ErrNoRows itself, and the pipeline counts a success. What Scan leaves in
// its destinations beside an error is undefined.
//
// A row that came and could not be scanned leaves the outcome unknown: the statement was carried
// out, or is being undone. That is no failure of the server, and not retried.
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

// Collect runs a query and returns its rows, each read by fn: pgx.RowTo[int],
// pgx.RowToStructByName[Payment]. Rows are read within the attempt: if the connection dies between
// two, all are read again (of a call marked by [resilience.MarkIdempotent]). The slice is empty,
// not nil, if there are none, and nil beside an error. An error of fn is treated as that of a
// QueryRow's Scan is.
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

// read runs a query whose rows are read by scan.
func (db *DB) read(ctx context.Context, sql string, args []any, scan func(pgx.Rows) error) error {
	return db.with(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return db.proven(err, conn.Conn(), db.known(sql, args))
		}
		defer rows.Close()
		scanned := scan(rows)
		rows.Close() // reads to the end, where a deferred constraint shows
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
		// The server has answered.
		return &resilience.CallError{Err: scanned, Judgment: permanent, Effect: resilience.EffectUnknown}
	})
}

// Conn runs fn with a connection of its own: for batches, COPY, rows that are too many to collect,
// several statements outside of a transaction. If no connection can be had, that is retried. fn
// runs again only if ctx is marked by [resilience.MarkIdempotent]. Part of what fn did may have
// been carried out, so every error of fn leaves the outcome unknown, except pgx.ErrNoRows, which is
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

// with runs fn with a connection. A failure before there is one proves that nothing was sent.
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
