package resilience_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// sqlState has a code as drivers of SQL databases have it.
type sqlState string

func (e sqlState) Error() string    { return "SQLSTATE " + string(e) }
func (e sqlState) SQLState() string { return string(e) }

// httpStatus is an answer, with the error of reading it.
type httpStatus struct {
	code int
	err  error
}

func (e *httpStatus) Error() string       { return fmt.Sprintf("status %d: %v", e.code, e.err) }
func (e *httpStatus) Unwrap() error       { return e.err }
func (e *httpStatus) HTTPStatusCode() int { return e.code }

type errorCode string

func (e errorCode) Error() string     { return string(e) }
func (e errorCode) ErrorCode() string { return string(e) }

// refusal has a Retryable method, which decides for what it wraps.
type refusal struct {
	retryable bool
	err       error
}

func (e *refusal) Error() string   { return e.err.Error() }
func (e *refusal) Unwrap() error   { return e.err }
func (e *refusal) Retryable() bool { return e.retryable }

type finalError struct{}

func (finalError) Error() string { return "no" }
func (finalError) NonRetriable() {}

// What a tree means if its errors say different things.
func TestClassifyWeighsATree(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	noHost := &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}
	for name, c := range map[string]struct {
		err  error
		want resilience.Verdict
	}{
		"every net.Error is asked": {
			&url.Error{Op: "Get", Err: fmt.Errorf("transport: %w", timeoutError(true))}, resilience.Transient,
		},
		"a timeout behind another error": {errors.Join(noHostless{}, timeoutError(true)), resilience.Transient},

		"an answer, and a connection that died while it was read": {&httpStatus{404, syscall.ECONNRESET}, resilience.Permanent},
		"an answer, and a timeout while it was read":              {&httpStatus{404, context.DeadlineExceeded}, resilience.Permanent},
		"an answer, and somebody who gave up":                     {&httpStatus{404, context.Canceled}, resilience.Canceled},
		"a code says more than the status around it":              {&httpStatus{400, errorCode("ThrottlingException")}, resilience.Overload},
		"a status says more than a code that is not known":        {&httpStatus{503, errorCode("Odd")}, resilience.Transient},
		"a status that is none":                                   {&httpStatus{200, syscall.ECONNRESET}, resilience.Transient},
		"the outer one of two codes":                              {fmt.Errorf("%w", &coded{"40001", sqlState("23505")}), resilience.Transient},
		"two codes, side by side":                                 {errors.Join(sqlState("40001"), sqlState("23505")), resilience.Unclassified},
		"two codes that agree":                                    {errors.Join(sqlState("40001"), sqlState("40P01")), resilience.Transient},
		"overload and a transient fault":                          {errors.Join(sqlState("40001"), sqlState("53300")), resilience.Overload},
		"an answer beside a refused connection":                   {errors.Join(refused, sqlState("28P01")), resilience.Unclassified},
		"an answer beside a timeout":                              {errors.Join(timeoutError(true), sqlState("28P01")), resilience.Unclassified},
		"a transient answer beside a timeout":                     {errors.Join(timeoutError(true), sqlState("57P03")), resilience.Transient},
		"one host refuses, the other does not exist":              {errors.Join(refused, noHost), resilience.Unclassified},
		"one host times out, the other does not exist":            {errors.Join(timeoutError(true), noHost), resilience.Unclassified},
		"a no beside a timeout":                                   {errors.Join(retryableError(false), timeoutError(true)), resilience.Transient},
		"a no about a timeout":                                    {&refusal{false, context.DeadlineExceeded}, resilience.Unclassified},
		"a no about a broken connection":                          {&refusal{false, syscall.ECONNRESET}, resilience.Unclassified},
		"a no about a transient answer":                           {&refusal{false, sqlState("40001")}, resilience.Unclassified},
		"a no about the caller's fault":                           {&refusal{false, sqlState("23505")}, resilience.Permanent},
		"a no about what nobody knows":                            {&refusal{false, errUnknown}, resilience.Permanent},
		"a yes about the caller's fault":                          {&refusal{true, sqlState("23505")}, resilience.Transient},
		"a yes about a reset":                                     {&refusal{true, syscall.ECONNRESET}, resilience.Transient},
		"a yes about a no about a reset":                          {&refusal{true, &refusal{false, syscall.ECONNRESET}}, resilience.Transient},
		"a no about a yes":                                        {&refusal{false, &refusal{true, errUnknown}}, resilience.Permanent},
		"a yes about a no":                                        {&refusal{true, &refusal{false, errUnknown}}, resilience.Transient},
		"a yes with a pause further in":                           {&refusal{true, retryAfterError(time.Second)}, resilience.Overload},
		"a no of Azure":                                           {finalError{}, resilience.Permanent},
		"a no of Azure about a reset":                             {fmt.Errorf("%w: %w", finalError{}, syscall.ECONNRESET), resilience.Permanent},
		"a mark is before all":                                    {errors.Join(sqlState("23505"), resilience.MarkTransient(errUnknown)), resilience.Transient},
		"an Error that knows no more than the one it wraps":       {&resilience.Error{Kind: resilience.KindDatabase, Err: errUnknown}, resilience.Unclassified},
		"an Error with a status that it does not go by":           {&resilience.Error{Kind: resilience.KindCache, Status: 503}, resilience.Unclassified},
		"an Error that wraps an answer":                           {&resilience.Error{Kind: resilience.KindDatabase, Err: sqlState("53300")}, resilience.Overload},
		"an Error that knows nothing, beside one that does":       {errors.Join(&resilience.Error{}, syscall.ECONNRESET), resilience.Transient},
		"what the lookup knows is more than that the dial failed": {noHost, resilience.Permanent},
		"the end of a transaction beside what ended it":           {errors.Join(syscall.ECONNRESET, sql.ErrTxDone), resilience.Transient},
		"the end of a transaction beside what nobody knows":       {errors.Join(errUnknown, sql.ErrTxDone), resilience.Unclassified},
		"an error that wraps nothing":                             {&refusal{true, nil}, resilience.Transient},
		"an error that wraps a list of nothing":                   {&coded{"", nil}, resilience.Unclassified},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want.String(), resilience.Classify(c.err).String())
			require.Equal(t, c.want.String(), resilience.Classify(fmt.Errorf("wrapped: %w", c.err)).String(), "wrapped")
			require.Equal(t, c.want.String(), resilience.Classify(errors.Join(errUnknown, c.err)).String(), "joined")
		})
	}
}

