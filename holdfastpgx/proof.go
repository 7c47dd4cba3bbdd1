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

// proven describes err, the error of a statement on conn, which was open before. There is proof
// that the statement changed nothing in three cases:
//
//   - the statement is atomic, and the server says that it undid it;
//   - the connection is still open, nothing was read, and the error is not from the server: pgx did
//     not send the statement, for example because it could not encode an argument;
//   - the connection died, and pgx says that it sent nothing. The exception is
//     pgconn.ErrConnClosed: pgx 5.12 calls it safe to retry even if the connection died while pgx
//     waited for the answer to a simple query. Since conn was open before, that is what happened.
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

// permanent judges an error that is the caller's fault: do not retry, and do not count a failure of
// the server.
var permanent = resilience.Judgment{Dependency: resilience.Permanent, Retry: resilience.Permanent}

// failed describes err, which conn just returned. If the connection is closed, err is Transient
// unless a classifier knows it: each version of pgx has other errors for a lost connection. A lost
// race is not a failure of the server.
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

// known reports whether pgx sends sql itself, and sql is one atomic statement. A QueryRewriter may
// send another text; pgx's own rewriters only replace the names of arguments.
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

// replaceReadOnly closes a connection on which the server refused a write. After a failover it may
// lead to a server that is no longer the primary, so the next attempt has to open a new one. In a
// transaction that the caller wanted to be read-only, the refusal says nothing of the server.
func replaceReadOnly(ctx context.Context, conn *pgxpool.Conn, err error) error {
	known, ok := err.(*resilience.CallError) //nolint:errorlint // what the attempt itself returned
	isCallers := ok && known.Judgment == permanent
	if err != nil && holdfastsql.Answers(err) == holdfastsql.ReadOnly && !isCallers {
		_ = conn.Conn().Close(ctx)
	}
	return err
}
