package holdfastdash

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

func TestCompare(t *testing.T) {
	amp := func(v float64) *float64 { return &v }
	type snapshot = holdfast.Snapshot
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
		"keys": {
			snapshot{Keys: &holdfast.KeyedStats{Len: 8, Overflowed: 1}},
			snapshot{Keys: &holdfast.KeyedStats{Len: 9, Open: 6, OpenKeys: []string{"a", "b", "c", "d", "e", "f"}, Overflowed: 7}}, 2 * time.Second,
			sample{Keys: &keysSample{All: 9, Open: 6, Names: []string{"a", "b", "c", "d", "e"}, NoRoom: 3}},
		},
		"keys of which nothing was known": {
			snapshot{}, snapshot{Keys: &holdfast.KeyedStats{Len: 9, Overflowed: 7}}, time.Second, sample{Keys: &keysSample{All: 9}},
		},
		"a budget": {
			snapshot{Budget: &budget.Stats{Refused: 1, ShadowRefused: 10}},
			snapshot{Budget: &budget.Stats{Tokens: 3.21987, Burst: 5, Refused: 2, ShadowRefused: 30}}, 10 * time.Second,
			sample{Budget: &budgetSample{Tokens: 3.22, Burst: 5, Refused: 0.1, ShadowRefused: 2}},
		},
		"a new budget": {
			snapshot{}, snapshot{Budget: &budget.Stats{Burst: 5, Refused: 2}}, time.Second,
			sample{Budget: &budgetSample{Burst: 5, Refused: 2}},
		},
		"a budget in another's place": {
			snapshot{Budget: &budget.Stats{Refused: 100}}, snapshot{Budget: &budget.Stats{Burst: 5, Refused: 2}}, time.Second,
			sample{Budget: &budgetSample{Burst: 5}},
		},
	} {
		require.Equal(t, c.want, compare(c.was, c.is, c.elapsed), name)
	}
}
