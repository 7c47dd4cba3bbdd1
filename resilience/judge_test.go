package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

var errCause = errors.New("the SLA ran out")

func endedCtxs(t *testing.T) (canceled, expired context.Context) {
	t.Helper()
	canceled, cancel := context.WithCancelCause(t.Context())
	cancel(errCause)
	expired, cancelExpired := context.WithTimeoutCause(t.Context(), 0, errCause)
	t.Cleanup(cancelExpired)
	return canceled, expired
}

func always(v resilience.Verdict) resilience.Classifier {
	return func(error) resilience.Verdict { return v }
}

func TestAssess(t *testing.T) {
	live := t.Context()
	canceled, expired := endedCtxs(t)
	type judgment = resilience.Judgment
	both := func(v resilience.Verdict) judgment { return judgment{Dependency: v, Retry: v} }
	limit := &deadline.Error{Limit: time.Second, Err: fmt.Errorf("charge: %w", errUnknown)}
	kind := func(k resilience.Kind, err error) error { return &resilience.Error{Kind: k, Err: err} }

	for name, c := range map[string]struct {
		ctx      context.Context
		classify resilience.Classifier
		err      error
		want     judgment
	}{
		"nil, although canceled":         {canceled, always(resilience.Transient), nil, both(resilience.Success)},
		"canceled, marked or not":        {canceled, nil, resilience.MarkPermanent(errUnknown), both(resilience.Canceled)},
		"canceled, not to be repeated":   {canceled, nil, resilience.MarkNoRetry(errUnknown, resilience.Transient), both(resilience.Canceled)},
		"canceled, known to the team":    {canceled, always(resilience.Permanent), errUnknown, both(resilience.Canceled)},
		"a mark, before the team":        {live, always(resilience.Permanent), resilience.MarkTransient(errUnknown), both(resilience.Transient)},
		"not to be repeated":             {live, nil, resilience.MarkNoRetry(errUnknown, resilience.Transient), judgment{resilience.Transient, resilience.Permanent}},
		"a mark around that":             {live, nil, resilience.MarkTransient(resilience.MarkNoRetry(errUnknown, resilience.Overload)), judgment{resilience.Overload, resilience.Permanent}},
		"two answers":                    {live, nil, judgedError{said: resilience.Rejected, meant: resilience.Transient}, judgment{resilience.Transient, resilience.Rejected}},
		"somebody else's cancel":         {live, nil, fmt.Errorf("flight: %w", context.Canceled), both(resilience.Transient)},
		"that, whatever the team says":   {live, always(resilience.Permanent), context.Canceled, both(resilience.Transient)},
		"that, in an Error":              {live, nil, kind(resilience.KindDatabase, context.Canceled), both(resilience.Transient)},
		"that, in an Error of a kind":    {live, nil, kind(resilience.KindValidation, context.Canceled), both(resilience.Permanent)},
		"that, under a ctx that ran out": {expired, nil, context.Canceled, both(resilience.Transient)},
		"a team's own Canceled":          {live, always(resilience.Canceled), errUnknown, both(resilience.Canceled)},
		"an error's own Canceled":        {live, nil, judgedError{resilience.Canceled, resilience.Canceled}, both(resilience.Canceled)},
		"the team's word":                {live, always(resilience.Overload), errUnknown, both(resilience.Overload)},
		"the team's word, ran out":       {expired, always(resilience.Permanent), errUnknown, both(resilience.Permanent)},
		"Success is no word for errors":  {live, always(resilience.Success), errUnknown, both(resilience.Permanent)},
		"a number is no word":            {live, always(99), errUnknown, both(resilience.Unclassified)},
		"the team has no word":           {live, always(resilience.Unclassified), io.ErrUnexpectedEOF, both(resilience.Transient)},
		"ran out":                        {expired, nil, errUnknown, both(resilience.Transient)},
		"ran out, its cause":             {expired, nil, errCause, both(resilience.Transient)},
		"ran out, a definite answer":     {expired, nil, kind(resilience.KindNotFound, nil), both(resilience.Permanent)},
		"a stage's limit":                {live, nil, limit, both(resilience.Transient)},
		"that, known to the team":        {live, resilience.Errors(resilience.Permanent, errUnknown), limit, both(resilience.Permanent)},
		"that, known by identity": {live, func(err error) resilience.Verdict {
			if err == limit.Err { //nolint:errorlint // a team may well write this
				return resilience.Permanent
			}
			return resilience.Unclassified
		}, limit, both(resilience.Permanent)},
		"ran out, and it says no":       {expired, nil, errors.Join(errUnknown, retryableError(false), errCause), judgment{resilience.Permanent, resilience.Permanent}},
		"ran out, a reset that says no": {expired, nil, refusedReset{}, judgment{resilience.Transient, resilience.Unclassified}},
		"nobody knows":                  {live, nil, errUnknown, both(resilience.Unclassified)},
		"an adapter's guess":            {live, nil, fmt.Errorf("x: %w", presumed(resilience.Transient)), both(resilience.Transient)},
		"a guess, known to the team":    {live, always(resilience.Permanent), presumed(resilience.Transient), both(resilience.Permanent)},
		"that, marked":                  {live, nil, resilience.MarkOverload(presumed(resilience.Transient), 0), both(resilience.Overload)},
		"a guess that is none":          {live, nil, presumed(resilience.Unclassified), both(resilience.Unclassified)},
		"a guess of Success":            {live, nil, presumed(resilience.Success), both(resilience.Unclassified)},
		"a guess that is no verdict":    {live, nil, presumed(99), both(resilience.Unclassified)},
		"a guess that panics":           {live, nil, presumed(98), both(resilience.Unclassified)},
		"says NoRetry":                  {live, nil, fmt.Errorf("x: %w", stuck{}), judgment{resilience.Transient, resilience.Permanent}},
	} {
		require.Equal(t, c.want, resilience.Assess(c.ctx, c.classify, c.err), name)
		require.Equal(t, c.want.Dependency, resilience.Judge(c.ctx, c.classify, c.err), name)
	}
}

