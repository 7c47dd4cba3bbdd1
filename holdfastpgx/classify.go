package holdfastpgx

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// Classify is the [resilience.Classifier] for pgx: [holdfastsql.Classify], which knows SQLSTATEs, ctx
// errors, pgx.ErrNoRows and broken connections, and one thing more: a prepared statement that a migration
// made stale, which pgx prepares anew the next time, is Transient. A [pgconn.ConnectError] is what its
// cause is: refused is Transient, a wrong password Permanent.
//
// A [DB] needs it in no Config: it marks its errors itself. It does not allocate, and is safe for
// concurrent use.
func Classify(err error) resilience.Verdict {
	v := holdfastsql.Classify(err)
	if v == resilience.Permanent && !resilience.Explains(err) && stalePlan(err) {
		return resilience.Transient
	}
	return v
}

// stalePlan reports whether err says that a prepared statement no longer fits its tables. Its SQLSTATE
// is that of any unsupported feature, and its text is translated; the routine is its own.
func stalePlan(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "0A000" && e.Routine == "RevalidateCachedQuery"
}

func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}
