package storm_test

import (
	"context"
	"time"

	cenkalti "github.com/cenkalti/backoff/v7"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/storm"
)

// rival is a library, or a way of doing without one, given the numbers of a preset. new is called
// once for each client, since clients are processes: they share no budget and no breaker.
type rival struct {
	name string
	new  func(n numbers) storm.Doer
}

// ours reports whether it is made of Holdfast's own code.
func (r rival) ours() bool { return r.name == ours || r.name == sameLoop }

const (
	ours      = "holdfast"
	sameLoop  = "its loop alone"
	noRetries = "no retries"
)

// rivals are in the order of the page's rows.
var rivals = []rival{
	{ours, holdfastPreset},
	{"failsafe-go", failsafeBreaker},
	{"failsafe-go, adaptive", failsafeAdaptive},
	{"gobreaker in cenkalti", goBreakerInCenkalti},
	{"gobreaker around cenkalti", goBreakerAroundCenkalti},
	{"go-zero in cenkalti", goZeroInCenkalti},
	{"aegis in cenkalti", aegisInCenkalti},
	{"avast", avastThrottled},
	{"AWS SDK", awsStandard},
	{"gRPC's rule", grpcThrottled},
	{sameLoop, loopAlone},
	{noRetries, noRetriesAtAll},
}

// A Pipeline is a Doer already.
func holdfastPreset(n numbers) storm.Doer {
	return holdfast.Must(holdfast.New(n.preset, n.stages...))
}

// loopAlone is the preset's loop and deadlines, without its budget, its limit of attempts and its
// breaker: what the same loop does with no limit.
func loopAlone(n numbers) storm.Doer {
	var stages []resilience.Stage
	for _, s := range n.stages {
		switch s.(type) {
		case budget.Config, bulkhead.Config, breaker.Config:
		default:
			stages = append(stages, s)
		}
	}
	return holdfast.Must(holdfast.New(n.preset, stages...))
}

func noRetriesAtAll(n numbers) storm.Doer {
	return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error { return within(ctx, n.attempt, op) })
}

// loop is cenkalti's, for whoever has none. It repeats every error that is not cenkalti.Permanent:
// the refusal of a breaker inside it as well. It has no budget.
func loop(ctx context.Context, n numbers, attempt func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, n.call)
	defer cancel()
	_, err := cenkalti.Retry(ctx, func() (struct{}, error) { return struct{}{}, attempt(ctx) },
		cenkalti.WithMaxTries(uint(n.retries)+1),
		cenkalti.WithBackOff(&cenkalti.ExponentialBackOff{
			InitialInterval: n.base, MaxInterval: n.max, Multiplier: 2, RandomizationFactor: jitter,
		}))
	return err
}

// within makes an attempt, for a library that leaves its deadline to the user.
func within(ctx context.Context, limit time.Duration, op resilience.Func) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return op(ctx)
}
