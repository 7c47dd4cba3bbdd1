// Package holdfastpgx protects calls to PostgreSQL through pgx.
//
// A [DB] sends statements and transactions through a pipeline. It retries a call only on proof that
// the call changed nothing: the call never reached the server, or the server says that it undid an
// atomic statement (see [holdfastsql.Atomic]) or a transaction of [DB.Tx]. Any other failed call
// may have been carried out. Its error is resilience.ErrOutcomeUnknown, and it is not retried
// unless its ctx is marked by resilience.MarkIdempotent. If the error of a DB is not
// ErrOutcomeUnknown, the call has changed nothing. The only exception is a pgx.ErrNoRows from
// [DB.Conn].
//
//	db, err := holdfastpgx.New(pool, payments)
//	…
//	err = db.Tx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(ctx context.Context, tx pgx.Tx) error {
//		_, err := tx.Exec(ctx, "UPDATE accounts SET balance = balance - $1 WHERE id = $2", amount, from)
//		return err
//	})
//
// For pgx through database/sql, use holdfastsql. The rules are the same.
package holdfastpgx
