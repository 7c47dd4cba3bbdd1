// Package holdfastpgx protects calls to PostgreSQL through pgx.
//
// A [DB] sends statements and transactions through a pipeline, and repeats a call only on proof
// that it changed nothing: it never reached the server, or the server said that it undid one atomic
// statement (see [holdfastsql.Atomic]) or a transaction of [DB.Tx]. Of all else nobody knows
// whether it was carried out: its error is resilience.ErrOutcomeUnknown, and it is not repeated,
// unless its ctx is marked by resilience.MarkIdempotent. A failed call of a DB that is not
// ErrOutcomeUnknown has changed nothing; the one exception is a pgx.ErrNoRows of [DB.Conn].
//
//	db, err := holdfastpgx.New(pool, payments)
//	…
//	err = db.Tx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(ctx context.Context, tx pgx.Tx) error {
//		_, err := tx.Exec(ctx, "UPDATE accounts SET balance = balance - $1 WHERE id = $2", amount, from)
//		return err
//	})
//
// For pgx through database/sql there is holdfastsql, whose rules these are.
package holdfastpgx
