// Package holdfastmysql protects calls to MySQL and MariaDB through github.com/go-sql-driver/mysql.
//
// [New] returns a [holdfastsql.DB] that knows this driver: what its errors mean ([Classify]), which
// of them are the server's own word and what that proves ([Answers]), and that ROLLBACK may leave
// something behind. It repeats a call only on proof that it changed nothing. Of all else nobody
// knows whether it was carried out: such a call is not repeated, unless its ctx is marked by
// resilience.MarkIdempotent, and its error is resilience.ErrOutcomeUnknown.
//
//	db, err := holdfastmysql.New(pool, payments)
//	…
//	err = db.Tx(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
//		_, err := tx.ExecContext(ctx, "UPDATE accounts SET balance = balance - ? WHERE id = ?", amount, from)
//		return err
//	})
//
// The proofs hold for tables of a transactional engine, InnoDB above all. In others (MyISAM, Aria,
// MEMORY) a statement that fails in the middle leaves what it did before, and the server does not
// tell. Set timeout, readTimeout and writeTimeout in the DSN: the driver ends COMMIT and ROLLBACK
// with those, and not with the ctx.
package holdfastmysql
