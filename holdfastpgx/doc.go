// Package holdfastpgx protects calls to PostgreSQL through pgx.
//
// A [DB] sends statements and transactions through a pipeline, and knows when a retry is safe: what
// never reached the server, and what the server refused and undid, is tried again. Where the
// connection died in mid-call nobody knows whether the statement was carried out; then the call is
// not repeated, unless its ctx is marked by [MarkIdempotent], and its error is [ErrOutcomeUnknown].
//
//	db := holdfastpgx.New(pool, payments)
//	err := db.Tx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(ctx context.Context, tx pgx.Tx) error {
//		_, err := tx.Exec(ctx, "UPDATE accounts SET balance = balance - $1 WHERE id = $2", amount, from)
//		return err
//	})
//
// For pgx through database/sql there is holdfastsql, whose rules these are.
package holdfastpgx
