package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// facts are everything that stages ask of an error.
type facts struct {
	retry, dependency resilience.Verdict
	unsent, unasked   bool
	unknown, noRetry  bool
	reason            resilience.Reason
	after             time.Duration
}

func factsOf(t *testing.T, err error) facts {
	t.Helper()
	j := resilience.Assess(t.Context(), nil, err)
	return facts{
		retry: j.Retry, dependency: j.Dependency,
		unsent: resilience.Unsent(err), unasked: resilience.Unasked(err),
		unknown: errors.Is(err, resilience.ErrOutcomeUnknown), noRetry: resilience.NoRetry(err),
		reason: resilience.ReasonOf(err), after: resilience.RetryAfter(err),
	}
}

// A CallError says what its fields say.
func TestCallErrorSays(t *testing.T) {
	const (
		success, trans, over = resilience.Success, resilience.Transient, resilience.Overload
		perm, cancl, rej     = resilience.Permanent, resilience.Canceled, resilience.Rejected
		unkn                 = resilience.Unclassified
	)
	j := func(dependency, retry resilience.Verdict) resilience.Judgment {
		return resilience.Judgment{Dependency: dependency, Retry: retry}
	}
	for name, c := range map[string]struct {
		call resilience.CallError
		want facts
	}{
		"nothing": {
			resilience.CallError{}, facts{retry: unkn, dependency: unkn, reason: resilience.ReasonUnclassified},
		},
		"a verdict for both": {
			resilience.CallError{Judgment: j(success, over)},
			facts{retry: over, dependency: over, reason: resilience.ReasonExhausted},
		},
		"two verdicts": {
			resilience.CallError{Judgment: j(trans, perm)},
			facts{retry: perm, dependency: trans, reason: resilience.ReasonPermanent},
		},
		"a default": {
			resilience.CallError{Default: trans},
			facts{retry: trans, dependency: trans, reason: resilience.ReasonExhausted},
		},
		"a pause": {
			resilience.CallError{Default: over, Pause: time.Second},
			facts{retry: over, dependency: over, reason: resilience.ReasonExhausted, after: time.Second},
		},
		"a pause below 0": {
			resilience.CallError{Default: over, Pause: -1},
			facts{retry: over, dependency: over, reason: resilience.ReasonExhausted},
		},
		"a reason": {
			resilience.CallError{Judgment: j(success, perm), Reason: resilience.ReasonBudget},
			facts{retry: perm, dependency: perm, reason: resilience.ReasonBudget},
		},
		"refused": {
			resilience.CallError{Judgment: j(success, rej)},
			facts{retry: rej, dependency: rej, unsent: true, unasked: true, reason: resilience.ReasonRejected},
		},
		"unsent": {
			resilience.CallError{Judgment: j(success, trans), Effect: resilience.EffectUnsent},
			facts{retry: trans, dependency: trans, unsent: true, reason: resilience.ReasonExhausted},
		},
		"unsent, and refused": {
			resilience.CallError{Judgment: j(success, rej), Effect: resilience.EffectUnsent},
			facts{retry: rej, dependency: rej, unsent: true, unasked: true, reason: resilience.ReasonRejected},
		},
		"unsent, for a reason of this side that may be over soon": {
			resilience.CallError{Judgment: j(cancl, trans), Effect: resilience.EffectUnsent},
			facts{retry: trans, dependency: cancl, unsent: true, unasked: true, reason: resilience.ReasonExhausted},
		},
		"undone": {
			resilience.CallError{Judgment: j(success, trans), Effect: resilience.EffectUndone},
			facts{retry: trans, dependency: trans, unsent: true, reason: resilience.ReasonExhausted},
		},
		"undone, although refused": {
			resilience.CallError{Judgment: j(success, rej), Effect: resilience.EffectUndone},
			facts{retry: rej, dependency: rej, unsent: true, reason: resilience.ReasonRejected},
		},
		"none": {
			resilience.CallError{Judgment: j(success, trans), Effect: resilience.EffectNone},
			facts{retry: trans, dependency: trans, reason: resilience.ReasonExhausted},
		},
		"none, although refused": {
			resilience.CallError{Judgment: j(success, rej), Effect: resilience.EffectNone},
			facts{retry: rej, dependency: rej, reason: resilience.ReasonRejected},
		},
		"unknown, and repeatable": {
			resilience.CallError{Judgment: j(success, over), Effect: resilience.EffectUnknown, Repeatable: true},
			facts{retry: over, dependency: over, unknown: true, reason: resilience.ReasonExhausted},
		},
		"unknown, repeatable, and nothing else": {
			resilience.CallError{Effect: resilience.EffectUnknown, Repeatable: true},
			facts{retry: unkn, dependency: unkn, unknown: true, reason: resilience.ReasonUnclassified},
		},
		"unknown, repeatable, and then refused": {
			resilience.CallError{Judgment: j(success, rej), Effect: resilience.EffectUnknown, Repeatable: true},
			facts{retry: perm, dependency: rej, unknown: true, reason: resilience.ReasonPermanent},
		},
		"unknown, repeatable, and final": {
			resilience.CallError{Judgment: j(success, over), Effect: resilience.EffectUnknown, Repeatable: true, Final: true},
			facts{retry: perm, dependency: over, unknown: true, noRetry: true, reason: resilience.ReasonPermanent},
		},
		"unknown": {
			resilience.CallError{Judgment: j(success, over), Effect: resilience.EffectUnknown},
			facts{retry: perm, dependency: over, unknown: true, noRetry: true, reason: resilience.ReasonOutcomeUnknown},
		},
		"unknown, and nothing else": {
			resilience.CallError{Effect: resilience.EffectUnknown},
			facts{retry: perm, dependency: unkn, unknown: true, noRetry: true, reason: resilience.ReasonOutcomeUnknown},
		},
		"unknown, with a default": {
			resilience.CallError{Default: trans, Effect: resilience.EffectUnknown},
			facts{retry: perm, dependency: trans, unknown: true, noRetry: true, reason: resilience.ReasonOutcomeUnknown},
		},
		"unknown, and the caller left": {
			resilience.CallError{Judgment: j(success, cancl), Effect: resilience.EffectUnknown},
			facts{retry: cancl, dependency: cancl, unknown: true, noRetry: true, reason: resilience.ReasonCanceled},
		},
		"unknown, and then refused": {
			resilience.CallError{Judgment: j(success, rej), Effect: resilience.EffectUnknown},
			facts{retry: perm, dependency: rej, unknown: true, noRetry: true, reason: resilience.ReasonOutcomeUnknown},
		},
		"unknown, for another reason": {
			resilience.CallError{Judgment: j(success, trans), Effect: resilience.EffectUnknown, Reason: resilience.ReasonTooLate},
			facts{retry: perm, dependency: trans, unknown: true, noRetry: true, reason: resilience.ReasonTooLate},
		},
		"final": {
			resilience.CallError{Judgment: j(success, trans), Final: true},
			facts{retry: perm, dependency: trans, noRetry: true, reason: resilience.ReasonPermanent},
		},
		"final, and nobody has classified it": {
			resilience.CallError{Judgment: j(unkn, unkn), Final: true},
			facts{retry: perm, dependency: unkn, noRetry: true, reason: resilience.ReasonPermanent},
		},
		"final, and refused": {
			resilience.CallError{Judgment: j(success, rej), Final: true},
			facts{retry: rej, dependency: rej, unsent: true, unasked: true, noRetry: true, reason: resilience.ReasonRejected},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.call.Err = errUnknown
			err := error(&c.call)
			require.Equal(t, c.want, factsOf(t, err))
			require.Equal(t, c.want, factsOf(t, fmt.Errorf("charge: %w", err)))
			require.Equal(t, c.want.reason, c.call.StopReason())
			require.Equal(t, c.want, factsOf(t, &resilience.CallError{Err: err}), "one that says nothing hides nothing")
			require.ErrorIs(t, err, errUnknown)
			require.Same(t, errUnknown, resilience.Origin(err))
		})
	}
}