// presumed is an adapter's error with a default, which a Classifier can override.
type presumed resilience.Verdict

func (presumed) Error() string { return "presumed" }
func (e presumed) DefaultVerdict() resilience.Verdict {
	if e == 98 {
		panic("no guess")
	}
	return resilience.Verdict(e)
}

// stuck must not be repeated, and has no verdict of its own.
type stuck struct{}

func (stuck) Error() string { return "stuck" }
func (stuck) Unwrap() error { return syscall.ECONNRESET }
func (stuck) NoRetry() bool { return true }

// refusedReset is a client's error that must not be retried, about a connection that died.
type refusedReset struct{}

func (refusedReset) Error() string   { return "reset" }
func (refusedReset) Unwrap() error   { return syscall.ECONNRESET }
func (refusedReset) Retryable() bool { return false }

func TestAssessDoesNotAllocate(t *testing.T) {
	_, expired := endedCtxs(t)
	for name, err := range map[string]error{
		"marked": resilience.MarkTransient(errUnknown), "canceled": context.Canceled, "unknown": errUnknown, "reset": syscall.ECONNRESET,
	} {
		for _, ctx := range []context.Context{t.Context(), expired} {
			require.Zero(t, testing.AllocsPerRun(100, func() { _ = resilience.Assess(ctx, nil, err) }), name)
		}
	}
}

