package resilience_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// requireVerdicts requires of every error the verdict under which it is listed. One that says
// nothing must leave the decision to the errors around it.
func requireVerdicts(t *testing.T, errs map[resilience.Verdict][]error) {
	t.Helper()
	for want, errs := range errs {
		for _, err := range errs {
			require.Equal(t, want.String(), resilience.Classify(err).String(), "%T: %v", err, err)
			wrapped := fmt.Errorf("wrapped: %w", err)
			require.Equal(t, want.String(), resilience.Classify(wrapped).String(), "wrapped %T: %v", err, err)
			if want == resilience.Unclassified {
				require.Equal(t, resilience.Transient, resilience.Classify(&httpStatus{503, err}), "in a 503: %T: %v", err, err)
			}
		}
	}
}

// all returns an error for each code.
func all[C any](made func(C) error, codes ...C) []error {
	errs := make([]error, 0, len(codes))
	for _, code := range codes {
		errs = append(errs, made(code))
	}
	return errs
}

func TestClassifySQLStates(t *testing.T) {
	state := func(s string) error { return sqlState(s) }
	requireVerdicts(t, map[resilience.Verdict][]error{
		resilience.Transient: all(state, "08006", "08P01", "40001", "40003", "40P01", "55P03", "57P01", "57P02", "57P03",
			"57P05", "57014", "25006", "25P03", "25P04", "58000", "58030", "HYT00", "HV00N"),
		resilience.Overload: all(state, "53000", "53100", "53200", "53300", "53400"),
		resilience.Permanent: all(state, "22012", "22P02", "23505", "23000", "25001", "28P01", "3D000", "40002", "42601",
			"42P01", "0A000", "54001", "55000", "P0001", "02000"),
		resilience.Unclassified: all(state, "XX000", "HY000", "57000", "57P04", "F0000", "26000", "55006", "00000", "01000",
			"45000", "PAY01", "ZZ999", "99999", "RST00", "", "4", "400011"),
	})
}

// mysqlError has the fields of go-sql-driver's.
type mysqlError struct {
	Number   uint16
	SQLState [5]byte
	Message  string
}

func (e *mysqlError) Error() string { return e.Message }

func TestClassifyMySQLNumbers(t *testing.T) {
	number := func(n uint16) error { return &mysqlError{Number: n, SQLState: [5]byte([]byte("HY000"))} }
	bare := func(n uint16) error { return &mysqlError{Number: n} }
	requireVerdicts(t, map[resilience.Verdict][]error{
		resilience.Transient: slices.Concat(all(number, 1205, 1213, 3572, 1053, 1290, 3024), all(bare, 1205, 1213),
			[]error{&mysqlError{Number: 9999, SQLState: [5]byte([]byte("40001"))}}),
		resilience.Overload:     slices.Concat(all(number, 1040, 1203, 1226), all(bare, 1040)),
		resilience.Permanent:    slices.Concat(all(number, 1062, 1064, 1146, 1045), []error{&mysqlError{Number: 9999, SQLState: [5]byte([]byte("23000"))}}),
		resilience.Unclassified: slices.Concat(all(number, 9999, 0), all(bare, 9999)),
	})
	require.Equal(t, resilience.Overload,
		resilience.Classify(&mysqlError{Number: 1040, SQLState: [5]byte([]byte("08004"))}), "the number says more than its SQLSTATE")
	require.Equal(t, resilience.Unclassified, resilience.Classify((*mysqlError)(nil)))
}

// The types of gRPC's status, by their methods.
type (
	rpcCode   uint32
	rpcStatus struct {
		code    rpcCode
		message string
	}
	rpcError struct{ status *rpcStatus }
)

func (s *rpcStatus) Code() rpcCode {
	if s == nil {
		return 0
	}
	return s.code
}
func (s *rpcStatus) Message() string       { return s.message }
func (e *rpcError) Error() string          { return "rpc error" }
func (e *rpcError) GRPCStatus() *rpcStatus { return e.status }

var rpcNames = [...]string{
	"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
	"ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
	"DataLoss", "Unauthenticated",
}

