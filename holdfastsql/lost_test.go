package holdfastsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// strict is a database whose connections are not used again after a transaction was left open, as
// pgx's are.
type strict struct {
	*database
	dead bool
}

func (s strict) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := s.database.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &strictConn{conn: c.(*conn), dead: s.dead}, nil
}

type strictConn struct {
	*conn
	open, dead bool
}

func (c *strictConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.open = c.open || query == "begin"
	return c.conn.ExecContext(ctx, query, args)
}

func (c *strictConn) ResetSession(context.Context) error {
	if c.open || c.dead {
		return driver.ErrBadConn
	}
	return nil
}

func (c *strictConn) Ping(ctx context.Context) error {
	if err := c.run(ctx, "ping"); err != nil || !c.dead {
		return err
	}
	return driver.ErrBadConn
}

// A connection on which fn left a transaction open is not one that was lost: nobody knows what the
// error means.
func TestAnOpenTransactionIsNoLostConnection(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		dead      bool
		verdict   resilience.Verdict
		seen      string
	}{
		"nothing is open":       {"insert", false, resilience.Unclassified, "insert"},
		"a transaction is open": {"begin", false, resilience.Unclassified, "begin ping"},
		"it is lost":            {"begin", true, resilience.Transient, "begin ping"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				database, _ := open(t, nil)
				pool := sql.OpenDB(strict{database, c.dead})
				defer pool.Close() //nolint:errcheck // it has nothing to say
				err := newDB(t, pool, newPipeline(t)).Conn(t.Context(), func(ctx context.Context, conn *sql.Conn) error {
					_, err := conn.ExecContext(ctx, c.statement)
					return errors.Join(err, errBoom)
				})
				require.ErrorIs(t, err, errBoom)
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.Equal(t, c.verdict, resilience.Judge(t.Context(), nil, err))
				require.Equal(t, c.seen, database.seen())
			})
		})
	}
}
