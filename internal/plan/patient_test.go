package plan_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestWaitsForRefused(t *testing.T) {
	patient := retry.Config{Patient: true}
	for name, test := range map[string]struct {
		stages []resilience.Stage
		waits  bool
	}{
		"a budget":               {[]resilience.Stage{budget.Config{}, patient}, true},
		"a breaker":              {[]resilience.Stage{patient, breaker.Config{}}, true},
		"a bulkhead":             {[]resilience.Stage{patient, bulkhead.Config{}}, true},
		"a rate limit":           {[]resilience.Stage{patient, ratelimit.Config{Rate: 1}}, true},
		"a guard inside":         {[]resilience.Stage{patient, quota{}}, true},
		"a guard outside":        {[]resilience.Stage{quota{}, patient}, false},
		"a breaker outside":      {[]resilience.Stage{breaker.Config{}, patient}, false},
		"a budget in shadow":     {[]resilience.Stage{budget.Config{Shadow: true}, patient}, false},
		"nothing":                {[]resilience.Stage{patient}, false},
		"no retries":             {[]resilience.Stage{budget.Config{}, retry.Config{Patient: true, MaxRetries: retry.None}, breaker.Config{}}, false},
		"no patience":            {[]resilience.Stage{budget.Config{}, retry.Config{}, breaker.Config{}}, false},
		"no loop":                {[]resilience.Stage{breaker.Config{}}, false},
		"only a deadline inside": {[]resilience.Stage{patient, deadline.In(time.Second)}, false},
	} {
		require.Equal(t, test.waits, planOf(t, test.stages...).WaitsForRefused(), name)
	}
}

func TestLongestCall(t *testing.T) {
	loop := retry.Config{MaxRetries: 2, BaseDelay: 100 * ms, Jitter: retry.NoJitter, Patient: true} // 100, 200 ms
	spread := loop
	spread.Jitter = retry.AdditiveJitter(0.5) // up to 150, 300 ms
	opens := breaker.Config{OpenFor: time.Second, MaxOpenFor: 2 * time.Second}
	follows := breaker.Config{OpenFor: time.Second, MinOpenFor: 100 * ms}
	attempt, sec := deadline.In(500*ms), time.Second
	for name, test := range map[string]struct {
		stages []resilience.Stage
		want   time.Duration
	}{
		"the budget refuses":           {[]resilience.Stage{budget.Config{}, loop, attempt}, 3*500*ms + 300*ms},
		"not patient":                  {[]resilience.Stage{retry.Config{MaxRetries: 2, BaseDelay: 100 * ms, Jitter: retry.NoJitter}, opens, attempt}, 3*500*ms + 300*ms},
		"an open breaker":              {[]resilience.Stage{loop, opens, attempt}, 3*500*ms + 2*2500*ms},
		"one that follows":             {[]resilience.Stage{loop, follows, attempt}, 3*500*ms + 2*sec},
		"the pauses are spread":        {[]resilience.Stage{spread, follows, attempt}, 3*500*ms + 2*1500*ms},
		"a breaker outside":            {[]resilience.Stage{budget.Config{}, opens, loop, attempt}, 3*500*ms + 300*ms},
		"a wait for a place":           {[]resilience.Stage{loop, bulkhead.Config{MaxWait: sec}, attempt}, 3*1500*ms + 300*ms},
		"one outside":                  {[]resilience.Stage{bulkhead.Config{MaxWait: sec}, budget.Config{}, loop, attempt}, 3*500*ms + 300*ms},
		"a wait without an end":        {[]resilience.Stage{loop, bulkhead.Config{MaxWait: -1}, attempt}, plan.Forever},
		"a rate limit":                 {[]resilience.Stage{loop, ratelimit.Config{Rate: 1}, attempt}, plan.Forever},
		"a rate limit that is off":     {[]resilience.Stage{loop, ratelimit.Config{Rate: -1}, attempt}, 3*500*ms + 300*ms},
		"no attempt deadline":          {[]resilience.Stage{loop, opens}, plan.Forever},
		"the deadline ends all":        {[]resilience.Stage{deadline.In(3 * sec), loop, opens, attempt}, 3 * sec},
		"more than are listed":         {[]resilience.Stage{deadline.In(time.Hour), budget.Config{}, retry.Config{MaxRetries: 5000, Patient: true}, attempt}, time.Hour},
		"unlimited":                    {[]resilience.Stage{budget.Config{}, retry.Config{MaxRetries: retry.Unlimited, Patient: true}, attempt}, plan.Forever},
		"unlimited, not patient":       {[]resilience.Stage{deadline.In(time.Hour), budget.Config{}, retry.Config{MaxRetries: retry.Unlimited, MaxDelay: 100 * ms}, attempt}, time.Hour},
		"the deadline ends an attempt": {[]resilience.Stage{deadline.In(1800 * ms), loop, follows, attempt}, 1800 * ms},
	} {
		require.Equal(t, test.want, planOf(t, test.stages...).LongestCall(), name)
	}
}
