package holdfast_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// A call that ends while it waits for its first attempt is reported once, and its error says by
// what it ended, wherever it waits.
func TestACallThatEndsBeforeItsFirstAttempt(t *testing.T) {
	for name, test := range map[string]struct {
		stage  resilience.Stage
		block  func(p *holdfast.Pipeline, hangs resilience.Func)
		within time.Duration // the caller's patience; 0: the pipeline's deadline of a second ends it
		ends   error
		reason resilience.Reason
		text   string
	}{
		"in the queue of a bulkhead": {
			stage: bulkhead.Config{MaxConcurrent: 1, MaxWait: 400 * time.Millisecond},
			block: keepsBusy,
			ends:  context.DeadlineExceeded, reason: resilience.ReasonTooLate,
			text: "x: no time was left before the first attempt: context deadline exceeded (x: deadline of 1s exceeded)",
		},
		"there by its caller": {
			stage:  bulkhead.Config{MaxConcurrent: 1, MaxWait: 400 * time.Millisecond},
			block:  keepsBusy,
			within: 700 * time.Millisecond, ends: context.Canceled, reason: resilience.ReasonCanceled,
			text: "x: the caller gave up before the first attempt: context canceled",
		},
		"in a pause": {
			stage:  breaker.Config{ConsecutiveFailures: 1, OpenFor: 600 * time.Millisecond},
			block:  trips,
			within: 100 * time.Millisecond, ends: context.Canceled, reason: resilience.ReasonCanceled,
			text: "x: the caller gave up before the first attempt: context canceled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ends []resilience.Event
				p := holdfast.Must(holdfast.New("x",
					holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
						if e.Kind == resilience.EventGiveUp {
							ends = append(ends, e)
						}
					})),
					deadline.In(time.Second),
					retry.Config{Patient: true, MaxRetries: 50, BaseDelay: time.Millisecond, Jitter: retry.NoJitter}, test.stage,
				))
				end := make(chan struct{})
				defer close(end)
				test.block(p, func(context.Context) error { <-end; return nil })
				synctest.Wait()
				ends = nil
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.within > 0 {
					time.AfterFunc(test.within, cancel)
				}
				err := p.Do(ctx, func(context.Context) error { t.Error("it was made"); return nil })
				require.ErrorIs(t, err, test.ends)
				require.EqualError(t, err, test.text)
				require.Len(t, ends, 1)
				require.Equal(t, test.reason, ends[0].Reason)
				var stop *retry.Error
				require.ErrorAs(t, err, &stop)
				require.Zero(t, stop.Attempts)
				require.ErrorIs(t, stop.Err, test.ends)
				require.True(t, resilience.Unsent(err))
			})
		})
	}
}

// keepsBusy keeps a call in flight.
func keepsBusy(p *holdfast.Pipeline, hangs resilience.Func) {
	go func() { _ = p.Do(context.Background(), hangs) }()
}

// trips has a call fail that must not be made again.
func trips(p *holdfast.Pipeline, _ resilience.Func) {
	_ = p.Do(resilience.MarkOnce(context.Background()), func(context.Context) error {
		return resilience.MarkTransient(context.DeadlineExceeded)
	})
}
