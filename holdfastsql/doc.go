// Package holdfastsql protects calls through database/sql.
//
// A [DB] sends statements and transactions through a pipeline, and knows when a retry is safe: what
// never reached the database, and what the database refused and undid, is tried again. Where a
// connection died in mid-call nobody knows whether the statement was carried out; then the call is
// not repeated, unless its ctx is marked by [MarkIdempotent], and its error is [ErrOutcomeUnknown].
//
//	db := holdfastsql.New(pool, payments)
//	err := db.Tx(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
//		_, err := tx.ExecContext(ctx, "UPDATE accounts SET balance = balance - $1 WHERE id = $2", amount, from)
//		return err
//	})
//
// It knows SQLSTATEs (any error with a method SQLState() string: pgx's, lib/pq's), [driver.ErrBadConn] and
// broken connections. A driver with other errors brings its own [WithClassifier].
//
// For pgx without database/sql there is holdfastpgx; for any other client, [Do].
package holdfastsql