// errors.Is finds what a caller looks for, and an answer stays as it was.
func TestEnded(t *testing.T) {
	live := t.Context()
	canceled, expired := endedCtxs(t)
	ended := func(ctx context.Context, err error) error {
		return resilience.Ended(ctx, resilience.Assess(ctx, nil, err), err)
	}
	for name, c := range map[string]struct {
		ctx    context.Context
		err    error
		same   bool
		is     error
		reason resilience.Reason
		text   string
	}{
		"lives":                   {live, errUnknown, true, errUnknown, resilience.ReasonUnclassified, "who knows"},
		"somebody else's cancel":  {live, context.Canceled, false, context.Canceled, resilience.ReasonExhausted, "not canceled by this caller: context canceled"},
		"canceled":                {canceled, context.Canceled, true, context.Canceled, resilience.ReasonCanceled, "context canceled"},
		"canceled, its cause":     {canceled, errCause, false, context.Canceled, resilience.ReasonCanceled, "context canceled: the SLA ran out"},
		"canceled, another error": {canceled, errUnknown, false, context.Canceled, resilience.ReasonCanceled, "context canceled (the SLA ran out): who knows"},
		"canceled, looks retryable": {canceled, resilience.MarkTransient(context.Canceled), false, context.Canceled, resilience.ReasonCanceled,
			"context canceled"},
		"ran out":               {expired, context.DeadlineExceeded, true, context.DeadlineExceeded, resilience.ReasonTooLate, "context deadline exceeded"},
		"ran out, its cause":    {expired, errCause, false, context.DeadlineExceeded, resilience.ReasonTooLate, "context deadline exceeded: the SLA ran out"},
		"ran out, an answer":    {expired, resilience.MarkPermanent(errUnknown), true, errUnknown, resilience.ReasonPermanent, "who knows"},
		"ran out, a stage's no": {expired, resilience.MarkRejected(errUnknown), true, errUnknown, resilience.ReasonRejected, "who knows"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ended(c.ctx, c.err)
			require.Equal(t, c.same, got == c.err) //nolint:errorlint // identity
			require.ErrorIs(t, got, c.is)
			require.ErrorIs(t, got, c.err)
			require.Equal(t, c.reason, resilience.ReasonOf(got))
			require.Equal(t, c.text, got.Error())
			require.Equal(t, resilience.Assess(c.ctx, nil, c.err), resilience.Assess(c.ctx, nil, got), "twice is once")
			require.Equal(t, got, ended(c.ctx, got))
		})
	}
	require.NoError(t, resilience.Ended(canceled, resilience.Judgment{}, nil))
}

func TestNotStarted(t *testing.T) {
	canceled, expired := endedCtxs(t)
	err := resilience.NotStarted(canceled)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errCause)
	require.EqualError(t, err, "context canceled (the SLA ran out)")
	require.True(t, resilience.Unasked(err))
	require.True(t, resilience.Unsent(err))
	require.Equal(t, resilience.ReasonCanceled, resilience.ReasonOf(err))

	err = resilience.NotStarted(expired)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, resilience.ReasonTooLate, resilience.ReasonOf(err))
	require.Equal(t, resilience.Rejected, resilience.Assess(t.Context(), nil, err).Retry)
}

type unsentWord bool

func (unsentWord) Error() string  { return "unsent?" }
func (e unsentWord) Unsent() bool { return bool(e) }

type safeError bool

func (safeError) Error() string       { return "safe?" }
func (e safeError) SafeToRetry() bool { return bool(e) }

// Unsent is true only with a proof.
func TestUnsent(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nil":                           {nil, false},
		"unknown":                       {errUnknown, false},
		"failed dial":                   {dial, true},
		"failed dial, wrapped":          {fmt.Errorf("charge: %w", resilience.MarkTransient(dial)), true},
		"failed dial, after a deadline": {&deadline.Error{Err: dial}, true},
		"read":                          {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, false},
		"dial in a proxy's answer":      {&net.OpError{Op: "proxyconnect", Err: errUnknown}, false},
		"refused here":                  {resilience.MarkRejected(errUnknown), true},
		"a guard's wait":                {resilience.Refused(context.DeadlineExceeded), true},
		"a loop that had asked":         {judgedError{resilience.Rejected, resilience.Transient}, false},
		"says so":                       {fmt.Errorf("x: %w", unsentWord(true)), true},
		"says no":                       {unsentWord(false), false},
		"a driver says so":              {fmt.Errorf("x: %w", safeError(true)), true},
		"a driver does not":             {safeError(false), false},
		"both dials":                    {errors.Join(dial, dial), true},
		"one of two":                    {errors.Join(dial, errUnknown), false},
		"joined none":                   {emptyJoin{}, false},
		"AWS' loop, several tries":      {fmt.Errorf("x: %w", &MaxAttemptsError{3, dial}), false},
		"AWS' loop, one try":            {fmt.Errorf("x: %w", &MaxAttemptsError{1, dial}), true},
		"no loop's error":               {(*MaxAttemptsError)(nil), false},
		"failsafe-go's loop":            {ExceededError{LastError: dial}, false},
		"another limit":                 {fmt.Errorf("quota: %w", quotaExceeded{dial}), true},
		"retryablehttp's, several":      {&url.Error{Op: "Post", Err: fmt.Errorf("POST http://a giving up after 5 attempt(s): %w", dial)}, false},
		"retryablehttp's, eleven":       {fmt.Errorf("POST http://a giving up after 11 attempt(s): %w", dial), false},
		"retryablehttp's, one":          {fmt.Errorf("POST http://a giving up after 1 attempt(s): %w", dial), true},
		"a list of tries":               {fmt.Errorf("x: %w", listOfTries{errUnknown, dial}), false},
		"a list of dials":               {fmt.Errorf("x: %w", listOfTries{dial, dial}), true},
		"an empty list":                 {listOfTries{}, false},
		"a list with nil":               {listOfTries{nil, dial}, false},
		"bytes":                         {errorOfBytes("x"), false},
		"a loop says so itself":         {resilience.MarkRejected(&MaxAttemptsError{3, dial}), true},
	} {
		require.Equal(t, c.want, resilience.Unsent(c.err), name)
	}
}

