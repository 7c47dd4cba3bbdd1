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
//  1. [sql.ErrNoRows]: Success. A missing row is an answer, not a failure;
//  2. a verdict that the error carries (see [resilience.Classify]), and context.Canceled;
//  3. an SQLSTATE, from a method SQLState() string or a field SQLState [5]byte: see the table in
//     docs/databases.md. An SQLSTATE that is not in the table is Unclassified;
//  4. [driver.ErrBadConn], io.EOF, net.ErrClosed, and an error whose method SafeToRetry() bool
//     returns true (pgx's, if it sent nothing): Transient;
//  5. [sql.ErrTxDone] and [sql.ErrConnDone]: Permanent. A retry cannot reopen what was closed;
//  6. [resilience.Classify]: broken connections and timeouts are Transient. An error that it does
//     not know is Unclassified.
//
// The stages of a [DB] do not need it: the DB marks its errors itself. It is safe for concurrent
// use.
func Classify(err error) resilience.Verdict {
	switch {
	case err == nil, errors.Is(err, sql.ErrNoRows):
		return resilience.Success
	case resilience.Explains(err), errors.Is(err, context.Canceled):
		return resilience.Classify(err)
	}
	if state := sqlState(err); state != "" {
		return resilience.ClassifySQLState(state)
	}
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), safeToRetry(err):
		return resilience.Transient
	case errors.Is(err, sql.ErrTxDone), errors.Is(err, sql.ErrConnDone):
		return resilience.Permanent
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
