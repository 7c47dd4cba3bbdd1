package holdfastpgx

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// Classify is the [resilience.Classifier] for pgx: [holdfastsql.Classify], which knows SQLSTATEs,
// ctx errors, pgx.ErrNoRows and broken connections, with these additions:
//
//   - a prepared statement that a migration made stale is Transient: pgx prepares it again the next
//     time;
//   - a closed pool is Rejected: the call was not sent;
//   - pgx.ErrTxCommitRollback, pgx.ErrTxClosed, pgx.ErrTooManyRows and a row that does not fit its
//     destination are Permanent.
//
// A [pgconn.ConnectError] is classified by its cause: a refused connection is Transient, a wrong
// password Permanent.
//
// The stages of a [DB] do not need it: the DB marks its errors itself. It is safe for concurrent
// use.
func Classify(err error) resilience.Verdict {
	v := holdfastsql.Classify(err)
	switch {
	case resilience.Explains(err):
	case v == resilience.Permanent && stalePlan(err):
		return resilience.Transient
	case v == resilience.Unclassified:
		return own(err)
	}
	return v
}

// own classifies the errors that pgx itself makes.
func own(err error) resilience.Verdict {
	if _, ok := errors.AsType[pgx.ScanArgError](err); ok {
		return resilience.Permanent
	}
	for _, sentinel := range [...]error{pgx.ErrTxCommitRollback, pgx.ErrTxClosed, pgx.ErrTooManyRows} {
		if errors.Is(err, sentinel) {
			return resilience.Permanent
		}
	}
	if errors.Is(err, puddle.ErrClosedPool) {
		return resilience.Rejected
	}
	return resilience.Unclassified
}

// stalePlan reports whether err says that a prepared statement no longer fits its tables. Only the
// name of the server's routine tells: other errors have the same SQLSTATE, and the text is
// localized.
func stalePlan(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "0A000" && e.Routine == "RevalidateCachedQuery"
}
