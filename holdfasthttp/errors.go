package holdfasthttp

import (
	"context"
	"errors"
	"fmt"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/resilience"
)

// failed returns the error of an attempt without a response, in the form that the pipeline needs.
func (c *call) failed(ctx context.Context, err error) error {
	f := &failure{req: c.req, upload: c.upload, watch: c.watch, foreign: !c.watched}
	unsent, body := f.unsent(err), f.upload.failed(err)
	partly := body || f.isLate(err) // the caller's fault, although it may have been sent
	if ctx.Err() != nil && !resilience.Explains(err) {
		err = endedBy(ctx, c.req.Context().Err() != nil, err)
	}
	known := &resilience.CallError{Err: err}
	switch {
	case body: // even if the body's error is a context.Canceled
		known.Judgment = resilience.Judgment{Dependency: resilience.Permanent, Retry: resilience.Permanent}
	case resilience.Explains(err), ctx.Err() != nil:
	default:
		known.Default = f.judge(err)
	}
	if unsent {
		return c.ended(ctx, known, resilience.EffectUnsent)
	}
	if partly || resilience.Judge(ctx, nil, known) != resilience.Permanent {
		return c.ended(ctx, known, resilience.EffectUnknown)
	}
	return c.ended(ctx, known, resilience.EffectNone)
}

// endedBy returns err, the error of an attempt whose ctx has ended, so that errors.Is finds the
// ctx's cause in it. HTTP/2 returns only the ctx's error, which does not say whose deadline it was.
func endedBy(ctx context.Context, caller bool, err error) error {
	cause := context.Cause(ctx)
	own := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case errors.Is(err, cause):
		return err
	case own && !caller: // a deadline of the pipeline ended the attempt
		return cause
	case own:
		return fmt.Errorf("%w: %w", err, cause)
	case caller: // the pipeline adds the ctx's error
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// isTimeout reports whether time ran out.
func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || foreign.Timeout(err)
}
