package demo

import (
	"context"
	"time"

	"github.com/sony/gobreaker/v2"
)

// naive is the usual hand-written retry loop: it makes another attempt after every error, after a
// pause that doubles, until no attempts are left or the caller has left.
type naive struct {
	retries int
	base    time.Duration
	attempt time.Duration
	breaker *gobreaker.CircuitBreaker[struct{}] // around each attempt; nil for none
}

// newSingle makes one attempt, with the same timeout as the other clients.
func newSingle(_ string, cfg Config) (protector, error) {
	return &naive{attempt: cfg.Attempt}, nil
}

func newNaive(_ string, cfg Config) (protector, error) {
	return &naive{retries: cfg.Retries, base: cfg.BaseDelay, attempt: cfg.Attempt}, nil
}

func newNaiveBreaker(dependency string, cfg Config) (protector, error) {
	b := cfg.Breaker
	return &naive{
		retries: cfg.Retries,
		base:    cfg.BaseDelay,
		attempt: cfg.Attempt,
		breaker: gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
			Name:         dependency,
			MaxRequests:  uint32(b.Probes),
			Interval:     b.Window,
			BucketPeriod: b.Window / time.Duration(b.Buckets),
			Timeout:      b.OpenFor,
			ReadyToTrip: func(c gobreaker.Counts) bool {
				return int(c.ConsecutiveFailures) >= b.ConsecutiveFailures ||
					int(c.Requests) >= b.MinRequests && float64(c.TotalFailures) >= b.FailureRatio*float64(c.Requests)
			},
		}),
	}, nil
}

func (n *naive) Do(ctx context.Context, op func(context.Context) error) error {
	delay := n.base
	for retry := 0; ; retry++ {
		err := n.guarded(ctx, op)
		if err == nil || retry == n.retries || !sleep(ctx.Done(), delay) {
			return err
		}
		delay *= 2
	}
}

func (n *naive) guarded(ctx context.Context, op func(context.Context) error) error {
	if n.breaker == nil {
		return n.once(ctx, op)
	}
	_, err := n.breaker.Execute(func() (struct{}, error) { return struct{}{}, n.once(ctx, op) })
	return err
}

func (n *naive) once(ctx context.Context, op func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, n.attempt)
	defer cancel()
	return op(ctx)
}
