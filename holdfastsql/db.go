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

// DB sends calls to a database through a pipeline. It is made by New, and safe for concurrent use.
//
// Every attempt takes a connection of the pool and gives it back. Errors come back by the rules of
// [Do]: those of the driver stay reachable by errors.Is and errors.As.
type DB struct {
	pool     *sql.DB
	pipeline *holdfast.Pipeline
	options
}

// Conn runs fn with a connection of its own: for prepared statements, advisory locks, several
// statements outside of a transaction. If no connection can be had, that is retried. fn runs again
// only if ctx is marked by [resilience.MarkIdempotent]. Part of what fn did may have been carried
// out, so every error of fn leaves the outcome unknown, except [sql.ErrNoRows], which is returned
// as it is.
func (db *DB) Conn(ctx context.Context, fn func(ctx context.Context, conn *sql.Conn) error) error {
	return db.with(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if err := fn(ctx, conn); err != nil {
			return db.failed(ctx, conn, err, resilience.EffectUnknown)
		}
		return nil
	})
}

// statement runs fn, which sends one statement. driver.ErrBadConn should mean that nothing was
// sent. But drivers in wide use also return it if the connection died while they waited for the
// answer (lib/pq; pgx, for statements without arguments). So it proves nothing if a statement
// returns it. It is proof if the pool returns it, which checks a connection before it hands it out.
func (db *DB) statement(
	ctx context.Context, query string, args []any, fn func(ctx context.Context, conn *sql.Conn) error,
) error {
	return db.with(ctx, func(ctx context.Context, conn *sql.Conn) error {
		err := fn(ctx, conn)
		if err == nil {
			return nil
		}
		if _, known := err.(*resilience.CallError); known { //nolint:errorlint // what fn itself knows
			return err
		}
		effect := resilience.EffectUnknown
		if db.answers(err) != NoAnswer && db.atomic(query) && !rewritten(args) {
			effect = resilience.EffectUndone
		}
		return db.failed(ctx, conn, err, effect)
	})
}

// failed returns what is known of err, with which a call on conn ended.
func (db *DB) failed(ctx context.Context, conn *sql.Conn, err error, effect resilience.Effect) *resilience.CallError {
	known := resilience.CallError{Err: err, Effect: effect}
	if db.lost(ctx, conn, err) {
		known.Default = resilience.Transient
	}
	return afterRace(known, db.answers(err) == LostRace)
}

// rewritten reports whether an argument makes the driver send another text than the query: pgx's
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

// with runs fn with a connection. It takes the connection itself, and does not leave that to
// database/sql, for two reasons: a failure before there is a connection proves that nothing was
// sent, whatever the driver's error is; and database/sql does not retry by itself inside the
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
		defer conn.Close() //nolint:errcheck // it only goes back to the pool
		if ctx.Err() != nil {
			return ProveUnsent(ctx.Err()) // with the pool's last connection, too late
		}
		err = fn(ctx, conn)
		if err == nil {
			return nil
		}
		if db.answers(err) == ReadOnly {
			discard(conn)
		}
		return err
	})
}

// lost reports whether conn was lost when err came, which nobody has classified: the driver would
// not use conn again. No transaction must be open on it. Drivers have errors of their own for a
// lost connection ("conn closed", "invalid connection"), which change from version to version. But
// all of them tell database/sql.
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
		}
		return nil
	})
	return bad || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
}

// discard closes a connection, so that it does not go back to the pool.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}