func (c rpcCode) String() string {
	if int(c) < len(rpcNames) {
		return rpcNames[c]
	}
	return fmt.Sprintf("Code(%d)", uint32(c))
}

// connectError has a code type of its own, as connect-go and etcd have.
type connectError rpcCode

func (e connectError) Error() string { return "connect" }
func (e connectError) Code() rpcCode { return rpcCode(e) }

// twirpError has the methods of Twirp's errors.
type (
	twirpCode  string
	twirpError twirpCode
)

func (e twirpError) Error() string              { return "twirp" }
func (e twirpError) Code() twirpCode            { return twirpCode(e) }
func (e twirpError) Msg() string                { return "" }
func (e twirpError) MetaMap() map[string]string { return nil }

func TestClassifyRPCCodes(t *testing.T) {
	grpc := func(c rpcCode) error { return &rpcError{&rpcStatus{code: c}} }
	connect := func(c rpcCode) error { return connectError(c) }
	both := func(codes ...rpcCode) []error { return slices.Concat(all(grpc, codes...), all(connect, codes...)) }
	twirp := func(name twirpCode) error { return twirpError(name) }
	requireVerdicts(t, map[resilience.Verdict][]error{
		resilience.Canceled:  append(both(1), twirpError("canceled")),
		resilience.Transient: append(both(4, 10, 14), all(twirp, "deadline_exceeded", "aborted", "unavailable")...),
		resilience.Overload:  append(both(8), twirpError("resource_exhausted")),
		resilience.Permanent: slices.Concat(both(3, 5, 6, 7, 9, 11, 12, 16), all(twirp, "not_found", "malformed", "bad_route"),
			[]error{&rpcError{&rpcStatus{8, "grpc: received message larger than max (5 vs. 4)"}}}),
		resilience.Unclassified: slices.Concat(both(0, 2, 13, 15, 17, 99), all(twirp, "internal", "odd", ""),
			[]error{&rpcError{}}),
	})
	for want, beside := range map[resilience.Verdict]error{
		resilience.Transient: sqlState("40001"), resilience.Overload: sqlState("53300"), resilience.Unclassified: sqlState("23505"),
	} {
		require.Equal(t, want, resilience.Classify(errors.Join(grpc(1), beside)))
		require.Equal(t, want, resilience.Classify(errors.Join(beside, grpc(1))))
	}
	require.Equal(t, resilience.Judgment{Dependency: resilience.Transient, Retry: resilience.Transient},
		resilience.Assess(t.Context(), nil, grpc(1)), "somebody else gave up")
}

// awsError has the methods of the errors of AWS' first SDK.
type awsError string

func (e awsError) Error() string  { return string(e) }
func (e awsError) Code() string   { return string(e) }
func (e awsError) OrigErr() error { return nil }

func TestClassifyErrorCodes(t *testing.T) {
	second := func(code string) error { return errorCode(code) }
	first := func(code string) error { return awsError(code) }
	both := func(codes ...string) []error { return slices.Concat(all(second, codes...), all(first, codes...)) }
	requireVerdicts(t, map[resilience.Verdict][]error{
		resilience.Overload: both("Throttling", "ThrottlingException", "ProvisionedThroughputExceededException", "SlowDown",
			"RequestLimitExceeded", "TooManyRequestsException"),
		resilience.Transient:    both("RequestTimeout", "InternalError", "ServiceUnavailable", "TransactionInProgressException"),
		resilience.Permanent:    both("AccessDenied", "ValidationException", "NoSuchKey", "ExpiredToken"),
		resilience.Unclassified: both("Odd", "", "canceled", "throttling"),
	})
}

// labeled has the methods of MongoDB's errors.
type labeled struct {
	labels []string
	code   int
}

func (e labeled) Error() string               { return "mongo" }
func (e labeled) HasErrorLabel(l string) bool { return slices.Contains(e.labels, l) }
func (e labeled) HasErrorCode(code int) bool  { return e.code == code }

