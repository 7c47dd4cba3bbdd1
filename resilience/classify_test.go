package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// Errors with the methods that Classify asks for.
type (
	verdictError    resilience.Verdict
	retryableError  bool
	retryAfterError time.Duration
	timeoutError    bool
)

func (e verdictError) Error() string               { return "own verdict" }
func (e verdictError) Verdict() resilience.Verdict { return resilience.Verdict(e) }

func (e retryableError) Error() string   { return "own opinion" }
func (e retryableError) Retryable() bool { return bool(e) }

func (e retryAfterError) Error() string             { return "slow down" }
func (e retryAfterError) Retryable() bool           { return true }
func (e retryAfterError) RetryAfter() time.Duration { return time.Duration(e) }

func (e timeoutError) Error() string   { return "i/o timeout" }
func (e timeoutError) Timeout() bool   { return bool(e) }
func (e timeoutError) Temporary() bool { return true }

var errUnknown = errors.New("who knows")

func TestClassify(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want resilience.Verdict
	}{
		"nil": {nil, resilience.Success},

		// a Verdict method
		"verdict: transient":         {verdictError(resilience.Transient), resilience.Transient},
		"verdict: overload":          {verdictError(resilience.Overload), resilience.Overload},
		"verdict: permanent":         {verdictError(resilience.Permanent), resilience.Permanent},
		"verdict: canceled":          {verdictError(resilience.Canceled), resilience.Canceled},
		"verdict: rejected":          {verdictError(resilience.Rejected), resilience.Rejected},
		"an error is no success":     {verdictError(resilience.Success), resilience.Permanent},
		"before context.Canceled":    {errors.Join(context.Canceled, verdictError(resilience.Transient)), resilience.Transient},
		"before a deadline":          {resilience.MarkPermanent(context.DeadlineExceeded), resilience.Permanent},
		"the outermost one counts":   {resilience.MarkPermanent(resilience.MarkTransient(errUnknown)), resilience.Permanent},
		"marked, wrapped":            {fmt.Errorf("charge: %w", resilience.MarkTransient(errUnknown)), resilience.Transient},
		"marked, joined":             {errors.Join(errUnknown, resilience.MarkOverload(errUnknown, 0)), resilience.Overload},
		"marked, wrapped by several": {fmt.Errorf("%w and %w", errUnknown, resilience.MarkRejected(errUnknown)), resilience.Rejected},

		// context.Canceled
		"canceled":                  {context.Canceled, resilience.Canceled},
		"canceled, wrapped":         {fmt.Errorf("charge: %w", context.Canceled), resilience.Canceled},
		"canceled, by http":         {&url.Error{Op: "Get", URL: "http://x", Err: context.Canceled}, resilience.Canceled},
		"canceled before a timeout": {errors.Join(context.DeadlineExceeded, context.Canceled), resilience.Canceled},

		// timeouts
		"deadline":               {context.DeadlineExceeded, resilience.Transient},
		"deadline, wrapped":      {fmt.Errorf("charge: %w", context.DeadlineExceeded), resilience.Transient},
		"os deadline":            {os.ErrDeadlineExceeded, resilience.Transient},
		"net timeout":            {&net.OpError{Op: "read", Err: timeoutError(true)}, resilience.Transient},
		"net.Error":              {timeoutError(true), resilience.Transient},
		"net.Error, temporary":   {timeoutError(false), resilience.Transient},
		"http timeout":           {&url.Error{Op: "Get", URL: "http://x", Err: timeoutError(true)}, resilience.Transient},
		"timeout before opinion": {errors.Join(retryableError(false), timeoutError(true)), resilience.Transient},

		// a Retryable method
		"retryable":                 {retryableError(true), resilience.Transient},
		"not retryable":             {retryableError(false), resilience.Permanent},
		"retryable, wrapped":        {fmt.Errorf("charge: %w", retryableError(true)), resilience.Transient},
		"retryable with a pause":    {retryAfterError(time.Second), resilience.Overload},
		"retryable without a pause": {retryAfterError(0), resilience.Transient},
		"before a broken pipe":      {errors.Join(retryableError(false), syscall.EPIPE), resilience.Permanent},

		// broken connections
		"refused": {&url.Error{Op: "Post", URL: "http://x", Err: &net.OpError{
			Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
		}}, resilience.Transient},
		"reset":                  {&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, resilience.Transient},
		"aborted":                {syscall.ECONNABORTED, resilience.Transient},
		"broken pipe":            {&net.OpError{Op: "write", Err: syscall.EPIPE}, resilience.Transient},
		"unexpected EOF":         {fmt.Errorf("body: %w", io.ErrUnexpectedEOF), resilience.Transient},
		"permission denied":      {&net.OpError{Op: "dial", Err: syscall.EACCES}, resilience.Unclassified},
		"dns: no such host":      {&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, resilience.Permanent},
		"dns: not found for now": {&net.DNSError{IsNotFound: true, IsTemporary: true}, resilience.Permanent},
		"dns: server failure":    {&net.DNSError{Err: "server misbehaving", IsTemporary: true}, resilience.Transient},
		"dns: timeout":           {&net.DNSError{Err: "i/o timeout", IsTimeout: true}, resilience.Transient},
		"dns: unknown":           {&net.DNSError{Err: "odd"}, resilience.Permanent},

		// anything else
		"unknown":               {errUnknown, resilience.Unclassified},
		"plain EOF":             {io.EOF, resilience.Unclassified},
		"says it is nothing":    {judgedError{said: resilience.Success}, resilience.Permanent},
		"says it does not know": {judgedError{said: resilience.Unclassified}, resilience.Unclassified},
		"says what is no word":  {judgedError{said: 99}, resilience.Unclassified},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, resilience.Classify(c.err))
			if c.err != nil {
				require.Equal(t, c.want, resilience.Classify(fmt.Errorf("wrapped: %w", c.err)), "wrapped")
				require.Equal(t, c.want, resilience.Classify(errors.Join(errUnknown, c.err)), "joined")
			}
		})
	}
}

