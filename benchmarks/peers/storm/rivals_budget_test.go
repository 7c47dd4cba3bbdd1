package storm_test

import (
	"context"
	"sync"
	"time"

	avast "github.com/avast/retry-go/v5"
	"github.com/aws/aws-sdk-go-v2/aws"
	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	cenkalti "github.com/cenkalti/backoff/v7"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/storm"
)

// The throttle is shared by the calls of a client, with its defaults: a bank of 20 retries, a first
// success pays for a fifth of one. The retrier is built per call, its only way to take the caller's
// ctx.
func avastThrottled(n numbers) storm.Doer {
	throttle := avast.NewFixedTokenBucketThrottle(avast.FixedTokenBucketThrottleConfig{})
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		ctx, cancel := context.WithTimeout(ctx, n.call)
		defer cancel()
		return avast.New(
			avast.Context(ctx), avast.Attempts(uint(n.retries)+1), avast.Delay(n.base), avast.MaxDelay(n.max),
			avast.MaxJitter(time.Duration(jitter*float64(n.base))), avast.WithThrottle(throttle),
		).Do(func() error { return within(ctx, n.attempt, op) })
	})
}

// awsStandard is the SDK's own loop with its standard retryer, without a service. The quota has the
// defaults of 2026: 500 tokens, a retry costs 14, one after an overload 5; a retry that succeeds
// gets them back, and a first attempt that succeeds pays one in. The pauses are the preset's, with
// the SDK's full jitter, and at least a second long before it after an overload.
func awsStandard(n numbers) storm.Doer {
	retryer := awsretry.NewStandard(func(o *awsretry.StandardOptions) {
		o.MaxAttempts, o.BaseDelay, o.MaxBackoff = n.retries+1, n.base, n.max
		o.Retryables = append(o.Retryables, awsretry.IsErrorRetryableFunc(func(error) aws.Ternary { return aws.TrueTernary }))
		o.Throttles = append(o.Throttles, awsretry.IsErrorThrottleFunc(func(err error) aws.Ternary {
			return aws.BoolTernary(resilience.Classify(err) == resilience.Overload)
		}))
	})
	attempts := awsretry.NewAttemptMiddleware(retryer, func(request any) any { return request })
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		ctx, cancel := context.WithTimeout(ctx, n.call)
		defer cancel()
		_, _, err := attempts.HandleFinalize(ctx, middleware.FinalizeInput{}, middleware.FinalizeHandlerFunc(
			func(ctx context.Context, _ middleware.FinalizeInput) (out middleware.FinalizeOutput, m middleware.Metadata, err error) {
				return out, m, within(ctx, n.attempt, op)
			}))
		return err
	})
}

// grpcThrottled is the rule of gRPC's retry throttling with the numbers of its example, in
// cenkalti's loop. It is a model: grpc-go has the rule for its own connections only, and its loop
// knows no limit for an attempt. (gRFC A6, "Throttling Retry Attempts and Hedged RPCs".)
func grpcThrottled(n numbers) storm.Doer {
	throttle := grpcThrottle{tokens: grpcMaxTokens}
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		return loop(ctx, n, func(ctx context.Context) error {
			err := within(ctx, n.attempt, op)
			if throttle.allow(err) {
				return err
			}
			return cenkalti.Permanent(err)
		})
	})
}

const (
	grpcMaxTokens  = 10
	grpcTokenRatio = 0.1
)

// grpcThrottle is a bucket that is full at first. An attempt that fails takes a token, one that
// succeeds puts a tenth of one in; there are retries while it is more than half full.
type grpcThrottle struct {
	mu     sync.Mutex
	tokens float64
}

// allow counts the outcome of an attempt, and reports whether there may be a retry.
func (g *grpcThrottle) allow(err error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.tokens = min(g.tokens+grpcTokenRatio, grpcMaxTokens)
		return true
	}
	g.tokens = max(g.tokens-1, 0)
	return g.tokens > grpcMaxTokens/2
}
