package holdfast_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// tally counts denials as a user's observer would.
type tally map[resilience.Reason]uint64

func (c tally) Observe(_ context.Context, e resilience.Event) {
	if e.Denied() {
		c[e.Reason]++
	}
}

// A Snapshot and an observer count the same denials, and each one once.
func TestDenials(t *testing.T) {
	type do = func(ctx context.Context, p *holdfast.Pipeline)
	fail := func(err error) do {
		return func(ctx context.Context, p *holdfast.Pipeline) {
			_ = p.Do(ctx, func(context.Context) error { return err })
		}
	}
	place, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		stages []resilience.Stage
		do     do
		want   tally
	}{
		"all attempts were used": {[]resilience.Stage{plain(2)}, fail(errFlaky), tally{resilience.ReasonExhausted: 1}},
		"a spent budget":         {[]resilience.Stage{budget.Config{Initial: -1, Floor: -1}, plain(2)}, fail(errFlaky), tally{resilience.ReasonBudget: 1}},
		"no time for another":    {[]resilience.Stage{deadline.In(50 * time.Millisecond), plain(2)}, fail(errFlaky), tally{resilience.ReasonTooLate: 1}},
		"too long a pause": {
			[]resilience.Stage{plain(2)}, fail(resilience.MarkOverload(errFlaky, time.Hour)), tally{resilience.ReasonRetryAfterTooLong: 1},
		},
		"not to be made twice": {[]resilience.Stage{plain(2)}, func(ctx context.Context, p *holdfast.Pipeline) {
			fail(errFlaky)(resilience.MarkOnce(ctx), p)
			fail(errOdd)(resilience.MarkOnce(ctx), p) // it would not have been retried
		}, tally{resilience.ReasonOutcomeUnknown: 1}},
		"a breaker that the loop asks, and then one that refuses": {
			[]resilience.Stage{plain(2), breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour}}, func(ctx context.Context, p *holdfast.Pipeline) {
				fail(errFlaky)(ctx, p)
				fail(errFlaky)(ctx, p)
			}, tally{resilience.ReasonBreakerOpen: 2},
		},
		"a guard that refuses the second attempt": {
			[]resilience.Stage{plain(2), &gateAfter{}}, fail(errFlaky), tally{resilience.ReasonRejected: 1},
		},
		"no time left in a queue": {
			[]resilience.Stage{deadline.In(time.Second), plain(2), place}, func(ctx context.Context, p *holdfast.Pipeline) {
				_ = p.Do(ctx, func(context.Context) error {
					time.AfterFunc(50*time.Millisecond, func() { _ = place.Acquire(context.WithoutCancel(ctx)) })
					return errFlaky
				})
				fail(nil)(ctx, p) // its time runs out in the queue
			}, tally{resilience.ReasonTooLate: 2},
		},
		"the caller left":        {[]resilience.Stage{plain(2)}, leaving(errFlaky), tally{}},
		"the second is another":  {[]resilience.Stage{plain(2)}, thenOdd, tally{}},
		"not worth a retry":      {[]resilience.Stage{plain(2)}, fail(resilience.MarkPermanent(errFlaky)), tally{}},
		"a success after all":    {[]resilience.Stage{plain(2)}, fail(nil), tally{}},
		"a pipeline further in":  {[]resilience.Stage{plain(2)}, inside(t), tally{}}, // it counts that itself
		"a budget in shadow":     {[]resilience.Stage{budget.Config{Initial: -1, Floor: -1, Shadow: true}, plain(1)}, fail(errFlaky), tally{resilience.ReasonExhausted: 1}},
		"a loop without retries": {[]resilience.Stage{plain(0)}, fail(errFlaky), tally{resilience.ReasonExhausted: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				heard := tally{}
				p := newPipeline(t, append([]resilience.Stage{holdfast.Observe(heard), holdfast.SilenceUnclassified()}, c.stages...)...)
				c.do(t.Context(), p)
				require.Equal(t, c.want, heard)
				require.Equal(t, map[resilience.Reason]uint64(c.want), p.Snapshot().Denials)
			})
		})
	}
}

var errOdd = errors.New("nobody knows")

// gateAfter is a Guard that admits one call.
type gateAfter struct{ gate }

func (g *gateAfter) Build() (resilience.Policy, error)         { return &gateAfter{}, nil }
func (g *gateAfter) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }
func (g *gateAfter) Acquire(context.Context) error {
	if len(g.errs) > 0 {
		return errors.New("closed today")
	}
	return nil
}

// leaving is a caller that gives up during the pause.
func leaving(err error) func(ctx context.Context, p *holdfast.Pipeline) {
	return func(ctx context.Context, p *holdfast.Pipeline) {
		ctx, leave := context.WithCancel(ctx)
		time.AfterFunc(50*time.Millisecond, leave)
		_ = p.Do(ctx, func(context.Context) error { return err })
	}
}

func thenOdd(ctx context.Context, p *holdfast.Pipeline) {
	errs := []error{errFlaky, errOdd}
	_ = p.Do(ctx, func(context.Context) error {
		err := errs[0]
		errs = errs[1:]
		return err
	})
}

// inside calls another pipeline, which has no token for a retry.
func inside(t *testing.T) func(ctx context.Context, p *holdfast.Pipeline) {
	t.Helper()
	inner, err := holdfast.New("inner", budget.Config{Initial: -1, Floor: -1}, plain(2))
	require.NoError(t, err)
	return func(ctx context.Context, p *holdfast.Pipeline) {
		_ = p.Do(ctx, func(ctx context.Context) error {
			return inner.Do(ctx, func(context.Context) error { return errFlaky })
		})
		require.Equal(t, map[resilience.Reason]uint64{resilience.ReasonBudget: 1}, inner.Snapshot().Denials)
	}
}