func TestClassifyMongo(t *testing.T) {
	label := func(l string) error { return labeled{labels: []string{l}, code: 11000} }
	code := func(c int) error { return labeled{code: c} }
	requireVerdicts(t, map[resilience.Verdict][]error{
		resilience.Transient: append(all(code, 189, 91, 50, 112, 10107),
			all(label, "RetryableWriteError", "TransientTransactionError", "NetworkError")...),
		resilience.Overload:     {labeled{labels: []string{"RetryableError", "SystemOverloadedError"}}},
		resilience.Permanent:    append(all(code, 11000, 121, 13, 18), label("Odd")),
		resilience.Unclassified: {labeled{}, labeled{code: 8}, labeled{labels: []string{"UnknownTransactionCommitResult"}}},
	})
}

type redisReply string

func (e redisReply) Error() string { return string(e) }
func (redisReply) RedisError()     {}

func TestClassifyRedisReplies(t *testing.T) {
	reply := func(text string) error { return redisReply(text) }
	requireVerdicts(t, map[resilience.Verdict][]error{
		resilience.Transient: all(reply, "LOADING Redis is loading the dataset in memory", "READONLY You can't write", "BUSY",
			"CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS", "MOVED 1 x:1", "ASK 1 x:1", "redis: transaction failed"),
		resilience.Overload: all(reply, "ERR max number of clients reached", "ERR max number of clients + cluster connections reached"),
		resilience.Permanent: all(reply, "WRONGTYPE Operation", "NOAUTH", "WRONGPASS", "NOPERM", "EXECABORT", "redis: nil",
			"ERR unknown command 'x'", "ERR syntax error", "ERR value is not an integer"),
		resilience.Unclassified: all(reply, "OOM command not allowed", "MISCONF", "ERR odd", "LOADINGS", "loading", "", "redis: odd"),
	})
	require.Equal(t, resilience.Unclassified, resilience.Classify(saying("LOADING")), "not every text is a reply")
}

// Kafka's codes, in the forms of three clients.
type (
	titled    int
	retriable struct {
		Code      int16
		Retriable bool
	}
	numbered int16
)

func (e titled) Error() string       { return "kafka" }
func (e titled) Title() string       { return "" }
func (e titled) Description() string { return "" }
func (e titled) Temporary() bool     { return e == 1000 }
func (e *retriable) Error() string   { return "kafka" }
func (e numbered) Error() string     { return "kafka server: odd" }

func TestClassifyKafka(t *testing.T) {
	made := func(code int) []error { return []error{titled(code), &retriable{Code: int16(code)}, numbered(code)} }
	each := func(codes ...int) (errs []error) {
		for _, code := range codes {
			errs = append(errs, made(code)...)
		}
		return errs
	}
	requireVerdicts(t, map[resilience.Verdict][]error{
		resilience.Transient:    append(each(5, 6, 7, 8, 27, 14, 51), titled(1000), &retriable{Code: 1000, Retriable: true}),
		resilience.Overload:     each(89),
		resilience.Permanent:    each(10, 29, 31, 58),
		resilience.Unclassified: append(each(-1, 0, 1001), titled(9999)),
	})
}

// Other protocols' numbers.
type (
	sqlServer  int32
	ldapResult struct {
		Err        error
		ResultCode uint16
		MatchedDN  string
	}
	amqpReply struct {
		Code            int
		Reason          string
		Server, Recover bool
	}
	clickHouse struct {
		Code int32
		Name string
	}
	neo4j struct{ Code string }
)

func (e sqlServer) Error() string         { return "mssql" }
func (e sqlServer) SQLErrorNumber() int32 { return int32(e) }
func (e *ldapResult) Error() string       { return "ldap" }
func (e *amqpReply) Error() string        { return "amqp" }
func (e *clickHouse) Error() string       { return "clickhouse" }
func (e *neo4j) Error() string            { return "neo4j" }

