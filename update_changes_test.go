package holdfast_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// updates is an Observer that records what updates changed, in words; "" for none.
type updates []string

func (u *updates) Observe(_ context.Context, e resilience.Event) {
	if e.Kind == resilience.EventUpdate && e.Change == nil {
		*u = append(*u, e.Update.String())
	}
}

// take returns what was heard since it was called last.
func (u *updates) take() []string {
	was := *u
	*u = nil
	return was
}

// Observers hear of an update once, with all that is different: numbers of what stays, budgets and
// rate limits included, which change in place; stages that come and go; another order.
func TestAnUpdateTellsWhatIsDifferent(t *testing.T) {
	var heard updates
	var log bytes.Buffer
	front := holdfast.Observe(&heard, resilience.NewLogObserver(slog.New(slog.NewTextHandler(&log, nil))))
	p := newPipeline(t, front, deadline.In(9*time.Second), budget.Config{}, retry.Config{}, breaker.Config{}, deadline.In(time.Second))
	require.Empty(t, heard.take(), "New is no update")
	for _, c := range []struct {
		want   string
		stages []resilience.Stage
	}{
		{"", []resilience.Stage{deadline.In(9 * time.Second), budget.Config{}, retry.Config{MaxRetries: 3}, breaker.Config{}, deadline.In(time.Second)}},
		{"deadline 9s removed", []resilience.Stage{budget.Config{}, retry.Config{}, breaker.Config{}, deadline.In(time.Second)}},
		{"deadline 9s added", []resilience.Stage{deadline.In(9 * time.Second), budget.Config{}, retry.Config{}, breaker.Config{}, deadline.In(time.Second)}},
		{
			"budget ratio 0.1 → 0.2; retry max retries 3 → unlimited; breaker payments: open for 5s → 20s; breaker payments: max open for 10s → 20s; " +
				"deadline attempt: limit 1s → 2s",
			[]resilience.Stage{deadline.In(9 * time.Second), budget.Config{Ratio: 0.2}, retry.Config{MaxRetries: retry.Unlimited}, breaker.Config{OpenFor: 20 * time.Second}, deadline.In(2 * time.Second)},
		},
		{
			"bulkhead 7 added; retry max retries unlimited → 3; budget 20%+1/s removed; deadline 2s removed",
			[]resilience.Stage{deadline.In(9 * time.Second), bulkhead.Config{MaxConcurrent: 7}, retry.Config{}, breaker.Config{OpenFor: 20 * time.Second}},
		},
		{
			"pipeline order deadline → bulkhead → retry → breaker → deadline → bulkhead → breaker → retry",
			[]resilience.Stage{deadline.In(9 * time.Second), bulkhead.Config{MaxConcurrent: 7}, breaker.Config{OpenFor: 20 * time.Second}, retry.Config{}},
		},
		{
			"deadline limit 9s → 8s; pipeline order deadline → bulkhead → breaker → retry → bulkhead → breaker → retry → deadline",
			[]resilience.Stage{bulkhead.Config{MaxConcurrent: 7}, breaker.Config{OpenFor: 20 * time.Second}, retry.Config{}, deadline.In(8 * time.Second)},
		},
		{
			"deadline limit 8s → 9s; pipeline order bulkhead → breaker → retry → deadline → deadline → bulkhead → breaker → retry",
			[]resilience.Stage{deadline.In(9 * time.Second), bulkhead.Config{MaxConcurrent: 7}, breaker.Config{OpenFor: 20 * time.Second}, retry.Config{}},
		},
		{
			"ratelimit 5/s added; deadline 9s removed; bulkhead 7 removed; breaker 50%/20 removed",
			[]resilience.Stage{ratelimit.Config{Rate: 5}, retry.Config{}},
		},
		{"ratelimit rate 5 → off; ratelimit burst 5 → 1", []resilience.Stage{ratelimit.Config{Rate: -1}, retry.Config{}}},
	} {
		require.NoError(t, p.Update(append([]resilience.Stage{front}, c.stages...)...))
		require.Equal(t, []string{c.want}, heard.take(), "once, with all of it")
	}
	require.Contains(t, log.String(), `msg="pipeline updated" pipeline=payments changes="ratelimit rate 5 → off; ratelimit burst 5 → 1"`)
}

// So do those of a registry, by Apply and by Amend.
func TestAnApplyTellsWhatIsDifferent(t *testing.T) {
	var heard updates
	r := holdfast.NewRegistry(&heard)
	require.NoError(t, r.Apply(holdfast.Services{"a": {retry.Config{}}, "b": {retry.Config{}}}))
	require.NoError(t, r.Apply(holdfast.Services{"a": {retry.Config{MaxRetries: 7}}, "b": {retry.Config{}}}))
	require.Equal(t, []string{"retry max retries 3 → 7"}, heard.take())
	require.NoError(t, r.Amend("b", func(stages []resilience.Stage) []resilience.Stage {
		return append(stages, resilience.Prebuilt(&keyedDoor{}))
	}))
	require.Equal(t, []string{"holdfast_test.keyedDoor added"}, heard.take())
}