// noHostless is a net.Error that is not a timeout.
type noHostless struct{}

func (noHostless) Error() string   { return "x" }
func (noHostless) Timeout() bool   { return false }
func (noHostless) Temporary() bool { return false }

// coded has a code, and wraps another error.
type coded struct {
	state string
	err   error
}

func (e *coded) Error() string    { return "coded" }
func (e *coded) Unwrap() []error  { return []error{e.err, nil} }
func (e *coded) SQLState() string { return e.state }

// nilError is a client's error whose methods panic on a nil pointer.
type nilError struct {
	verdict resilience.Verdict
	yes     bool
	err     error
	code    string
}

func (e *nilError) Error() string             { return e.code }
func (e *nilError) Unwrap() error             { return e.err }
func (e *nilError) Is(error) bool             { return e.yes }
func (e *nilError) Timeout() bool             { return e.yes }
func (e *nilError) Temporary() bool           { return e.yes }
func (e *nilError) SQLState() string          { return e.code }
func (e *nilError) HTTPStatusCode() int       { return len(e.code) }
func (e *nilError) RetryAfter() time.Duration { return time.Duration(len(e.code)) }

type (
	nilVerdict   struct{ nilError }
	nilRetryable struct{ nilError }
	nilCode      struct{ err error }
	nilStatus    struct{ code int }
)

func (e *nilVerdict) Verdict() resilience.Verdict { return e.verdict }
func (e *nilRetryable) Retryable() bool           { return e.yes }
func (e *nilCode) Error() string                  { return e.err.Error() }
func (e *nilCode) GRPCStatus() *nilStatus         { return &nilStatus{len(e.err.Error())} }
func (e *nilStatus) Code() uint32                 { return uint32(e.code) }

// A func that returns a nil pointer as its error has a bug, but Holdfast must not panic.
func TestMethodsThatPanic(t *testing.T) {
	for name, err := range map[string]error{
		"any method":                  (*nilError)(nil),
		"Verdict":                     (*nilVerdict)(nil),
		"Retryable":                   (*nilRetryable)(nil),
		"GRPCStatus":                  (*nilCode)(nil),
		"not nil, but the one inside": &nilCode{},
		"url.Error":                   (*url.Error)(nil),
		"net":                         (*net.OpError)(nil),
		"DNS":                         (*net.DNSError)(nil),
		"Error":                       (*resilience.Error)(nil),
		"errno":                       (*httpStatus)(nil),
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{err, fmt.Errorf("x: %w", errors.Join(err))} {
				require.Equal(t, resilience.Unclassified.String(), resilience.Classify(err).String())
				require.Zero(t, resilience.RetryAfter(err))
				require.NotPanics(t, func() { resilience.Explains(err) })
			}
			require.Equal(t, resilience.Transient.String(), resilience.Classify(errors.Join(err, syscall.ECONNRESET)).String(),
				"what stands beside it is asked all the same")
		})
	}
}

func TestExplainsByAnOpinion(t *testing.T) {
	require.True(t, resilience.Explains(&refusal{true, errUnknown}))
	require.True(t, resilience.Explains(finalError{}))
	require.False(t, resilience.Explains(&resilience.Error{Kind: resilience.KindDatabase, Err: errUnknown}),
		"an Error that does not know has no opinion")
	require.False(t, resilience.Explains(sqlState("23505")))
}

// An answer around several errors: a code in one of them says more than its status.
type envelope struct {
	code int
	errs []error
}

func (e *envelope) Error() string       { return "envelope" }
func (e *envelope) Unwrap() []error     { return e.errs }
func (e *envelope) HTTPStatusCode() int { return e.code }

func TestAnEnvelopeAroundSeveral(t *testing.T) {
	require.Equal(t, resilience.Permanent, resilience.Classify(&envelope{503, []error{errUnknown, sqlState("23505")}}))
	require.Equal(t, resilience.Transient, resilience.Classify(&envelope{400, []error{errUnknown, sqlState("40001")}}))
	require.Equal(t, resilience.Permanent, resilience.Classify(&envelope{400, []error{errUnknown}}))
}