func TestClassifyNumbers(t *testing.T) {
	mssql := func(n int32) error { return sqlServer(n) }
	ldap := func(n uint16) error { return &ldapResult{ResultCode: n} }
	amqp := func(n int) error { return &amqpReply{Code: n} }
	ch := func(n int32) error { return &clickHouse{Code: n, Name: "DB::Exception"} }
	graph := func(code string) error { return &neo4j{"Neo." + code} }
	mail := func(n int) error { return &textproto.Error{Code: n} }
	requireVerdicts(t, map[resilience.Verdict][]error{
		resilience.Transient: slices.Concat(all(mssql, 1205, 40613), all(ldap, 3, 52, 200), all(amqp, 320, 504, 541),
			all(ch, 159, 210), all(graph, "TransientError.Transaction.DeadlockDetected", "ClientError.Cluster.NotALeader"), all(mail, 400, 421, 499)),
		resilience.Overload: slices.Concat(all(mssql, 40501), all(ldap, 11, 51), all(amqp, 506), all(ch, 202, 241)),
		resilience.Permanent: slices.Concat(all(mssql, 2627, 18456), all(ldap, 32, 49), all(amqp, 403, 406, 530),
			all(ch, 62, 516), all(graph, "ClientError.Statement.SyntaxError"), all(mail, 500, 550, 599)),
		resilience.Unclassified: slices.Concat(all(mssql, 0, 99999), all(ldap, 0, 1, 80, 100), all(amqp, 0, 200, 999), all(ch, 0, 1),
			all(graph, "DatabaseError.General.UnknownError", ""), all(mail, 0, 399, 600)),
	})
}

// around wraps an error.
type around struct{ inner error }

func (e around) Unwrap() error { return e.inner }

// Errors with a code, which wrap another. Those found by reflection have a named type.
type (
	mysqlAround struct {
		mysqlError
		around
	}
	rpcAround struct {
		rpcError
		around
	}
	connectAround struct {
		connectError
		around
	}
	twirpAround struct {
		twirpError
		around
	}
	retriableAround struct {
		retriable
		around
	}
	ldapAround struct {
		ldapResult
		around
	}
	amqpAround struct {
		amqpReply
		around
	}
	clickHouseAround struct {
		clickHouse
		around
	}
	neo4jAround struct {
		neo4j
		around
	}
)

// An unknown code says nothing, so the wrapped error decides. A known code decides for what it
// wraps.
func TestClassifyLooksBehindACodeThatIsNotListed(t *testing.T) {
	reset := around{syscall.ECONNRESET}
	for i, err := range []error{
		struct {
			sqlState
			around
		}{"HY000", reset},
		struct {
			errorCode
			around
		}{"Odd", reset},
		struct {
			labeled
			around
		}{labeled{code: 8}, reset},
		struct {
			redisReply
			around
		}{"ERR odd", reset},
		struct {
			sqlServer
			around
		}{99999, reset},
		&mysqlAround{mysqlError{Number: 1}, reset},
		&rpcAround{rpcError{&rpcStatus{code: 2}}, reset}, &rpcAround{rpcError{&rpcStatus{code: 99}}, reset},
		connectAround{2, reset}, twirpAround{"internal", reset}, twirpAround{"odd", reset},
		&retriableAround{retriable{Code: 1001}, reset},
		&ldapAround{ldapResult{ResultCode: 1}, reset}, &ldapAround{ldapResult{ResultCode: 100}, reset},
		&amqpAround{amqpReply{Code: 999}, reset},
		&clickHouseAround{clickHouse{Code: 1, Name: "DB::Exception"}, reset},
		&neo4jAround{neo4j{"Neo.DatabaseError.General.UnknownError"}, reset},
	} {
		require.Equal(t, resilience.Transient, resilience.Classify(err), "%d: %T", i, err)
	}
	for i, err := range []error{
		struct {
			sqlState
			around
		}{"23505", reset},
		&clickHouseAround{clickHouse{Code: 62, Name: "DB::Exception"}, reset},
		&rpcAround{rpcError{&rpcStatus{code: 3}}, reset},
	} {
		require.Equal(t, resilience.Permanent, resilience.Classify(err), "%d: %T", i, err)
	}
}

// The forms in which clients tell an HTTP status.
type (
	statusMethod int
	codeMethod   int
	statusCode   struct{ StatusCode int }
	status       struct{ Status int }
	codeBody     struct {
		Code int
		Body string
	}
	embedded      struct{ *statusCode }
	responded     struct{ Response *http.Response }
	kubernetes    struct{ ErrStatus struct{ Code int32 } }
	statusAndName struct {
		StatusCode int
		Code       string
	}
)