// A CallError with no other field set means what it wraps.
func TestAnEmptyCallErrorIsTransparent(t *testing.T) {
	for name, err := range map[string]error{
		"a dial":               &net.OpError{Op: "dial", Err: errUnknown},
		"a mark":               resilience.MarkOverload(errUnknown, time.Second),
		"a refusal":            resilience.MarkRejected(errUnknown),
		"not to be repeated":   resilience.MarkNoRetry(errUnknown, resilience.Transient),
		"never asked":          resilience.NotStarted(canceledCtx(t)),
		"a deadline":           &deadline.Error{Limit: time.Second, Err: errUnknown},
		"a loop":               &retry.Error{Reason: resilience.ReasonBudget, Attempts: 2, Err: errUnknown},
		"a loop not begun":     &retry.Error{Reason: resilience.ReasonTooLate, Err: context.DeadlineExceeded},
		"an Error":             &resilience.Error{Kind: resilience.KindRateLimit, RetryAfter: time.Second},
		"a refusal by itself":  &refusal{false, errUnknown},
		"it, and a dead wire":  &refusal{false, fmt.Errorf("x: %w", net.ErrClosed)},
		"two answers":          judgedError{said: resilience.Rejected, meant: resilience.Transient},
		"somebody's cancel":    context.Canceled,
		"a timeout":            context.DeadlineExceeded,
		"what nobody has said": errUnknown,
	} {
		t.Run(name, func(t *testing.T) {
			bare := factsOf(t, err)
			require.Equal(t, bare, factsOf(t, &resilience.CallError{Err: err}))
			require.Equal(t, bare, factsOf(t, &resilience.CallError{Err: &resilience.CallError{Err: err}}))
			require.Equal(t, resilience.Explains(err), resilience.Explains(&resilience.CallError{Err: err}))
			team := always(resilience.Permanent)
			require.Equal(t, resilience.Assess(t.Context(), team, err), resilience.Assess(t.Context(), team, &resilience.CallError{Err: err}))
			require.Equal(t, err.Error(), (&resilience.CallError{Err: err}).Error())
		})
	}
}

