package holdfastaws

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience"
)

// failed describes err, the error of an attempt under ctx, for the stages.
func (op *operation) failed(ctx context.Context, err error) error {
	if op.watch == nil {
		return notSent(ctx, err)
	}
	known := &resilience.CallError{Err: err, Pause: max(retryAfter(op.resp, time.Now()), resilience.RetryAfter(err))}
	if !resilience.Explains(err) && ctx.Err() == nil {
		known.Default = op.verdict(err)
		if known.Default == resilience.Transient && known.Pause > 0 {
			known.Default = resilience.Overload
		}
	}
	op.judgeEffect(ctx, known)
	unsent := known.Effect == resilience.EffectUnsent
	undone := unsent || known.Effect == resilience.EffectUndone
	may := undone || op.mayRepeat()
	if !may || !op.replayable(unsent) {
		known.Judgment = resilience.Judgment{Dependency: resilience.Judge(ctx, nil, known), Retry: resilience.Permanent}
		known.Final = true
		if known.Dependency.Failure() {
			known.Why = ErrNotReplayable
			if !may {
				known.Why = ErrNotIdempotent
			}
		}
	}
	if known.Effect == resilience.EffectUnknown {
		op.doubt, known.Repeatable = true, may
	}
	return known
}

// judgeEffect fills in what is known about whether the operation was carried out. If something
// inside of the attempt has a loop of its own, the end of the last try proves nothing of those
// before it.
func (op *operation) judgeEffect(ctx context.Context, known *resilience.CallError) {
	var skew interface{ RetryableError() bool }
	code := ""
	if api, ok := errors.AsType[smithy.APIError](known.Err); ok && op.resp != nil {
		code = api.ErrorCode()
	}
	repeated := op.repeated || op.watch.repeated(op.resp)
	switch {
	case op.settled(ctx) && repeated:
		known.Effect = resilience.EffectNone
	case repeated:
		known.Effect = resilience.EffectUnknown
	case op.resp == nil && (op.watch.unsent() || op.watch.got.Load() == 0 && resilience.Unsent(known.Err)):
		known.Effect = resilience.EffectUnsent
	case isThrottling(code), code != "" && op.resp.StatusCode < 500 && errors.As(known.Err, &skew) && skew.RetryableError():
		known.Effect = resilience.EffectUndone // AWS says that it has refused it: a throttle, or a clock
	case op.settled(ctx), op.resp != nil && resilience.Judge(ctx, nil, known) == resilience.Permanent:
		known.Effect = resilience.EffectNone
	default:
		known.Effect = resilience.EffectUnknown
	}
}

// verdict is Classify. A failure to read the answer that nobody knows is Transient: what is on the
// way is to blame, not the caller.
func (op *operation) verdict(err error) resilience.Verdict {
	v := Classify(err)
	if v == resilience.Unclassified && op.body != nil && op.body.broken.Load() {
		return resilience.Transient
	}
	return v
}

// notSent describes an attempt that ended before its request was given to the HTTP client: there
// are no credentials, no endpoint, no signature. That says nothing about the dependency. It is
// tried again if that may help, unless a retry loop inside has tried already.
func notSent(ctx context.Context, err error) error {
	j := resilience.Assess(ctx, Classify, err)
	switch {
	case j.Retry == resilience.Canceled:
		return &resilience.CallError{Err: err, Effect: resilience.EffectUnsent}
	case !j.Retry.Retryable(), hasLooped(err):
		return &resilience.CallError{ // whatever the error of another pipeline, inside err, says of its own calls
			Err:      err,
			Judgment: resilience.Judgment{Dependency: resilience.Rejected, Retry: resilience.Rejected},
			Effect:   resilience.EffectUnsent,
		}
	}
	return &resilience.CallError{
		Err:      err,
		Judgment: resilience.Judgment{Dependency: resilience.Canceled, Retry: j.Retry},
		Effect:   resilience.EffectUnsent,
	}
}

// hasLooped reports whether a retry loop inside has already tried, and given up: the SDK's own, of
// a client for credentials that has no pipeline, or a pipeline's.
func hasLooped(err error) bool {
	_, sdk := errors.AsType[*retry.MaxAttemptsError](err)
	return sdk || adapter.GaveUp(err) != resilience.ReasonNone
}

// final returns the error of the operation. err is the error of the pipeline, which does not know
// of an earlier attempt that may have been carried out.
func (op *operation) final(err error) error {
	if err == nil || !op.doubt {
		return err
	}
	repeatable := op.mayRepeat()
	if errors.Is(err, resilience.ErrOutcomeUnknown) && (repeatable || resilience.NoRetry(err)) {
		return err
	}
	return &resilience.CallError{Err: err, Effect: resilience.EffectUnknown, Repeatable: repeatable}
}
