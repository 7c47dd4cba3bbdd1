package holdfastdash

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

func TestCompare(t *testing.T) {
	amp := func(v float64) *float64 { return &v }
	type snapshot = holdfast.Snapshot
	type stages = holdfast.StageStats
	for name, c := range map[string]struct {
		was, is snapshot
		elapsed time.Duration
		want    sample
	}{
		"nothing": {snapshot{Calls: 5, Attempts: 7}, snapshot{Calls: 5, Attempts: 7}, time.Second, sample{}},
		"rates are per second": {
			snapshot{Calls: 100, Failed: 10, Attempts: 110}, snapshot{Calls: 140, Failed: 20, Attempts: 170}, 2 * time.Second,
			sample{Calls: 20, Good: 15, Attempts: 30, Amp: amp(1.5)},
		},
		"calls in flight have not ended": {
			snapshot{Calls: 10, Live: 4}, snapshot{Calls: 20, Live: 8, Attempts: 10}, time.Second,
			sample{Calls: 6, Good: 6, Attempts: 10, Live: 8, Amp: amp(1)},
		},
		"calls that began earlier end": {snapshot{Calls: 10, Live: 4}, snapshot{Calls: 10}, time.Second, sample{Calls: 4, Good: 4}},
		"refused calls reach nobody":   {snapshot{}, snapshot{Calls: 2, Failed: 2}, time.Second, sample{Calls: 2, Amp: amp(0)}},
		"counts read at odds": {
			snapshot{Calls: 10, Live: 2, Attempts: 10, Failed: 0}, snapshot{Calls: 10, Live: 1, Attempts: 9, Failed: 3}, time.Second,
			sample{Calls: 1, Live: 1},
		},
		"denials": {
			snapshot{Denials: map[resilience.Reason]uint64{resilience.ReasonBudget: 3, resilience.ReasonTooLate: 1}},
			snapshot{Denials: map[resilience.Reason]uint64{resilience.ReasonBudget: 9, resilience.ReasonTooLate: 1, resilience.ReasonBreakerOpen: 2}},
			4 * time.Second,
			sample{Denied: map[string]float64{"budget_exhausted": 1.5, "breaker_open": 0.5}},
		},
		"errors that nobody classified": {
			snapshot{Unclassified: []holdfast.UnclassifiedStats{{What: "a", Count: 40}, {What: "b", Count: 30}}},
			snapshot{Unclassified: []holdfast.UnclassifiedStats{{What: "a", Count: 40}, {What: "b", Count: 34}, {What: "c", Count: 2}}},
			2 * time.Second,
			sample{Unclassified: &unclassifiedSample{Rate: 3, Kinds: []kindSample{
				{What: "b", Rate: 2, Count: 34}, {What: "c", Rate: 1, Count: 2}, {What: "a", Count: 40},
			}}},
		},
		"more kinds than are named": {
			snapshot{}, snapshot{Unclassified: []holdfast.UnclassifiedStats{
				{What: "a", Count: 6}, {What: "b", Count: 5}, {What: "c", Count: 4}, {What: "d", Count: 3}, {What: "e", Count: 2}, {What: "other", Count: 1},
			}}, time.Second,
			sample{Unclassified: &unclassifiedSample{Rate: 21, More: 1, Kinds: []kindSample{
				{What: "a", Rate: 6, Count: 6}, {What: "b", Rate: 5, Count: 5}, {What: "c", Rate: 4, Count: 4}, {What: "d", Rate: 3, Count: 3}, {What: "e", Rate: 2, Count: 2},
			}}},
		},
		"none of late": {
			snapshot{Unclassified: []holdfast.UnclassifiedStats{{What: "a", Count: 40}}},
			snapshot{Unclassified: []holdfast.UnclassifiedStats{{What: "a", Count: 40}}}, time.Second,
			sample{Unclassified: &unclassifiedSample{Kinds: []kindSample{{What: "a", Count: 40}}}},
		},
		"keys": {
			snapshot{Keys: &holdfast.KeyedStats{Len: 8, Overflowed: 1}},
			snapshot{Keys: &holdfast.KeyedStats{Len: 9, Open: 6, OpenKeys: []string{"a\u202e", "b", "c", "d", strings.Repeat("e", 500), "f"}, Overflowed: 7}}, 2 * time.Second,
			sample{Keys: &keysSample{All: 9, Open: 6, Names: []string{`"a\u202e"`, "b", "c", "d", strings.Repeat("e", maxName-len("…")) + "…"}, NoRoom: 3}},
		},
		"keys of which nothing was known": {
			snapshot{}, snapshot{Keys: &holdfast.KeyedStats{Len: 9, Overflowed: 7}}, time.Second, sample{Keys: &keysSample{All: 9}},
		},
		"a breaker": {
			snapshot{}, snapshot{StageStats: stages{Breakers: []breaker.Stats{{
				Name: "pay", State: breaker.StateOpen, RetryAfter: 1500 * time.Millisecond,
				Counts: breaker.Counts{Requests: 9, Successes: 3, Failures: 6, Unclassified: 5, Slow: 4, Excluded: 7, ConsecutiveFailures: 2},
			}}}}, time.Second,
			sample{Breakers: []breakerSample{{Name: "pay", State: "open", RetryIn: 1.5, Failures: 6, Requests: 9, Unclassified: 5, Slow: 4}}},
		},
		"a bulkhead": {
			snapshot{StageStats: stages{Bulkheads: []bulkhead.Stats{{Rejected: 10}}}},
			snapshot{StageStats: stages{Bulkheads: []bulkhead.Stats{{MaxConcurrent: 5, InUse: 4, Waiting: 3, QueueLimit: 9, Rejected: 30}}}}, 10 * time.Second,
			sample{Limits: []limitSample{{Stage: "bulkhead", Of: "places", Full: "Bulkhead full", Used: 4, Max: 5, Waiting: 3, Queue: 9, Refused: 2}}},
		},
		"a rate limit, in whole tokens": {
			snapshot{StageStats: stages{RateLimits: []ratelimit.Stats{{Rejected: 10}}}},
			snapshot{StageStats: stages{RateLimits: []ratelimit.Stats{{Rate: 100, Burst: 20, Tokens: 6.9, Waiting: 3, Rejected: 30}}}}, 10 * time.Second,
			sample{Limits: []limitSample{{Stage: "ratelimit", Of: "tokens", Full: "Rate limit reached", Used: 14, Max: 20, Waiting: 3, Refused: 2}}},
		},
		"a budget": {
			snapshot{StageStats: stages{Budget: &budget.Stats{Refused: 1, ShadowRefused: 10}}},
			snapshot{StageStats: stages{Budget: &budget.Stats{Tokens: 3.21987, Burst: 5, Refused: 2, ShadowRefused: 30}}}, 10 * time.Second,
			sample{Budget: &budgetSample{Tokens: 3.22, Burst: 5, Refused: 0.1, ShadowRefused: 2}},
		},
		"a new budget": {
			snapshot{}, snapshot{StageStats: stages{Budget: &budget.Stats{Burst: 5, Refused: 2}}}, time.Second,
			sample{Budget: &budgetSample{Burst: 5, Refused: 2}},
		},
		"a budget in another's place": {
			snapshot{StageStats: stages{Budget: &budget.Stats{Refused: 100}}}, snapshot{StageStats: stages{Budget: &budget.Stats{Burst: 5, Refused: 2}}}, time.Second,
			sample{Budget: &budgetSample{Burst: 5}},
		},
	} {
		require.Equal(t, c.want, compare(c.was, c.is, c.elapsed), name)
	}
}
