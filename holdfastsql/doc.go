// Package holdfastsql protects calls through database/sql.
//
// A [DB] sends statements and transactions through a pipeline. It retries a call only on proof that
// the call changed nothing: the call never reached the database, or the database says that it undid
// an atomic statement (see [Atomic]) or a transaction of [DB.Tx]. Any other failed call may have
// been carried out. Its error is resilience.ErrOutcomeUnknown, and it is not retried unless its ctx
// is marked by resilience.MarkIdempotent. If the error of a DB is not ErrOutcomeUnknown, the call
// has changed nothing. The only exception is a sql.ErrNoRows from [DB.Conn].
//
// A statement is idempotent if a second run changes nothing more. Examples are INSERT … ON CONFLICT
// DO NOTHING with a key that you choose, SET status = 'paid', and a SELECT whose functions write
// nothing.
//
//	db, err := holdfastsql.New(pool, payments)
//	…
//	err = db.Tx(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
//		_, err := tx.ExecContext(ctx, "UPDATE accounts SET balance = balance - $1 WHERE id = $2", amount, from)
//		return err
//	})
//
// The driver, and any proxy, must send a statement once. If one repeats it by itself, what the
// database answers the last time proves nothing of the times before.
//
// What an error means ([Classify]) and what it proves ([Answers]) are two questions. Both depend on
// the SQLSTATE, which the errors of pgx, lib/pq and go-sql-driver have; [driver.ErrBadConn] and
// broken connections prove nothing. For a driver with other errors, use [WithClassifier] and
// [WithAnswers], as holdfastmysql does.
//
// For pgx without database/sql, use holdfastpgx; for MySQL, holdfastmysql; for any other client,
// [Do].
package holdfastsql
