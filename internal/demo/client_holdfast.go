package demo

import (
	"context"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// pipeline is a Holdfast pipeline, one per backend.
type pipeline struct{ *holdfast.Pipeline }

// newHoldfast has the naive client's retries and breaker. What is around them is what the presets
// have: a budget that asks more for a retry after a slow failure, jitter, a loop that waits for
// what the budget or the breaker refuses, and a limit of the attempts in flight while the backend
// has too much to do.
func newHoldfast(dependency string, cfg Config) (protector, error) {
	p, err := holdfast.New(dependency, holdfastStages(cfg)...)
	if err != nil {
		return nil, err
	}
	return pipeline{p}, nil
}

func holdfastStages(cfg Config) []resilience.Stage {
	b := cfg.Breaker
	return []resilience.Stage{
		deadline.In(cfg.Deadline),
		budget.Config{
			Ratio: 3, Floor: 1, Burst: 5, DepositOn: budget.AnySuccess,
			SlowCost: 5, SlowTimes: 3, RefundOnSuccess: true,
		},
		retry.Config{
			MaxRetries: cfg.Retries,
			BaseDelay:  cfg.BaseDelay,
			MaxDelay:   cfg.Deadline,
			Jitter:     retry.FullJitter,
			Patient:    true,
		},
		bulkhead.Config{MaxWait: cfg.Attempt, QueueLimit: cfg.MaxInFlight, Adaptive: &bulkhead.Adaptive{}},
		breaker.Config{
			FailureRatio:        b.FailureRatio,
			MinRequests:         b.MinRequests,
			ConsecutiveFailures: b.ConsecutiveFailures,
			Window:              b.Window,
			Buckets:             b.Buckets,
			OpenFor:             b.OpenFor,
			MaxOpenFor:          b.OpenFor, // the same time in each round, as in gobreaker
			HalfOpenProbes:      b.Probes,
		},
		deadline.In(cfg.Attempt),
	}
}

func (p pipeline) Do(ctx context.Context, op func(context.Context) error) error {
	return p.Pipeline.Do(ctx, op)
}

// Denials counts what the pipeline refused.
func (p pipeline) Denials() map[string]uint64 {
	denials := map[string]uint64{}
	for reason, n := range p.Snapshot().Denials {
		denials[reason.String()] = n
	}
	return denials
}