func canceledCtx(t *testing.T) context.Context {
	t.Helper()
	ctx, _ := endedCtxs(t)
	return ctx
}

// A Default comes after a Classifier, a verdict before it.
func TestCallErrorAndAClassifier(t *testing.T) {
	team := always(resilience.Overload)
	for name, c := range map[string]struct {
		call resilience.CallError
		want resilience.Judgment
	}{
		"of the dependency": {
			resilience.CallError{Judgment: resilience.Judgment{Dependency: resilience.Permanent}},
			resilience.Judgment{Dependency: resilience.Permanent, Retry: resilience.Overload},
		},
		"a default":         {resilience.CallError{Default: resilience.Permanent}, resilience.Judgment{Dependency: resilience.Overload, Retry: resilience.Overload}},
		"a verdict":         {resilience.CallError{Judgment: resilience.Judgment{Retry: resilience.Permanent}}, resilience.Judgment{Dependency: resilience.Permanent, Retry: resilience.Permanent}},
		"not to be made":    {resilience.CallError{Effect: resilience.EffectUnknown}, resilience.Judgment{Dependency: resilience.Unclassified, Retry: resilience.Permanent}},
		"said to be nobody": {resilience.CallError{Judgment: resilience.Judgment{Retry: resilience.Unclassified}}, resilience.Judgment{Dependency: resilience.Overload, Retry: resilience.Overload}},
	} {
		c.call.Err = errUnknown
		require.Equal(t, c.want, resilience.Assess(t.Context(), team, &c.call), name)
	}
}

