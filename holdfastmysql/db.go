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

// Option changes what New makes: [holdfastsql.WithClassifier], [holdfastsql.WithAnswers],
// [holdfastsql.WithAtomic]. A classifier of yours should fall back on [Classify], and answers on
// [Answers].
type Option = holdfastsql.Option

// New returns the calls of pool, which go-sql-driver/mysql serves, inside p. The caller goes on
// owning both, and closes pool. Its error names everything that is wrong: a nil pool, pipeline,
// option, or argument of an option.
func New(pool *sql.DB, p *holdfast.Pipeline, opts ...Option) (*holdfastsql.DB, error) {
	return holdfastsql.New(pool, p, append([]Option{
		holdfastsql.WithName("holdfastmysql"), holdfastsql.WithClassifier(Classify), holdfastsql.WithAnswers(Answers),
		holdfastsql.WithTxCheck(new(openCheck).open), holdfastsql.WithRollbackCheck(left),
	}, opts...)...)
}

// openCheck asks MariaDB whether a transaction is open. MySQL has nothing to ask.
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

// left asks, after a ROLLBACK, whether it left something behind. If the connection dies before the
// answer, nothing is known to be left: transactional tables are rolled back then.
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