func TestErrorKinds(t *testing.T) {
	const svc, second = "payments", time.Second
	type e = resilience.Error
	for name, c := range map[string]struct {
		err  *e
		want resilience.Verdict
	}{
		"network":                {&e{Kind: resilience.KindNetwork}, resilience.Transient},
		"timeout":                {&e{Kind: resilience.KindTimeout}, resilience.Transient},
		"unavailable":            {&e{Kind: resilience.KindServiceUnavailable, Status: 503}, resilience.Transient},
		"unavailable, come back": {&e{Kind: resilience.KindServiceUnavailable, RetryAfter: second}, resilience.Overload},
		"rate limit":             {&e{Kind: resilience.KindRateLimit}, resilience.Overload},
		"api 500":                {&e{Kind: resilience.KindExternalAPI, Status: 500}, resilience.Transient},
		"api 599":                {&e{Kind: resilience.KindExternalAPI, Status: 599}, resilience.Transient},
		"api 600":                {&e{Kind: resilience.KindExternalAPI, Status: 600}, resilience.Permanent},
		"api 408":                {&e{Kind: resilience.KindExternalAPI, Status: 408}, resilience.Transient},
		"api 429":                {&e{Kind: resilience.KindExternalAPI, Status: 429}, resilience.Overload},
		"api 529":                {&e{Kind: resilience.KindExternalAPI, Status: 529}, resilience.Overload},
		"api 404":                {&e{Kind: resilience.KindExternalAPI, Status: 404, Err: io.ErrUnexpectedEOF}, resilience.Permanent},
		"api 503, come back":     {&e{Kind: resilience.KindExternalAPI, Status: 503, RetryAfter: second}, resilience.Overload},
		"api without a status":   {&e{Kind: resilience.KindExternalAPI, Err: io.ErrUnexpectedEOF}, resilience.Transient},
		"api that says nothing":  {&e{Kind: resilience.KindExternalAPI}, resilience.Unclassified},
		"database, broken":       {&e{Kind: resilience.KindDatabase, Err: syscall.ECONNRESET}, resilience.Transient},
		"database, wrong query":  {&e{Kind: resilience.KindDatabase, Err: errUnknown}, resilience.Unclassified},
		"cache, timeout":         {&e{Kind: resilience.KindCache, Err: context.DeadlineExceeded}, resilience.Transient},
		"cache, nothing known":   {&e{Kind: resilience.KindCache}, resilience.Unclassified},
		"validation":             {&e{Kind: resilience.KindValidation, Err: io.ErrUnexpectedEOF}, resilience.Permanent},
		"authentication":         {&e{Kind: resilience.KindAuthentication, Status: 401}, resilience.Permanent},
		"not found":              {&e{Kind: resilience.KindNotFound}, resilience.Permanent},
		"internal":               {&e{Kind: resilience.KindInternal}, resilience.Permanent},
		"validation, come back":  {&e{Kind: resilience.KindValidation, RetryAfter: second}, resilience.Permanent},
		"no kind":                {&e{Err: io.ErrUnexpectedEOF}, resilience.Transient},
		"unknown kind":           {&e{Kind: 200}, resilience.Unclassified},
		"the caller gave up":     {&e{Kind: resilience.KindNetwork, Err: context.Canceled}, resilience.Canceled},
		"an Error in an Error":   {&e{Kind: resilience.KindDatabase, Err: &e{Kind: resilience.KindNetwork}}, resilience.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			c.err.Service = svc
			require.Equal(t, c.want, c.err.Verdict())
			require.Equal(t, c.want, resilience.Classify(c.err))
			require.Equal(t, c.want == resilience.Transient || c.want == resilience.Overload, c.err.Retryable())
		})
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("dial tcp: refused")
	for want, e := range map[string]*resilience.Error{
		"payments charge: service unavailable (503): try later: dial tcp: refused": {
			Kind: resilience.KindServiceUnavailable, Service: "payments", Op: "charge", Status: 503, Message: "try later", Err: cause,
		},
		"error":                    {},
		"payments: network error":  {Kind: resilience.KindNetwork, Service: "payments"},
		"charge: validation error": {Kind: resilience.KindValidation, Op: "charge"},
	} {
		require.EqualError(t, e, want)
	}
	require.ErrorIs(t, &resilience.Error{Err: cause}, cause)
}

func TestRetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want time.Duration
	}{
		"nil":             {nil, 0},
		"unknown":         {errUnknown, 0},
		"marked":          {resilience.MarkOverload(errUnknown, time.Second), time.Second},
		"marked, wrapped": {fmt.Errorf("x: %w", resilience.MarkOverload(errUnknown, time.Second)), time.Second},
		"negative":        {resilience.MarkOverload(errUnknown, -time.Second), 0},
		"an Error":        {fmt.Errorf("x: %w", &resilience.Error{RetryAfter: time.Minute}), time.Minute},
		"a method":        {retryAfterError(time.Hour), time.Hour},
		"negative method": {retryAfterError(-time.Hour), 0},
	} {
		require.Equal(t, c.want, resilience.RetryAfter(c.err), name)
	}
}

func TestMarks(t *testing.T) {
	for want, mark := range map[resilience.Verdict]func(error) error{
		resilience.Transient: resilience.MarkTransient,
		resilience.Permanent: resilience.MarkPermanent,
		resilience.Rejected:  resilience.MarkRejected,
		resilience.Overload:  func(err error) error { return resilience.MarkOverload(err, time.Second) },
	} {
		require.NoError(t, mark(nil))
		err := mark(fmt.Errorf("charge: %w", errUnknown))
		require.Equal(t, want, resilience.Classify(err))
		require.ErrorIs(t, err, errUnknown)
		require.EqualError(t, err, "charge: who knows")
	}
}

func TestExplains(t *testing.T) {
	require.True(t, resilience.Explains(resilience.MarkPermanent(errUnknown)))
	require.True(t, resilience.Explains(retryableError(false)))
	require.False(t, resilience.Explains(errUnknown))
	require.False(t, resilience.Explains(context.DeadlineExceeded))
}

type judgedError struct{ said, meant resilience.Verdict }

func (e judgedError) Error() string                         { return "judged" }
func (e judgedError) Verdict() resilience.Verdict           { return e.said }
func (e judgedError) DependencyVerdict() resilience.Verdict { return e.meant }

func TestJudge(t *testing.T) {
	live := t.Context()
	canceled, cancel := context.WithCancel(live)
	cancel()
	expired, cancelExpired := context.WithTimeout(live, 0)
	defer cancelExpired()
	always := func(v resilience.Verdict) resilience.Classifier {
		return func(error) resilience.Verdict { return v }
	}
	spent := fmt.Errorf("inner: %w", judgedError{said: resilience.Rejected, meant: resilience.Transient})

	for name, c := range map[string]struct {
		ctx      context.Context
		classify resilience.Classifier
		err      error
		want     resilience.Verdict
	}{
		"nil":                                  {live, always(resilience.Transient), nil, resilience.Success},
		"nil although canceled":                {canceled, nil, nil, resilience.Success},
		"default":                              {live, nil, io.ErrUnexpectedEOF, resilience.Transient},
		"own classifier":                       {live, always(resilience.Permanent), io.ErrUnexpectedEOF, resilience.Permanent},
		"canceled, whatever it looks like":     {canceled, nil, io.ErrUnexpectedEOF, resilience.Canceled},
		"canceled before own classifier":       {canceled, always(resilience.Transient), errUnknown, resilience.Canceled},
		"expired is no cancel":                 {expired, nil, context.DeadlineExceeded, resilience.Transient},
		"by what the dependency said":          {live, nil, spent, resilience.Transient},
		"an explanation before the classifier": {live, always(resilience.Permanent), spent, resilience.Transient},
	} {
		require.Equal(t, c.want, resilience.Judge(c.ctx, c.classify, c.err), name)
	}
}

