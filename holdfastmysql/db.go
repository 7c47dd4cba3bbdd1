package holdfastmysql

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
)

// Option configures the DB that [New] returns: [holdfastsql.WithClassifier],
// [holdfastsql.WithAnswers], [holdfastsql.WithAtomic]. Your own functions should call [Classify] or
// [Answers] for errors that they do not know.
type Option = holdfastsql.Option

// New returns a DB that sends pool's calls through p. pool must use the driver go-sql-driver/mysql.
// The caller still owns pool and p, and closes pool. The error names every problem: a nil pool,
// pipeline, option, or argument of an option.
func New(pool *sql.DB, p *holdfast.Pipeline, opts ...Option) (*holdfastsql.DB, error) {
	return holdfastsql.New(pool, p, append([]Option{
		holdfastsql.WithName("holdfastmysql"), holdfastsql.WithClassifier(Classify), holdfastsql.WithAnswers(Answers),
		holdfastsql.WithTxCheck(new(openCheck).open), holdfastsql.WithRollbackCheck(left),
	}, opts...)...)
}

// openCheck asks MariaDB whether a transaction is open. MySQL has no variable for that.
type openCheck struct{ mysql atomic.Bool }

// unknownVariable is the number of ER_UNKNOWN_SYSTEM_VARIABLE.
const unknownVariable = 1193

func (c *openCheck) open(ctx context.Context, tx *sql.Tx) (open bool, err error) {
	if c.mysql.Load() {
		return true, nil
	}
	err = tx.QueryRowContext(ctx, "SELECT @@in_transaction").Scan(&open)
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok && e.Number == unknownVariable {
		c.mysql.Store(true)
		return true, nil
	}
	return open, err
}

// notRolledBack is the number of ER_WARNING_NOT_COMPLETE_ROLLBACK.
const notRolledBack = 1196

var errLeft = errors.New("tables that are not transactional were changed and could not be rolled back (warning 1196)")

// left asks, after a ROLLBACK, whether some changes could not be rolled back. If the connection
// dies before the answer, left returns nil: transactional tables are rolled back in any case.
func left(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, "SHOW WARNINGS")
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	defer rows.Close() //nolint:errcheck // what was read is what is known
	for rows.Next() {
		var level, message string
		var number int
		if err := rows.Scan(&level, &number, &message); err == nil && number == notRolledBack {
			return errLeft
		}
	}
	return nil
}
