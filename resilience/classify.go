package resilience

import (
	"errors"
	"time"
)

type (
	verdictError interface {
		error
		Verdict() Verdict
	}
	defaultError interface {
		error
		DefaultVerdict() Verdict
	}
	retryableError interface {
		error
		Retryable() bool
	}
	retryAfterError interface {
		error
		RetryAfter() time.Duration
	}
)

// Classify is the default [Classifier]. It knows errors by their structure alone: by their methods,
// and by the types of the standard library. It asks, in this order, and the first answer counts:
//
//  1. a method Verdict() Verdict, anywhere in the error's tree: [Error], the Mark functions
//     and the errors of this module's stages have one. Then a method DefaultVerdict() Verdict: an
//     adapter's default for an error, which a Classifier, asked before Classify, can override;
//  2. [context.Canceled]: Canceled;
//  3. an answer of the dependency, in its protocol's own terms (table below);
//  4. [context.DeadlineExceeded], [os.ErrDeadlineExceeded], any method Timeout() bool that returns
//     true: Transient;
//  5. a method Retryable() bool: Transient (Overload with a retry-after) or Permanent. A method
//     NonRetriable() counts as a false;
//  6. the connection. Refused, reset, aborted, closed, broken pipe, no route, host or network
//     down, no file descriptor, port or buffer left, [io.ErrUnexpectedEOF], an [io.EOF] inside a
//     *[url.Error], [driver.ErrBadConn], a temporary DNS failure, a TLS alert internal_error, and
//     what net/http says of connections that died: Transient. A host that does not exist, an
//     invalid address, an unknown network, an unacceptable certificate or TLS version, a request
//     that net/http refuses to send: Permanent;
//  7. a dial that failed for any other reason than a missing permission, a method Temporary() bool,
//     SafeToRetry() bool or ConnectionError() bool that returns true: Transient.
//     [sql.ErrNoRows], [sql.ErrTxDone], [sql.ErrConnDone]: Permanent. The last two say nothing if
//     they are joined with other errors, since a rollback after a failure returns them;
//  8. anything else is Unclassified: it is not retried, and counts as a failure.
//
// The answers of rule 3, and how they are recognized. These are the main codes of each. An unknown
// code says nothing:
//
//	SQLState() string            08, 40, 57P01 to 57P03, 57P05, 57014, 55P03, 25006: Transient;
//	                             53: Overload; 22, 23, 28, 42 and the like: Permanent
//	fields Number, SQLState      MySQL's number, else the SQLSTATE
//	GRPCStatus(), Code()         Unavailable, DeadlineExceeded, Aborted: Transient;
//	                             ResourceExhausted: Overload (a message over a limit: Permanent);
//	                             Canceled: Canceled; Unknown, Internal, DataLoss: nothing;
//	                             all others: Permanent
//	ErrorCode() string           AWS's throttling codes: Overload; its transient ones: Transient;
//	                             likewise a field ErrorCode or Code beside an HTTP status
//	                             (Azure, MinIO, Stripe)
//	HasErrorLabel(string) bool   MongoDB's RetryableWriteError, TransientTransactionError,
//	                             NetworkError: Transient; SystemOverloadedError: Overload;
//	                             else by the numbers that HasErrorCode(int) bool knows
//	RedisError()                 the reply's first word: LOADING, READONLY, ...: Transient;
//	                             WRONGTYPE, NOAUTH, ...: Permanent
//	Title(), Description() of    Kafka's error codes; likewise a field Retriable
//	an integer, Temporary()      beside Code
//	*textproto.Error             SMTP, FTP: 4yz Transient, 5yz Permanent
//	other numbers                those of SQL Server, LDAP, AMQP, ClickHouse and Neo4j, by the
//	                             methods or fields of their Go clients' errors
//	HTTPStatusCode() int,        429, 529: Overload; 408, 425, 499, 5xx but 501 and 505: Transient
//	StatusCode() and the like,   (Overload with a Retry-After in a field Header or Response); other
//	fields of such names         4xx: Permanent. A code above goes first, also one
//	                             inside such an error
//
// gRPC's Unknown, Internal and DataLoss are failures of the server, but another try does not help.
// Unclassified has that effect: it is not retried, and counts as a failure.
//
// If one part of an error's tree is worth another try and another part is the caller's fault, the
// error is Unclassified too. Joined errors can be like that (a refused connection to one host, and
// a wrong password at another), and so is an error that looks worth a try, but has a Retryable
// method that returns false. A Retryable method decides for all that its error wraps. A timeout
// beside it goes before it, and it goes before a broken connection beside it.
//
// Classify sees the error alone. Stages judge it together with the ctx of its call: see [Assess].
// Classify does not allocate for errors of the standard library and those that explain themselves.
// For errors of clients it may use reflection, which allocates. A method of a foreign error that
// panics (on a nil pointer, say) is ignored. Classify is safe for concurrent use.
func Classify(err error) Verdict {
	if err == nil {
		return Success
	}
	if v, ok := marked(err); ok {
		return v
	}
	if v, ok := presumed(err); ok {
		return v
	}
	return classifyUnmarked(err)
}

// presumed returns the DefaultVerdict in err's tree, if there is one.
func presumed(err error) (v Verdict, ok bool) {
	defer func() {
		if recover() != nil {
			v, ok = Unclassified, false
		}
	}()
	e, ok := asType[defaultError](err)
	if !ok {
		return Unclassified, false
	}
	v = e.DefaultVerdict()
	return v, v.valid() && v != Success && v != Unclassified
}

// marked returns what the first Verdict method in err's tree returns, if there is one. Success
// becomes Permanent: no stage may lose an error. Unclassified, an invalid verdict and a method that
// panics count as none.
func marked(err error) (v Verdict, ok bool) {
	defer func() {
		if recover() != nil {
			v, ok = Unclassified, false
		}
	}()
	e, ok := asType[verdictError](err)
	if !ok {
		return Unclassified, false
	}
	switch v := e.Verdict(); {
	case v == Success:
		return Permanent, true
	case !v.valid() || v == Unclassified:
		return Unclassified, false
	default:
		return v, true
	}
}

// Explains reports whether err says itself what it means, by a Verdict or a Retryable method. A
// stage that knows why a call ended may then let the error's own meaning stand.
func Explains(err error) bool {
	if _, ok := marked(err); ok {
		return true
	}
	return hasOpinion(err)
}

// hasOpinion reports whether an error in err's tree has a Retryable method. That of an error which
// also has a Verdict method does not count: see opinion.
func hasOpinion(err error) bool {
	return anyOf(err, func(err error) bool {
		_, ok := opinion(err)
		return ok
	})
}

// RetryAfter returns how long the dependency asked callers to wait: the RetryAfter of an
// [Error], or what a method RetryAfter() time.Duration anywhere in err's tree returns. It is
// 0 if nothing was asked, or if such a method panics, and never negative. It does not read the
// headers that a client's error may have: say their pause by [MarkOverload].
func RetryAfter(err error) (after time.Duration) {
	defer func() {
		if recover() != nil {
			after = 0
		}
	}()
	if e, ok := asType[*Error](err); ok && e != nil && e.RetryAfter > 0 {
		return e.RetryAfter
	}
	for err != nil {
		e, ok := asType[retryAfterError](err)
		if !ok {
			return 0
		}
		if after := e.RetryAfter(); after > 0 {
			return after
		}
		err = errors.Unwrap(e) // a mark without a retry-after of its own keeps that of its error
	}
	return 0
}