// listOfTries looks like the error of avast/retry-go v4: it has those of all tries, and wraps the
// last one.
type listOfTries []error

func (e listOfTries) Error() string { return fmt.Sprint([]error(e)) }
func (e listOfTries) Unwrap() error { return e[len(e)-1] }

// errorOfBytes is a slice of something else.
type errorOfBytes []byte

func (e errorOfBytes) Error() string { return string(e) }

// MaxAttemptsError and ExceededError look like those of aws-sdk-go-v2 and of failsafe-go.
type MaxAttemptsError struct {
	Attempt int
	Err     error
}

func (e *MaxAttemptsError) Error() string { return "exceeded maximum number of attempts" }
func (e *MaxAttemptsError) Unwrap() error { return e.Err }

type ExceededError struct{ LastError error }

func (e ExceededError) Error() string { return "retries exceeded" }
func (e ExceededError) Unwrap() error { return e.LastError }

type quotaExceeded struct{ error }

func (e quotaExceeded) Unwrap() error { return e.error }

type emptyJoin struct{}

func (emptyJoin) Error() string   { return "joined" }
func (emptyJoin) Unwrap() []error { return nil }

func TestRepetition(t *testing.T) {
	ctx := t.Context()
	require.Equal(t, resilience.RepetitionUnknown, resilience.RepetitionOf(ctx))
	once := resilience.MarkOnce(ctx)
	require.Equal(t, resilience.Once, resilience.RepetitionOf(once))
	require.Equal(t, resilience.Idempotent, resilience.RepetitionOf(resilience.MarkIdempotent(once)), "the last word counts")
	require.Equal(t, resilience.Once, resilience.RepetitionOf(resilience.MarkOnce(resilience.MarkIdempotent(ctx))))
}

type denial struct{ code int }

func (*denial) Error() string { return "declined" }

type codeError int

func (codeError) Error() string { return "code" }

func TestErrors(t *testing.T) {
	classify := resilience.Errors(resilience.Permanent, errUnknown, nil, resilience.Type[codeError](), (*denial)(nil))
	for name, c := range map[string]struct {
		err  error
		want resilience.Verdict
	}{
		"sentinel":                 {fmt.Errorf("x: %w", errUnknown), resilience.Permanent},
		"type":                     {fmt.Errorf("x: %w", codeError(4)), resilience.Permanent},
		"a nil pointer's type":     {fmt.Errorf("x: %w", &denial{code: 4}), resilience.Permanent},
		"in a join":                {errors.Join(io.EOF, &denial{}), resilience.Permanent},
		"no word about any other":  {io.ErrUnexpectedEOF, resilience.Unclassified},
		"no word about none":       {nil, resilience.Unclassified},
		"a Type is not a sentinel": {resilience.Type[codeError](), resilience.Unclassified},
	} {
		require.Equal(t, c.want, classify(c.err), name)
	}
	require.Equal(t, resilience.Unclassified, resilience.Errors(resilience.Permanent)(errUnknown))
	require.Equal(t, "any resilience_test.codeError", resilience.Type[codeError]().Error())
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = classify(io.EOF) }))

	first := resilience.Classifiers(nil, classify, always(resilience.Overload))
	require.Equal(t, resilience.Permanent, first(errUnknown))
	require.Equal(t, resilience.Overload, first(io.EOF))
	require.Equal(t, resilience.Unclassified, resilience.Classifiers(nil, nil)(errUnknown))
}

func TestDescribeErrorLeavesEveryDigitOut(t *testing.T) {
	require.Equal(t, `*errors.errorString "order  of "`, resilience.DescribeError(errors.New("order 0123456789 of 90")))
}