func (e statusMethod) Error() string   { return "status" }
func (e statusMethod) StatusCode() int { return int(e) }
func (e codeMethod) Error() string     { return "status" }
func (e codeMethod) HTTPCode() int     { return int(e) }
func (e statusCode) Error() string     { return "status" }
func (e *status) Error() string        { return "status" }
func (e codeBody) Error() string       { return "status" }
func (e embedded) Error() string       { return "status" }
func (e *responded) Error() string     { return "status" }
func (e *kubernetes) Error() string    { return "status" }
func (e *statusAndName) Error() string { return "status" }

func TestClassifyHTTPStatuses(t *testing.T) {
	each := func(codes ...int) (errs []error) {
		for _, code := range codes {
			k := &kubernetes{}
			k.ErrStatus.Code = int32(code)
			errs = append(errs, &httpStatus{code, nil}, statusMethod(code), codeMethod(code), statusCode{code}, &status{code},
				codeBody{Code: code}, embedded{&statusCode{code}}, &responded{&http.Response{StatusCode: code}}, k)
		}
		return errs
	}
	header := func(status int, key, value string) error {
		return &responded{&http.Response{StatusCode: status, Header: http.Header{key: {value}}}}
	}
	requireVerdicts(t, map[resilience.Verdict][]error{
		resilience.Transient: append(each(408, 425, 499, 500, 502, 503, 504, 599), &statusAndName{400, "RequestTimeout"}),
		resilience.Overload: append(each(429, 529), &statusAndName{503, "SlowDown"}, header(503, "Retry-After", "1"),
			header(403, "Retry-After", "1"), header(403, "X-Ratelimit-Remaining", "0")),
		resilience.Permanent: append(each(400, 401, 403, 404, 409, 422, 501, 505), header(403, "X-Ratelimit-Remaining", "1"),
			header(404, "X-Ratelimit-Remaining", "0"), header(404, "Retry-After", "1")),
		resilience.Unclassified: append(each(0, 200, 304, 399, 600), embedded{}, &responded{}),
	})
}

// A user's own error may have a Code as well. A protocol is recognized by more than that.
type (
	payCode  string
	declined struct {
		Code  string
		Stack string
	}
	ownNumber struct {
		Code   int
		Number uint16
	}
	ownShort struct {
		Code int16
	}
	ownRetriable struct {
		Code      int
		Retriable bool
	}
	ownCode   payCode
	ownUint   uint32
	ownResult struct{ ResultCode uint16 }
	ownInt    int16
	ownName   uint32
	payName   uint32
)

func (e *declined) Error() string     { return "declined" }
func (e *ownNumber) Error() string    { return "declined" }
func (e ownShort) Error() string      { return "declined" }
func (e *ownRetriable) Error() string { return "declined" }
func (e ownCode) Error() string       { return "declined" }
func (e ownCode) Code() payCode       { return payCode(e) }
func (e ownUint) Error() string       { return "declined" }
func (e ownUint) Code() uint32        { return uint32(e) }
func (e *ownResult) Error() string    { return "declined" }
func (e ownInt) Error() string        { return "declined" }
func (e ownName) Error() string       { return "declined" }
func (e ownName) Code() payName       { return payName(e) }
func (payName) String() string        { return "declined" }

func TestClassifyLeavesATeamsOwnCodesAlone(t *testing.T) {
	requireVerdicts(t, map[resilience.Verdict][]error{resilience.Unclassified: {
		&declined{Code: "canceled"}, &declined{Code: "unavailable"}, &declined{Code: "InternalError"}, &declined{Code: "SlowDown"},
		ownShort{7}, &ownRetriable{Code: 7, Retriable: true},
		&ownNumber{Code: 503}, &ownNumber{Code: 504, Number: 1205}, ownCode("canceled"), ownCode("aborted"), ownUint(1), ownUint(14),
		&ownResult{51}, ownInt(10), ownInt(5), ownName(1), ownName(14), &clickHouse{Code: 202, Name: "pay"},
	}})
}
