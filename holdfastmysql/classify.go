package holdfastmysql

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// Classify is the [resilience.Classifier] for MySQL and MariaDB. It asks, in this order:
//
//  1. sql.ErrNoRows: Success. A missing row is an answer, not a failure;
//  2. a verdict that the error carries (see [resilience.Classify]), and context.Canceled;
//  3. the number of a [mysql.MySQLError], looked up in the table of docs/databases.md. A number
//     that is not there is classified by its SQLSTATE. HY000, which says nothing, is Unclassified;
//  4. the driver's sentinels. mysql.ErrInvalidConn and protocol errors are Transient. A
//     configuration that does not fit the server and a packet that is too large are Permanent;
//  5. [holdfastsql.Classify].
//
// The stages of a DB made by [New] do not need it: the DB marks its errors itself. It is safe for
// concurrent use.
func Classify(err error) resilience.Verdict {
	if err == nil || errors.Is(err, sql.ErrNoRows) || resilience.Explains(err) || errors.Is(err, context.Canceled) {
		return holdfastsql.Classify(err)
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok && e != nil {
		if known, ok := codeOf(e); ok {
			return known.verdict
		}
		return holdfastsql.Classify(err)
	}
	for _, lost := range [...]error{mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrPktSyncMul, mysql.ErrBusyBuffer} {
		if errors.Is(err, lost) {
			return resilience.Transient
		}
	}
	for _, wrong := range [...]error{
		mysql.ErrNoTLS, mysql.ErrCleartextPassword, mysql.ErrNativePassword, mysql.ErrOldPassword,
		mysql.ErrUnknownPlugin, mysql.ErrOldProtocol, mysql.ErrPktTooLarge,
	} {
		if errors.Is(err, wrong) {
			return resilience.Permanent
		}
	}
	return holdfastsql.Classify(err)
}

// Answers says what an error proves: see [holdfastsql.WithAnswers]. Only a [mysql.MySQLError] comes
// from the server, and some of those prove nothing. It is safe for concurrent use.
func Answers(err error) holdfastsql.Answer {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok || e == nil {
		return holdfastsql.NoAnswer
	}
	if known, ok := codeOf(e); ok {
		return known.answer
	}
	return holdfastsql.Answers(err)
}

// codeOf looks up the number of e in the table. Number 1290 means that an option of the server
// forbids the statement. Usually that is --read-only, which ends with a failover. Any other option
// is permanent.
func codeOf(e *mysql.MySQLError) (code, bool) {
	if e.Number == 1290 && strings.Contains(e.Message, "--") && !strings.Contains(e.Message, "read-only") {
		return code{resilience.Permanent, holdfastsql.Undone}, true
	}
	known, ok := codes[e.Number]
	return known, ok
}
