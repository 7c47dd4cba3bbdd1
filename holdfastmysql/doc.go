// Package holdfastmysql protects calls to MySQL and MariaDB through github.com/go-sql-driver/mysql.
//
// [New] returns a [holdfastsql.DB] that knows this driver: what its errors mean ([Classify]), which
// of them come from the server and what those prove ([Answers]), and that ROLLBACK may leave
// changes behind. It retries a call only on proof that the call changed nothing. Any other failed
// call may have been carried out. Its error is resilience.ErrOutcomeUnknown, and it is not retried
// unless its ctx is marked by resilience.MarkIdempotent.
//
//	db, err := holdfastmysql.New(pool, payments)
//	…
//	err = db.Tx(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
//		_, err := tx.ExecContext(ctx, "UPDATE accounts SET balance = balance - ? WHERE id = ?", amount, from)
//		return err
//	})
//
// The proofs hold for tables of a transactional engine, such as InnoDB. In other engines (MyISAM,
// Aria, MEMORY) a statement that fails in the middle leaves its first changes in the table, and the
// server does not say so. Set timeout, readTimeout and writeTimeout in the DSN: only they bound
// COMMIT and ROLLBACK, the ctx does not.
package holdfastmysql
