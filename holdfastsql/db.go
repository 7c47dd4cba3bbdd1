package holdfastsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// DB sends calls to a database through a pipeline. Create it with [New]. It is safe for concurrent
// use.
//
// Every attempt takes a connection from the pool and returns it. [Do] says which errors are
// returned; errors.Is and errors.As find the driver's errors in them.
type DB struct {
	pool     *sql.DB
	pipeline *holdfast.Pipeline
	options
}

// Conn runs fn with a connection of its own. It is for prepared statements, advisory locks, and
// several statements outside of a transaction. If the pool returns no connection, Conn retries. fn
// runs again only if ctx is marked by [resilience.MarkIdempotent]. Part of fn's work may have been
// carried out. So every error of fn leaves the outcome unknown, except [sql.ErrNoRows], which is
// returned as it is.
func (db *DB) Conn(ctx context.Context, fn func(ctx context.Context, conn *sql.Conn) error) error {
	return db.with(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if err := fn(ctx, conn); err != nil {
			return db.failed(ctx, conn, err, resilience.EffectUnknown)
		}
		return nil
	})
}

// statement runs fn, which sends one statement. A driver.ErrBadConn from a statement proves
// nothing. It should mean that nothing was sent, but widely used drivers also return it if the
// connection died while they waited for the answer (lib/pq; pgx, for statements without arguments).
// From the pool it is proof, since the pool returns it before there is a connection.
func (db *DB) statement(
	ctx context.Context, query string, args []any, fn func(ctx context.Context, conn *sql.Conn) error,
) error {
	return db.with(ctx, func(ctx context.Context, conn *sql.Conn) error {
		err := fn(ctx, conn)
		if err == nil {
			return nil
		}
		if _, known := err.(*resilience.CallError); known { //nolint:errorlint // fn's own CallError
			return err
		}
		effect := resilience.EffectUnknown
		if db.answers(err) != NoAnswer && db.atomic(query) && !rewritten(args) {
			effect = resilience.EffectUndone
		}
		return db.failed(ctx, conn, err, effect)
	})
}

// failed describes err, the error of a call on conn.
func (db *DB) failed(ctx context.Context, conn *sql.Conn, err error, effect resilience.Effect) *resilience.CallError {
	known := resilience.CallError{Err: err, Effect: effect}
	if db.lost(ctx, conn, err) {
		known.Default = resilience.Transient
	}
	return afterRace(known, db.answers(err) == LostRace)
}

// rewritten reports whether an argument may make the driver send a text other than query, as pgx's
// QueryRewriter does.
func rewritten(args []any) bool {
	for _, arg := range args {
		if arg == nil {
			continue
		}
		if _, ok := reflect.TypeOf(arg).MethodByName("RewriteQuery"); ok {
			return true
		}
	}
	return false
}

// with runs fn with a connection. It takes the connection itself instead of calling the pool's
// methods, for two reasons. If there is no connection yet, a failure proves that nothing was sent,
// whatever the driver's error is. And on a sql.Conn, database/sql does not retry inside the
// pipeline's retries.
func (db *DB) with(ctx context.Context, fn func(ctx context.Context, conn *sql.Conn) error) error {
	if db == nil || db.pool == nil {
		return &resilience.FieldError{Stage: "holdfastsql", Field: "pool", Value: nil, Want: "want one made by sql.Open"}
	}
	return Do(ctx, db.pipeline, db.classify, func(ctx context.Context) error {
		conn, err := db.pool.Conn(ctx)
		if err != nil {
			return ProveUnsent(err)
		}
		defer conn.Close() //nolint:errcheck // it only returns conn to the pool
		if ctx.Err() != nil {
			return ProveUnsent(ctx.Err()) // the connection came too late
		}
		err = fn(ctx, conn)
		if err == nil {
			return nil
		}
		if db.answers(err) == ReadOnly && !isCallers(err) {
			discard(conn)
		}
		return err
	})
}

// lost reports whether err is unclassified and conn is lost. Each driver has its own errors for a
// lost connection ("conn closed", "invalid connection"), which change from version to version. But
// all drivers tell database/sql that they would not use conn again, so lost asks them in the same
// way. A driver may also say so because a transaction is open, so a ping has to confirm it.
func (db *DB) lost(ctx context.Context, conn *sql.Conn, err error) bool {
	if ctx.Err() != nil || db.classify(err) != resilience.Unclassified || resilience.Classify(err) != resilience.Unclassified {
		return false
	}
	bad := false
	err = conn.Raw(func(c any) error {
		if v, ok := c.(driver.Validator); ok && !v.IsValid() {
			bad = true
		} else if r, ok := c.(driver.SessionResetter); ok {
			bad = errors.Is(r.ResetSession(ctx), driver.ErrBadConn)
			if p, ok := c.(driver.Pinger); ok && bad {
				ctx, cancel := context.WithTimeout(ctx, rollbackTimeout)
				defer cancel()
				bad = p.Ping(ctx) != nil
			}
		}
		return nil
	})
	return bad || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
}

// discard closes a connection instead of returning it to the pool.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}
