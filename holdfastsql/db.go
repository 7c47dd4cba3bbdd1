package holdfastsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

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
	classify resilience.Classifier
}

// Option changes what New makes.
type Option func(*DB)

// WithClassifier sets what says what the driver's errors mean. Default: [Classify].
//
// One for a driver whose errors have no SQLSTATE should fall back on Classify, and should call an
// error that a broken connection left Transient, or the call will not be known for [ErrOutcomeUnknown].
func WithClassifier(c resilience.Classifier) Option { return func(db *DB) { db.classify = c } }

// New returns pool's calls inside p. The caller goes on owning both, and closes pool. A nil one is an
// error of every call.
func New(pool *sql.DB, p *holdfast.Pipeline, options ...Option) *DB {
	db := &DB{pool: pool, pipeline: p, classify: Classify}
	for _, option := range options {
		option(db)
	}
	if db.classify == nil {
		db.classify = Classify
	}
	return db
}

// Exec runs a statement that returns no rows.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	var result sql.Result
	err := db.statement(ctx, func(ctx context.Context, conn *sql.Conn) (err error) {
		result, err = conn.ExecContext(ctx, query, args...)
		return err
	})
	return result, err
}

// QueryRow returns the one row of a query. Nothing is sent before its Scan is called.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *Row {
	return &Row{db: db, ctx: ctx, query: query, args: args}
}

// Row is a query for one row.
type Row struct {
	db    *DB
	ctx   context.Context
	query string
	args  []any
}

// Scan runs the query and copies the columns of its first row to dest, like (*sql.Row).Scan. Without
// a row the error is [sql.ErrNoRows] itself, and the pipeline counts a success. What is in dest
// beside an error is undefined.
func (r *Row) Scan(dest ...any) error {
	return r.db.statement(r.ctx, func(ctx context.Context, conn *sql.Conn) error {
		return conn.QueryRowContext(ctx, r.query, r.args...).Scan(dest...)
	})
}

// Collect runs a query and returns its rows, each read by scan, which calls rows.Scan and no other
// method. Rows are read within the attempt: if the connection dies between two, all are read again. The
// slice is empty, not nil, if there are none, and nil beside an error.
func Collect[T any](
	ctx context.Context, db *DB, scan func(rows *sql.Rows) (T, error), query string, args ...any,
) ([]T, error) {
	var all []T
	err := db.statement(ctx, func(ctx context.Context, conn *sql.Conn) error {
		all = []T{}
		rows, err := conn.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err has what matters; a panic of scan needs the Close
		for rows.Next() {
			row, err := scan(rows)
			if err != nil {
				return err
			}
			all = append(all, row)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Conn runs fn with a connection of its own: for prepared statements, advisory locks, several
// statements outside of a transaction. If getting the connection fails that is retried; fn itself only
// if ctx is marked by [MarkIdempotent], since part of it may have been carried out.
func (db *DB) Conn(ctx context.Context, fn func(ctx context.Context, conn *sql.Conn) error) error {
	return db.with(ctx, func(ctx context.Context, conn *sql.Conn) error {
		return db.unlessRefused(fn(ctx, conn))
	})
}

// statement runs fn, which sends one statement. driver.ErrBadConn should mean that nothing was sent, but drivers in
// wide use also return it for a connection that died while they waited for the answer (lib/pq; pgx, of statements
// without arguments). From a statement it proves nothing here; from the pool, which checks a
// connection before it hands it out, it does.
func (db *DB) statement(ctx context.Context, fn func(ctx context.Context, conn *sql.Conn) error) error {
	return db.with(ctx, func(ctx context.Context, conn *sql.Conn) error {
		err := fn(ctx, conn)
		switch {
		case undone(err):
			return err
		case sqlState(err) != "":
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
		return db.unlessRefused(err)
	})
}

// unlessRefused returns err as one that leaves the outcome unknown, unless it is Permanent: an answer of the
// database, or of code on this side.
func (db *DB) unlessRefused(err error) error {
	if err == nil {
		return nil
	}
	if v := db.classify(err); v.Failure() || v == resilience.Canceled {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return err
}

// with runs fn with a connection. It takes one itself, rather than let database/sql do so within the
// statement, for two reasons: what fails before there is a connection has sent nothing, whatever
// the driver's error looks like; and database/sql does not retry on its own inside the pipeline's retries.
func (db *DB) with(ctx context.Context, fn func(ctx context.Context, conn *sql.Conn) error) error {
	if db.pool == nil {
		return &resilience.FieldError{Stage: "holdfastsql", Field: "pool", Value: db.pool, Want: "want one made by sql.Open"}
	}
	return Do(ctx, db.pipeline, db.classify, func(ctx context.Context) error {
		conn, err := db.pool.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close() //nolint:errcheck // it only goes back to the pool
		if ctx.Err() != nil {
			return ctx.Err() // with the pool's last connection, too late: nothing was sent
		}
		err = fn(ctx, conn)
		if sqlState(err) == readOnly {
			// After a failover the connection leads to a server that is no longer the primary. This
			// closes it, so that the next attempt dials.
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		return err
	})
}
