package peers

import (
	"context"
	"testing"
	"time"

	aegis "github.com/go-kratos/aegis/circuitbreaker/sre"
	gozero "github.com/zeromicro/go-zero/core/breaker"
	"github.com/zeromicro/go-zero/core/logx"
)

// go-zero's and aegis's breakers throttle, as the SRE book has it: they let calls through while
// those that succeed, times a factor, are as many as all. They look at their whole window before
// each call. Neither has a time to stay open, nor probes.

// go-zero's is fixed to 40 buckets in 10 s, and knows a few failures less than our 20 as no reason.
// Importing it starts a goroutine that reads the processor's load four times a second; its log
// would stand between the results.
func goZeroBreaker(testing.TB, time.Duration, bool) call {
	logx.Disable()
	b := gozero.NewBreaker()
	return func(ctx context.Context) (attempts int, err error) {
		err = b.DoCtx(ctx, func() error {
			attempts++
			return askIf(ctx, false)
		})
		return attempts, err
	}
}

// aegis has two steps, and leaves it to the caller to tell the outcome.
func aegisBreaker(testing.TB, time.Duration, bool) call {
	b := aegis.NewBreaker(aegis.WithSuccess(failureRatio), aegis.WithRequest(minRequests),
		aegis.WithWindow(window), aegis.WithBucket(int(window/bucket)))
	return func(ctx context.Context) (attempts int, err error) {
		if err := b.Allow(); err != nil {
			return 0, err
		}
		attempts++
		if err = askIf(ctx, false); err != nil {
			b.MarkFailed()
			return attempts, err
		}
		b.MarkSuccess()
		return attempts, nil
	}
}