func TestDescribeError(t *testing.T) {
	long := strings.Repeat("ä", 100)
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nil":                   {nil, "nil"},
		"a type":                {&denial{code: 4}, "*resilience_test.denial"},
		"a type, wrapped":       {fmt.Errorf("order 7: %w", &denial{}), "*resilience_test.denial"},
		"a type behind a stage": {&deadline.Error{Err: &denial{}}, "*resilience_test.denial"},
		"a text":                {errors.New("order 7 declined"), `*errors.errorString "order  declined"`},
		"a text, wrapped":       {fmt.Errorf("order 7: %w", errors.New("declined")), `*errors.errorString "declined"`},
		"control characters":    {errors.New("a\x1b[31m\nb\u202e"), `*errors.errorString "a\x1b[m\nb\u202e"`},
		"a long text":           {errors.New(long), `*errors.errorString "` + strings.Repeat("ä", 60) + `…"`},
		"a typed nil":           {(*net.OpError)(nil), "*net.OpError"},
	} {
		require.Equal(t, c.want, resilience.DescribeError(c.err), name)
	}
}

// An op may return a nil pointer in an error: that is Unclassified, and nothing panics.
func TestTypedNilErrors(t *testing.T) {
	var e *resilience.Error
	for _, err := range []error{
		e, fmt.Errorf("x: %w", e), resilience.MarkTransient(e), (*deadline.Error)(nil),
		(*net.OpError)(nil), fmt.Errorf("x: %w", (*url.Error)(nil)), (*foreign)(nil), errors.Join(errUnknown, (*foreign)(nil)),
	} {
		require.False(t, resilience.Unsent(err))
		_, _ = resilience.NoRetry(err), resilience.Unasked(err)
		canceled, _ := endedCtxs(t)
		_ = resilience.Ended(canceled, resilience.Assess(canceled, nil, err), err)
		_ = resilience.Errors(resilience.Permanent, io.EOF, resilience.Type[*denial]())(err)
		_ = resilience.Refused(err)
		_ = resilience.Assess(t.Context(), nil, err)
		_ = resilience.RetryAfter(err)
		_ = resilience.ReasonOf(err)
		require.NotEmpty(t, resilience.DescribeError(err))
	}
	require.Equal(t, resilience.Unclassified, resilience.Judge(t.Context(), nil, e))
	require.Equal(t, resilience.Unclassified, resilience.Judge(t.Context(), nil, (*deadline.Error)(nil)))
}

// foreign is an error of a client, and all its methods dereference it.
type foreign struct{ err error }

func (e *foreign) Error() string               { return e.err.Error() }
func (e *foreign) Unwrap() error               { return e.err }
func (e *foreign) Is(error) bool               { return e.err == nil }
func (e *foreign) Retryable() bool             { return e.err == nil }
func (e *foreign) RetryAfter() time.Duration   { return time.Duration(len(e.err.Error())) }
func (e *foreign) Verdict() resilience.Verdict { return resilience.Verdict(len(e.err.Error())) }

func TestAMarkKeepsTheHint(t *testing.T) {
	hint := resilience.MarkOverload(errUnknown, time.Minute)
	require.Equal(t, time.Minute, resilience.RetryAfter(resilience.MarkTransient(fmt.Errorf("x: %w", hint))))
	require.Equal(t, time.Minute, resilience.RetryAfter(resilience.MarkOverload(hint, 0)))
	require.Equal(t, time.Second, resilience.RetryAfter(resilience.MarkOverload(hint, time.Second)))
	require.Zero(t, resilience.RetryAfter(resilience.MarkTransient(errUnknown)))
}

// teamCode is a team's error with a Code of its own, which is not a protocol's.
type teamCode string

func (teamCode) Error() string  { return "coded" }
func (teamCode) Unwrap() error  { return syscall.ECONNRESET }
func (c teamCode) Code() string { return string(c) }

// A team's Code does not hide what the error wraps.
func TestACodeOfTheTeamsOwn(t *testing.T) {
	for _, code := range []string{"", "canceled", "E17", "malformed"} {
		require.Equal(t, resilience.Transient, resilience.Classify(teamCode(code)), code)
	}
}

// A call that was not made says nothing of the dependency.
func TestWhatIsUnaskedSaysNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var e interface{ DependencyVerdict() resilience.Verdict }
	require.ErrorAs(t, resilience.NotStarted(ctx), &e)
	require.Equal(t, resilience.Canceled, e.DependencyVerdict())
}