type stopError resilience.Reason

func (e stopError) Error() string                 { return "stopped" }
func (e stopError) StopReason() resilience.Reason { return resilience.Reason(e) }

func TestReasonOf(t *testing.T) {
	for want, err := range map[resilience.Reason]error{
		resilience.ReasonNone:         nil,
		resilience.ReasonBulkheadFull: fmt.Errorf("x: %w", stopError(resilience.ReasonBulkheadFull)),
		resilience.ReasonCanceled:     context.Canceled,
		resilience.ReasonRejected:     resilience.MarkRejected(errUnknown),
		resilience.ReasonPermanent:    resilience.MarkPermanent(errUnknown),
		resilience.ReasonUnclassified: errUnknown,
		resilience.ReasonExhausted:    io.ErrUnexpectedEOF,
	} {
		require.Equal(t, want, resilience.ReasonOf(err))
	}
	// A number that is no reason must not be an index into a table of all reasons: that panics.
	require.Equal(t, resilience.ReasonRejected, resilience.ReasonOf(resilience.MarkRejected(stopError(200))))
}

func TestFieldError(t *testing.T) {
	require.EqualError(t, &resilience.FieldError{
		Stage: "retry", Field: "MaxDelay", Value: 50 * time.Millisecond, Want: "want at least BaseDelay (100ms)",
	}, "retry: MaxDelay is 50ms; want at least BaseDelay (100ms)")
}

// Names are labels of metrics and fields of logs, so each value has one, and no two are the same.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for r := range resilience.Reason(resilience.NumReasons) {
		require.NotContains(t, []string{"", "unknown"}, r.String())
		require.False(t, seen[r.String()], r)
		seen[r.String()] = true
		text, err := r.MarshalText()
		require.NoError(t, err)
		require.Equal(t, r.String(), string(text))
	}
	require.Equal(t, "unknown", resilience.Reason(resilience.NumReasons).String())
	require.True(t, resilience.ReasonBulkheadFull.AtLimit())
	for _, r := range []resilience.Reason{resilience.ReasonNone, resilience.ReasonBudget, resilience.ReasonBreakerOpen, resilience.ReasonRejected} {
		require.False(t, r.AtLimit(), r)
	}
	for v := range resilience.Verdict(resilience.NumVerdicts) {
		require.NotContains(t, []string{"", "invalid"}, v.String())
		require.False(t, seen["verdict "+v.String()], v)
		seen["verdict "+v.String()] = true
		text, err := v.MarshalText()
		require.NoError(t, err)
		require.Equal(t, v.String(), string(text))
	}
	require.Equal(t, "invalid", resilience.Verdict(resilience.NumVerdicts).String())
	require.Equal(t, "invalid", resilience.Verdict(255).String())
	require.True(t, resilience.Verdict(255).Failure(), "what is not known is not taken for harmless")
	require.False(t, resilience.Verdict(255).Retryable())
	for k := resilience.EventAttempt; k < resilience.NumEventKinds; k++ {
		require.NotContains(t, []string{"", "unknown"}, k.String())
		require.False(t, seen["event "+k.String()], k)
		seen["event "+k.String()] = true
	}
	require.Equal(t, "unknown", resilience.EventKind(resilience.NumEventKinds).String())
	require.Equal(t, "unknown", resilience.EventKind(99).String())
	require.Equal(t, "give_up", resilience.EventGiveUp.String())
	require.Equal(t, "half-open", resilience.StateHalfOpen.String())
	require.Equal(t, "unknown", resilience.State(99).String())
	text, err := resilience.StateOpen.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "open", string(text))
	require.Equal(t, "rate limited", resilience.KindRateLimit.String())
	require.Equal(t, "error", resilience.Kind(99).String())
}
