package holdfastsql

import (
	"context"
	"database/sql"
	"errors"

	"github.com/media-gateway/holdfast/resilience"
)

// Exec runs a statement that returns no rows.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	var result sql.Result
	err := db.statement(ctx, query, args, func(ctx context.Context, conn *sql.Conn) (err error) {
		result, err = conn.ExecContext(ctx, query, args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// QueryRow returns the first row of a query. The query is sent when Scan is called.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *Row {
	return &Row{db: db, ctx: ctx, query: query, args: args}
}

// Row is a query for one row. Its Scan runs the query.
type Row struct {
	db    *DB
	ctx   context.Context
	query string
	args  []any
}

var errRawBytes = errors.New("holdfastsql: a sql.RawBytes is not valid after Scan; want a []byte")

// Scan runs the query and copies the columns of its first row to dest, like (*sql.Row).Scan. It
// reads and drops the other rows, since an error at the end of a statement (from a deferred
// constraint, for example) comes after the rows. If there is no row, it returns [sql.ErrNoRows]
// itself, and the pipeline counts a success. After an error, the content of dest is undefined.
//
// If the row cannot be scanned, the outcome is unknown: the statement was carried out, or is being
// undone. Such an error is not retried, and is not a failure of the database.
func (r *Row) Scan(dest ...any) error {
	return r.db.statement(r.ctx, r.query, r.args, func(ctx context.Context, conn *sql.Conn) error {
		for _, d := range dest {
			if _, ok := d.(*sql.RawBytes); ok {
				return ProveUnsent(errRawBytes)
			}
		}
		found := false
		err := read(ctx, conn, r.query, r.args, func(rows *sql.Rows) error {
			if found {
				return nil
			}
			found = true
			return rows.Scan(dest...)
		})
		if err == nil && !found {
			return sql.ErrNoRows
		}
		return err
	})
}

// Collect runs a query and returns its rows, each read by scan. scan must call no method of rows
// except Scan. All rows are read within one attempt: if the connection dies between two rows, the
// query runs again only if ctx is marked by [resilience.MarkIdempotent]. The slice is empty, not
// nil, if there are no rows, and nil if there is an error. An error of scan is treated like an
// error of [Row.Scan].
func Collect[T any](
	ctx context.Context, db *DB, scan func(rows *sql.Rows) (T, error), query string, args ...any,
) ([]T, error) {
	var all []T
	err := db.statement(ctx, query, args, func(ctx context.Context, conn *sql.Conn) error {
		all = []T{}
		return read(ctx, conn, query, args, func(rows *sql.Rows) error {
			row, err := scan(rows)
			if err == nil {
				all = append(all, row)
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// read runs a query and calls each for every row.
func read(ctx context.Context, conn *sql.Conn, query string, args []any, each func(*sql.Rows) error) error {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // for a panic in each; otherwise it is closed below
	for rows.Next() {
		if err := each(rows); err != nil {
			if lost := rows.Err(); lost != nil {
				return lost
			}
			// The database has answered: the fault is on this side.
			return &resilience.CallError{Err: err, Judgment: permanent, Effect: resilience.EffectUnknown}
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}
