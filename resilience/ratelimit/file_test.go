package ratelimit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/holdfastdash"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func parse(t *testing.T, service string) (config.Service, error) {
	t.Helper()
	c, err := config.Parse(strings.NewReader("services: {payments: {template: none, "+service+"}}"), config.WithEnvironment(nil))
	if err != nil {
		return config.Service{}, err
	}
	s, ok := c.Service("payments")
	require.True(t, ok)
	return s, nil
}

// It stands around the deadline, or at the attempts.
func TestInAFile(t *testing.T) {
	s, err := parse(t, "ratelimit: {rate: 2.5, burst: 7, max_wait: 20ms}, deadline: 1s, bulkhead: on, retry: on")
	require.NoError(t, err)
	limit := ratelimit.Config{Rate: 2.5, Burst: 7, MaxWait: 20 * ms}
	require.Equal(t, &limit, s.RateLimit)
	require.Equal(t, []resilience.Stage{limit, deadline.In(sec), bulkhead.Config{}, retry.Config{}}, s.Stages())

	s, err = parse(t, "ratelimit: {rate: unlimited, max_wait: unlimited, per: attempt}, deadline: 1s, bulkhead: {per: attempt}, retry: on")
	require.NoError(t, err)
	require.Equal(t, config.PerAttempt, s.RateLimitPer)
	require.Equal(t, []resilience.Stage{deadline.In(sec), retry.Config{}, ratelimit.Config{Rate: -1, MaxWait: -1}, bulkhead.Config{}}, s.Stages())

	s, err = parse(t, "ratelimit: {rate: 5, max_wait: 0}")
	require.NoError(t, err)
	require.Equal(t, &ratelimit.Config{Rate: 5}, s.RateLimit)
}

func TestWhatAFileRefuses(t *testing.T) {
	for service, want := range map[string]string{
		"ratelimit: on":                      "services.payments.ratelimit.rate is missing; want a number from 0.000001 to 1000000000, or unlimited",
		"ratelimit: {burst: 5}":              "services.payments.ratelimit.rate is missing; want a number from 0.000001 to 1000000000, or unlimited",
		"ratelimit: {rate: 0}":               "services.payments.ratelimit.rate",
		"ratelimit: {rate: off}":             "services.payments.ratelimit.rate",
		"ratelimit: {rate: 5, burst: 0}":     "services.payments.ratelimit.burst",
		"ratelimit: {rate: 5, max_wait: -1}": "services.payments.ratelimit.max_wait",
		"ratelimit: {rate: 5, limit: 1}":     "unknown key \"limit\"",
	} {
		_, err := parse(t, service)
		require.ErrorContains(t, err, want, service)
	}
}

// A file of a running pipeline says what the pipeline does, and loads as that.
func TestAFileOfAPipeline(t *testing.T) {
	r := holdfast.NewRegistry()
	require.NoError(t, r.Apply(holdfast.Services{
		"payments": {ratelimit.Config{Rate: 0.25, Burst: 3, MaxWait: -1}, deadline.In(sec), retry.Config{}},
		"search":   {retry.Config{}, ratelimit.Config{Rate: -1}},
	}))
	c, err := config.Of(r)
	require.NoError(t, err)
	text := c.YAML()
	again, err := config.Parse(strings.NewReader(string(text)), config.WithEnvironment(nil))
	require.NoError(t, err, "%s", text)
	payments, _ := again.Service("payments")
	require.Equal(t, &ratelimit.Config{Rate: 0.25, Burst: 3, MaxWait: -1}, payments.RateLimit)
	search, _ := again.Service("search")
	require.Equal(t, config.PerAttempt, search.RateLimitPer)
	require.Equal(t, &ratelimit.Config{Rate: -1, Burst: 1}, search.RateLimit)
}

// The linter knows a wait as long as the deadline from the stage's own traits.
func TestLint(t *testing.T) {
	p := newPipeline(t, deadline.In(sec), ratelimit.Config{Rate: 100, MaxWait: sec}, retry.Custom(1, ms, ms, false))
	var found []string
	for _, f := range p.Lint() {
		if f.Key == "ratelimit.max_wait" {
			found = append(found, f.Code+": "+f.Message)
		}
	}
	require.Equal(t, []string{"HF043: a call may wait for a token of the rate limit until its deadline of 1 s is over, or nearly so, and then it is too late to make it"}, found)
}

func TestMetrics(t *testing.T) {
	observer, err := holdfastprom.New()
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(observer))
	p := newPipeline(t, holdfast.Observe(observer), ratelimit.Config{Rate: 1e-6, Burst: 2}, retry.Config{}, ratelimit.Config{Rate: -1})
	want := func(denials string) {
		t.Helper()
		require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP holdfast_denials_total Calls and attempts that were kept from the dependency, by who did that and why.
# TYPE holdfast_denials_total counter
holdfast_denials_total{pipeline="payments",reason="outcome_unknown",stage="retry"} 0
holdfast_denials_total{pipeline="payments",reason="rate_limited",stage="ratelimit"} `+denials+`
holdfast_denials_total{pipeline="payments",reason="retries_exhausted",stage="retry"} 0
holdfast_denials_total{pipeline="payments",reason="retry_after_too_long",stage="retry"} 0
holdfast_denials_total{pipeline="payments",reason="too_late",stage="pipeline"} 0
holdfast_denials_total{pipeline="payments",reason="too_late",stage="retry"} 0
# HELP holdfast_ratelimit_burst_tokens The most tokens that the bucket holds.
# TYPE holdfast_ratelimit_burst_tokens gauge
holdfast_ratelimit_burst_tokens{pipeline="payments",ratelimit="1"} 2
holdfast_ratelimit_burst_tokens{pipeline="payments",ratelimit="2"} 1
# HELP holdfast_ratelimit_rate The calls a second that the rate limit lets pass in the long run. Absent if it has no limit.
# TYPE holdfast_ratelimit_rate gauge
holdfast_ratelimit_rate{pipeline="payments",ratelimit="1"} 1e-06
# HELP holdfast_ratelimit_waiting Calls that wait for a token of the rate limit.
# TYPE holdfast_ratelimit_waiting gauge
holdfast_ratelimit_waiting{pipeline="payments",ratelimit="1"} 0
holdfast_ratelimit_waiting{pipeline="payments",ratelimit="2"} 0
`), "holdfast_denials_total", "holdfast_ratelimit_rate", "holdfast_ratelimit_burst_tokens", "holdfast_ratelimit_waiting"))
	}
	want("0")
	for range 5 {
		_ = p.Do(t.Context(), succeed)
	}
	want("3")
	runtime.KeepAlive(p) // the observer does not keep it alive
}

// The live page has a row for it, and says how it stands.
func TestOnThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, ratelimit.Config{Rate: 1e-3, Burst: 5})
		page, err := holdfastdash.Handler([]*holdfast.Pipeline{p})
		require.NoError(t, err)
		defer page.Close()
		for range 8 {
			_ = p.Do(t.Context(), succeed)
		}
		time.Sleep(5 * sec)
		ctx, cancel := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		var done sync.WaitGroup
		done.Go(func() { page.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", http.NoBody)) })
		synctest.Wait()
		cancel()
		done.Wait()
		require.Contains(t, w.Body.String(), `"limits":[{"stage":"ratelimit","of":"tokens","full":"Rate limit reached","used":5,"max":5,"waiting":0`)
		require.Contains(t, w.Body.String(), `"denied":{"rate_limited":`)
	})
}