func TestCallErrorText(t *testing.T) {
	why := errors.New("not sent again: the request is not idempotent")
	unknown := resilience.ErrOutcomeUnknown.Error()
	for want, err := range map[string]error{
		"down":                        &resilience.CallError{Err: errors.New("down")},
		"down (" + why.Error() + ")":  &resilience.CallError{Err: errors.New("down"), Why: why},
		unknown + ": down":            &resilience.CallError{Err: errors.New("down"), Effect: resilience.EffectUnknown},
		"commit: " + unknown:          &resilience.CallError{Err: fmt.Errorf("commit: %w", resilience.ErrOutcomeUnknown), Effect: resilience.EffectUnknown},
		"a nil *resilience.CallError": (*resilience.CallError)(nil),
		unknown + ": down (" + why.Error() + ")": &resilience.CallError{
			Err: errors.New("down"), Why: why, Effect: resilience.EffectUnknown,
		},
		"a *resilience.CallError without an Err": &resilience.CallError{Effect: resilience.EffectUnknown},
	} {
		require.EqualError(t, err, want)
	}
	require.ErrorIs(t, &resilience.CallError{Err: errUnknown, Why: why}, why)
	require.NotErrorIs(t, &resilience.CallError{Err: errUnknown, Why: why}, resilience.ErrOutcomeUnknown)
}

// An invalid CallError is the adapter's mistake, and does not panic.
func TestCallErrorWithoutAnError(t *testing.T) {
	for _, err := range []error{
		(*resilience.CallError)(nil), &resilience.CallError{}, &resilience.CallError{Effect: resilience.EffectUnknown},
		&resilience.CallError{Err: (*resilience.CallError)(nil)}, &resilience.CallError{Err: (*foreign)(nil)},
	} {
		require.False(t, resilience.Unsent(err))
		require.False(t, resilience.Unasked(err))
		j := resilience.Assess(t.Context(), nil, err)
		require.False(t, j.Retry.Retryable())
		require.Equal(t, resilience.Unclassified, j.Dependency)
		require.Zero(t, resilience.RetryAfter(err))
		require.NotEmpty(t, resilience.ReasonOf(err).String())
		require.NotEmpty(t, resilience.DescribeError(err))
		_ = (&url.Error{Err: err}).Timeout()
		_ = resilience.Explains(err)
	}
}

// url.Error asks only the error that it wraps itself.
func TestCallErrorTellsOfTimeouts(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("charge: %w", context.DeadlineExceeded): true,
		&net.DNSError{IsTimeout: true}:                     true,
		errUnknown:                                         false,
	} {
		require.Equal(t, want, (&url.Error{Err: &resilience.CallError{Err: err}}).Timeout(), err)
	}
}

func TestOrigin(t *testing.T) {
	denied := &denial{code: 4}
	text := errors.New("down")
	for name, c := range map[string]struct{ err, want error }{
		"nil":                       {nil, nil},
		"itself":                    {denied, denied},
		"a text":                    {text, text},
		"fmt.Errorf":                {fmt.Errorf("charge: %w", denied), denied},
		"fmt.Errorf of two":         {fmt.Errorf("%w: %w", resilience.ErrOutcomeUnknown, denied), denied},
		"fmt.Errorf of two texts":   {fmt.Errorf("%w: %w", resilience.ErrOutcomeUnknown, text), text},
		"errors.Join":               {errors.Join(text, fmt.Errorf("x: %w", denied)), denied},
		"nothing wrapped":           {fmt.Errorf("x: %w", nil), nil},
		"marks":                     {resilience.MarkNoRetry(fmt.Errorf("x: %w", resilience.MarkTransient(denied)), resilience.Transient), denied},
		"a loop, stopped by others": {&retry.Error{Err: text, Cause: denied}, text},
		"a deadline":                {&deadline.Error{Err: denied}, denied},
		"an Error":                  {&resilience.Error{Err: denied}, denied},
		"a cancel":                  {resilience.NotStarted(canceledCtx(t)), context.Canceled},
		"a client's wrapper":        {&url.Error{Err: denied}, nil},
		"a nil pointer":             {(*foreign)(nil), (*foreign)(nil)},
	} {
		want := c.want
		if want == nil {
			want = c.err
		}
		require.Equal(t, want, resilience.Origin(c.err), name)
	}
	bare := &deadline.Error{}
	require.Same(t, bare, resilience.Origin(fmt.Errorf("x: %w", bare)), "there was no other error")
	ended := resilience.Ended(canceledCtx(t), resilience.Judgment{}, denied)
	require.Same(t, denied, resilience.Origin(ended))
	require.True(t, strings.HasPrefix(resilience.DescribeError(ended), "*resilience_test.denial"))
}
