package holdfast

import (
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// StageStats is the state of a pipeline's stages, those of a kind in their order. A stage that has
// nothing to report is not in it.
type StageStats struct {
	Budget     *budget.Stats     `json:"budget,omitempty"` // nil if there is none
	Breakers   []breaker.Stats   `json:"breakers,omitempty"`
	Bulkheads  []bulkhead.Stats  `json:"bulkheads,omitempty"`
	RateLimits []ratelimit.Stats `json:"rate_limits,omitempty"`
	Waits      *retry.Waits      `json:"waits,omitempty"`   // nil without a patient loop
	Learned    *retry.Learned    `json:"learned,omitempty"` // nil without an adaptive loop
}

// add adds the stats that a stage reports.
func (s *StageStats) add(stats any) {
	switch stats := stats.(type) {
	case budget.Stats:
		s.Budget = &stats
	case breaker.Stats:
		s.Breakers = append(s.Breakers, stats)
	case bulkhead.Stats:
		s.Bulkheads = append(s.Bulkheads, stats)
	case ratelimit.Stats:
		s.RateLimits = append(s.RateLimits, stats)
	case retry.Stats:
		s.Waits, s.Learned = stats.Waits, stats.Learned
	}
}
