// Package holdfastsql protects calls through database/sql.
//
// A [DB] sends statements and transactions through a pipeline, and repeats a call only on proof
// that it changed nothing: it never reached the database, or the database said that it undid one
// atomic statement (see [Atomic]) or a transaction of [DB.Tx]. Of all else nobody knows whether it
// was carried out: its error is resilience.ErrOutcomeUnknown, and it is not repeated, unless its
// ctx is marked by resilience.MarkIdempotent. A failed call of a DB that is not ErrOutcomeUnknown
// has changed nothing; the one exception is a sql.ErrNoRows of [DB.Conn].
//
// A statement is idempotent if a second run changes nothing more: INSERT … ON CONFLICT DO NOTHING
// under a key of yours, SET status = 'paid'; a SELECT, if the functions in it write nothing.
//
//	db, err := holdfastsql.New(pool, payments)
//	…
//	err = db.Tx(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
//		_, err := tx.ExecContext(ctx, "UPDATE accounts SET balance = balance - $1 WHERE id = $2", amount, from)
//		return err
//	})
//
// What an error means ([Classify]) and what it proves ([Answers]) are two questions. Both go by
// SQLSTATEs, which pgx, lib/pq and go-sql-driver have; [driver.ErrBadConn] and broken connections
// prove nothing. For a driver with other errors there are [WithClassifier] and [WithAnswers];
// holdfastmysql is made of them.
//
// For pgx without database/sql there is holdfastpgx, for MySQL holdfastmysql, for any other client
// [Do].
package holdfastsql
