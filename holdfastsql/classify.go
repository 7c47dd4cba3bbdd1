package holdfastsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/media-gateway/holdfast/resilience"
)

// Classify is the [resilience.Classifier] for database/sql. It asks, in this order:
//
//  1. [sql.ErrNoRows]: Success. That there is no such row is an answer, not a failure;
//  2. a verdict that the error carries (see [resilience.Classify]);
//  3. the ctx's errors: Canceled, and Transient for a deadline;
//  4. an SQLSTATE, from a method SQLState() string: see the table in docs/databases.md;
//  5. [driver.ErrBadConn], the end of a stream, a connection closed on this side (net.ErrClosed; a
//     method SafeToRetry() bool that says true, by which pgx means that): Transient;
//  6. [resilience.Classify]: broken connections are Transient, and all else is Permanent,
//     [sql.ErrTxDone] and [sql.ErrConnDone] with it: a finished transaction does not come back.
//
// A [DB] needs it in no Config: it marks its errors itself. It does not allocate, and is safe for
// concurrent use.
func Classify(err error) resilience.Verdict {
	switch {
	case err == nil, errors.Is(err, sql.ErrNoRows):
		return resilience.Success
	case resilience.Explains(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return resilience.Classify(err)
	}
	if state := sqlState(err); state != "" {
		return stateVerdict(state)
	}
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || safeToRetry(err) {
		return resilience.Transient
	}
	return resilience.Classify(err)
}

func safeToRetry(err error) bool {
	e, ok := errors.AsType[interface {
		error
		SafeToRetry() bool
	}](err)
	return ok && e.SafeToRetry()
}
