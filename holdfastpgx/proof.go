package holdfastpgx

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// proven returns what is known of err, with which a statement on conn ended. conn was open before.
// There is proof that the statement changed nothing in three cases:
//
//   - the statement is atomic, and the server said that it undid it;
//   - the connection lives, and the error is not the server's, before anything was read: pgx did not
//     send the statement, since it could not encode an argument, for example;
//   - the connection died, and pgx says that it could send nothing. One exception is a closed
//     connection: pgx 5.12 calls it safe to retry even if it died while pgx waited for the answer to
//     a simple query. Here the connection was open, so that is what happened.
func (db *DB) proven(err error, conn *pgx.Conn, atomic bool) *resilience.CallError {
	effect := resilience.EffectUnknown
	if _, server := errors.AsType[*pgconn.PgError](err); server {
		if atomic && holdfastsql.Answers(err) != holdfastsql.NoAnswer {
			effect = resilience.EffectUndone
		}
	} else if !conn.IsClosed() || pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed) {
		effect = resilience.EffectUnsent
	}
	return db.failed(err, conn, effect)
}

// permanent is the caller's fault: no reason to retry, and no failure of the server.
var permanent = resilience.Judgment{Dependency: resilience.Permanent, Retry: resilience.Permanent}

// failed returns what is known of err, which came just now on conn. If the connection is gone, err
// is Transient unless a classifier knows better: each version of pgx has its own words for that. A
// lost race is no failure of the server.
func (db *DB) failed(err error, conn *pgx.Conn, effect resilience.Effect) *resilience.CallError {
	known := &resilience.CallError{Err: err, Effect: effect}
	if conn.IsClosed() {
		known.Default = resilience.Transient
	}
	if holdfastsql.Answers(err) == holdfastsql.LostRace {
		known.Dependency = resilience.Permanent
	}
	return known
}

// known reports whether sql is the text that pgx sends, and one atomic statement. A QueryRewriter
// may send another text; pgx's own only replace names.
func (db *DB) known(sql string, args []any) bool {
	for _, arg := range args {
		switch arg.(type) {
		case pgx.NamedArgs, pgx.StrictNamedArgs:
		case pgx.QueryRewriter:
			return false
		}
	}
	return db.atomic(sql)
}

// replaceReadOnly closes a connection on which writes were refused. After a failover it leads to a
// server that is no longer the primary, so the next attempt has to dial.
func replaceReadOnly(ctx context.Context, conn *pgxpool.Conn, err error) error {
	if err != nil && holdfastsql.Answers(err) == holdfastsql.ReadOnly {
		_ = conn.Conn().Close(ctx)
	}
	return err
}
