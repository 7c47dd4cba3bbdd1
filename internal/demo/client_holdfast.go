package demo

import (
	"context"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// pipeline is a Holdfast pipeline, one per backend.
type pipeline struct{ *holdfast.Pipeline }

// newHoldfast has the naive client's retries and breaker. It adds the budget, the jitter, and a
// retry loop that knows the deadline, the breaker and the budget.
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
		budget.Config{Ratio: 0.1, Floor: 1},
		retry.Config{
			MaxRetries: cfg.Retries,
			BaseDelay:  cfg.BaseDelay,
			MaxDelay:   cfg.Deadline,
			Jitter:     retry.FullJitter,
		},
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
