package holdfastprom_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var errFlaky = resilience.MarkTransient(errors.New("flaky"))

func succeed(context.Context) error { return nil }

func fail(context.Context) error { return errFlaky }

// failing returns an op that fails the first n times.
func failing(n int) resilience.Func {
	return func(context.Context) error {
		if n--; n >= 0 {
			return errFlaky
		}
		return nil
	}
}

// taking returns op, made to take a while in a bubble's time.
func taking(d time.Duration, op resilience.Func) resilience.Func {
	return func(ctx context.Context) error {
		<-time.After(d)
		return op(ctx)
	}
}

// plain is a retry loop with fixed pauses.
func plain(retries int) retry.Config {
	return retry.Custom(retries, 100*time.Millisecond, 5*time.Second, false)
}

func newMetrics(t testing.TB, opts ...holdfastprom.Option) (*holdfastprom.Metrics, *prometheus.Registry) {
	t.Helper()
	m, err := holdfastprom.New(opts...)
	require.NoError(t, err)
	r := prometheus.NewPedanticRegistry()
	require.NoError(t, r.Register(m))
	return m, r
}

// newPipeline returns a pipeline that stays alive, and so is shown, until the test ends.
func newPipeline(t testing.TB, name string, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New(name, stages...)
	require.NoError(t, err)
	t.Cleanup(func() { runtime.KeepAlive(p) })
	return p
}

// get scrapes g, in the format that is asked for.
func get(t testing.TB, g prometheus.Gatherer, format string) (contentType, body string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	request.Header.Set("Accept", format)
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(g, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(answer, request)
	require.Equal(t, http.StatusOK, answer.Code, "%s", answer.Body)
	return answer.Header().Get("Content-Type"), answer.Body.String()
}

// shown returns the samples of the given metrics that a scrape shows, less the label of a
// pipeline of that name and the prefix that all metrics have.
func shown(t testing.TB, g prometheus.Gatherer, metrics ...string) (samples []string) {
	t.Helper()
	_, body := get(t, g, "text/plain")
	for line := range strings.Lines(body) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "holdfast_")
		if name := line[:strings.IndexAny(line+"{", "{ ")]; slices.Contains(metrics, name) {
			line = strings.NewReplacer(`pipeline="payments",`, "", `,pipeline="payments"`, "", `{pipeline="payments"}`, "").Replace(line)
			samples = append(samples, line)
		}
	}
	return samples
}

// counted is shown without the samples that are 0.
func counted(t testing.TB, g prometheus.Gatherer, metrics ...string) []string {
	t.Helper()
	return slices.DeleteFunc(shown(t, g, metrics...), func(s string) bool { return strings.HasSuffix(s, " 0") })
}

func TestCallsAndAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t, holdfastprom.WithBuckets(.05, .5))
		p := newPipeline(t, "payments", holdfast.Observe(m), plain(4))
		const took = 20 * time.Millisecond
		do := func(ctx context.Context, op resilience.Func) { _ = p.Do(ctx, taking(took, op)) }

		do(t.Context(), succeed)
		do(t.Context(), failing(2))
		do(t.Context(), fail)
		for _, reason := range []string{"unclassified", "outcome_unknown", "permanent"} {
			require.Contains(t, shown(t, r, "calls_total"), `calls_total{outcome="failure",reason="`+reason+`"} 0`, "rate() sees no increase from nothing")
		}
		require.Contains(t, shown(t, r, "attempts_total"), `attempts_total{attempt="1",verdict="unclassified"} 0`)
		do(t.Context(), func(context.Context) error { return errors.New("who knows") })
		do(t.Context(), func(context.Context) error { return resilience.MarkPermanent(errors.New("declined")) })
		do(resilience.MarkOnce(t.Context()), fail)
		ctx, cancel := context.WithCancel(t.Context())
		do(ctx, func(ctx context.Context) error { cancel(); return ctx.Err() })
		do(ctx, succeed) // has been given up before it began
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		do(ctx, fail)
		do(t.Context(), func(context.Context) error { return resilience.MarkOverload(errors.New("slow down"), time.Hour) })
		require.Panics(t, func() { do(t.Context(), func(context.Context) error { panic("boom") }) })

		require.Equal(t, []string{
			`calls_total{outcome="canceled",reason="canceled"} 2`,
			`calls_total{outcome="failure",reason="aborted"} 1`,
			`calls_total{outcome="failure",reason="outcome_unknown"} 1`,
			`calls_total{outcome="failure",reason="permanent"} 1`,
			`calls_total{outcome="failure",reason="retries_exhausted"} 1`,
			`calls_total{outcome="failure",reason="too_late"} 1`,
			`calls_total{outcome="failure",reason="unclassified"} 1`,
			`calls_total{outcome="rejected",reason="retry_after_too_long"} 1`,
			`calls_total{outcome="success",reason="none"} 2`,
		}, counted(t, r, "calls_total"))
		require.Equal(t, []string{
			`attempts_total{attempt="1",verdict="canceled"} 1`,
			`attempts_total{attempt="1",verdict="overload"} 1`,
			`attempts_total{attempt="1",verdict="permanent"} 1`,
			`attempts_total{attempt="1",verdict="success"} 1`,
			`attempts_total{attempt="1",verdict="transient"} 4`,
			`attempts_total{attempt="1",verdict="unclassified"} 1`,
			`attempts_total{attempt="2",verdict="transient"} 2`,
			`attempts_total{attempt="3",verdict="success"} 1`,
			`attempts_total{attempt="3",verdict="transient"} 1`,
			`attempts_total{attempt="4+",verdict="transient"} 2`,
		}, counted(t, r, "attempts_total"))
		require.Equal(t, []string{
			`denials_total{reason="outcome_unknown",stage="retry"} 1`,
			`denials_total{reason="retries_exhausted",stage="retry"} 1`,
			`denials_total{reason="retry_after_too_long",stage="retry"} 1`,
			`denials_total{reason="too_late",stage="pipeline"} 0`,
			`denials_total{reason="too_late",stage="retry"} 1`,
			`retries_total 6`,
		}, shown(t, r, "retries_total", "denials_total"))
		require.Equal(t, []string{
			`backoff_seconds_sum 1.8`, // 100 + 200, and 100 + 200 + 400 + 800 ms
			`backoff_seconds_count 6`,
		}, shown(t, r, "backoff_seconds_sum", "backoff_seconds_count"))
		require.Equal(t, []string{
			`attempt_duration_seconds_bucket{le="0.05"} 15`,
			`attempt_duration_seconds_bucket{le="0.5"} 15`,
			`attempt_duration_seconds_bucket{le="+Inf"} 15`,
			`attempt_duration_seconds_count 15`, // the attempt that panicked is not among them,
		}, shown(t, r, "attempt_duration_seconds_bucket", "attempt_duration_seconds_count"))
		require.Equal(t, []string{
			`call_duration_seconds_bucket{outcome="canceled",le="0.05"} 2`,
			`call_duration_seconds_bucket{outcome="canceled",le="0.5"} 2`,
			`call_duration_seconds_bucket{outcome="canceled",le="+Inf"} 2`,
			`call_duration_seconds_sum{outcome="canceled"} 0.02`,
			`call_duration_seconds_count{outcome="canceled"} 2`,
			`call_duration_seconds_bucket{outcome="failure",le="0.05"} 5`,
			`call_duration_seconds_bucket{outcome="failure",le="0.5"} 5`,
			`call_duration_seconds_bucket{outcome="failure",le="+Inf"} 6`,
			`call_duration_seconds_sum{outcome="failure"} 1.7000000000000002`,
			`call_duration_seconds_count{outcome="failure"} 6`,
			`call_duration_seconds_bucket{outcome="rejected",le="0.05"} 1`,
			`call_duration_seconds_bucket{outcome="rejected",le="0.5"} 1`,
			`call_duration_seconds_bucket{outcome="rejected",le="+Inf"} 1`,
			`call_duration_seconds_sum{outcome="rejected"} 0.02`,
			`call_duration_seconds_count{outcome="rejected"} 1`,
			`call_duration_seconds_bucket{outcome="success",le="0.05"} 1`,
			`call_duration_seconds_bucket{outcome="success",le="0.5"} 2`,
			`call_duration_seconds_bucket{outcome="success",le="+Inf"} 2`,
			`call_duration_seconds_sum{outcome="success"} 0.38`,
			`call_duration_seconds_count{outcome="success"} 2`,
		}, shown(t, r, "call_duration_seconds_bucket", "call_duration_seconds_sum", "call_duration_seconds_count"))
	})
}

var budgetMetrics = []string{
	"budget_tokens", "budget_burst_tokens", "budget_ratio", "budget_shadow", "budget_deposits_total",
	"budget_withdrawals_total", "budget_slow_retries_total", "budget_slow_tokens_total", "budget_refunds_total",
	"budget_success_refunds_total", "budget_refunded_tokens_total", "budget_refused_total", "budget_shadow_refused_total",
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t)
		p := newPipeline(t, "payments", holdfast.Observe(m), budget.Config{Ratio: 0.25, Burst: 2, Floor: 1, Initial: 1}, plain(1))
		_ = p.Do(t.Context(), fail) // paid for by the bank,
		_ = p.Do(t.Context(), fail) // by the floor,
		_ = p.Do(t.Context(), fail) // by nobody
		require.NoError(t, p.Do(t.Context(), succeed))
		require.Equal(t, []string{
			`budget_burst_tokens 2`,
			`budget_deposits_total 1`,
			`budget_ratio 0.25`,
			`budget_refunded_tokens_total 0`,
			`budget_refunds_total 0`,
			`budget_refused_total 1`,
			`budget_shadow 0`,
			`budget_shadow_refused_total 0`,
			`budget_slow_retries_total 0`,
			`budget_slow_tokens_total 0`,
			`budget_success_refunds_total 0`,
			`budget_tokens 0.25`,
			`budget_withdrawals_total{source="bank"} 1`,
			`budget_withdrawals_total{source="floor"} 1`,
		}, shown(t, r, budgetMetrics...))
		require.Equal(t, []string{
			`denials_total{reason="budget_exhausted",stage="retry"} 1`, `denials_total{reason="retries_exhausted",stage="retry"} 2`,
		}, counted(t, r, "denials_total"))

		require.NoError(t, p.Update(holdfast.Observe(m), budget.Config{Ratio: -1, Burst: 2, Floor: -1, Shadow: true}, plain(1)))
		_ = p.Do(t.Context(), fail)
		require.Equal(t, []string{
			`budget_burst_tokens 2`,
			`budget_deposits_total 1`,
			`budget_refused_total 1`,
			`budget_shadow 1`,
			`budget_shadow_refused_total 1`,
			`budget_tokens 0.25`,
			`budget_withdrawals_total{source="bank"} 1`,
			`budget_withdrawals_total{source="floor"} 1`,
		}, counted(t, r, budgetMetrics...))
	})
}

func TestSlowRetriesAndWhatTheyGetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t)
		p := newPipeline(t, "payments", holdfast.Observe(m), budget.Config{SlowCost: 2.5, Floor: -1, RefundOnSuccess: true}, plain(1))
		failures := 3
		for range 2 { // a slow retry that fails, and one that succeeds
			_ = p.Do(t.Context(), func(context.Context) error {
				if failures--; failures < 0 {
					return nil
				}
				return resilience.MarkOverload(errors.New("too much to do"), 0)
			})
		}
		require.Equal(t, []string{
			`budget_burst_tokens 10`, `budget_ratio 0.1`, `budget_refunded_tokens_total 2.5`, `budget_slow_retries_total 2`, `budget_slow_tokens_total 5`,
			`budget_success_refunds_total 1`, `budget_tokens 7.5`, `budget_withdrawals_total{source="bank"} 2`,
		}, counted(t, r, budgetMetrics...))
	})
}

func TestARetryThatWasPaidForAndNeverMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t)
		p := newPipeline(t, "payments", holdfast.Observe(m), budget.Config{Burst: 1}, plain(1))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel) // in the pause
		_ = p.Do(ctx, fail)
		require.Equal(t, []string{`budget_refunds_total 1`, `retries_total 1`}, shown(t, r, "budget_refunds_total", "retries_total"))
		require.Empty(t, counted(t, r, "denials_total"), "that the caller left is no denial")
	})
}

// A breaker's counts are shown by outcome. Unclassified failures and slow calls are shown too.
func TestBreakerOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t)
		p := newPipeline(t, "payments", holdfast.Observe(m), holdfast.SilenceUnclassified(), breaker.Config{SlowCallDuration: time.Second})
		for _, err := range []error{
			nil, nil, resilience.MarkTransient(errors.New("down")), errors.New("who knows"), resilience.MarkRejected(errors.New("not asked")),
		} {
			_ = p.Do(t.Context(), func(context.Context) error {
				if err == nil {
					<-time.After(time.Second + 1)
				}
				return err
			})
		}
		require.Equal(t, []string{
			`breaker_outcomes{breaker="payments",outcome="excluded"} 1`,
			`breaker_outcomes{breaker="payments",outcome="failure"} 2`,
			`breaker_outcomes{breaker="payments",outcome="slow"} 2`,
			`breaker_outcomes{breaker="payments",outcome="success"} 2`,
			`breaker_outcomes{breaker="payments",outcome="unclassified"} 1`,
		}, shown(t, r, "breaker_outcomes"))
		<-time.After(time.Minute)
		require.Empty(t, counted(t, r, "breaker_outcomes"), "it is forgotten")
	})
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t)
		trip := breaker.Config{ConsecutiveFailures: 2, OpenFor: time.Second, HalfOpenProbes: 1}
		p := newPipeline(t, "payments", holdfast.Observe(m), plain(5), trip)
		state := func() []string { return counted(t, r, "breaker_state") }
		require.Equal(t, []string{`breaker_state{breaker="payments",state="closed"} 1`}, state())
		require.Len(t, shown(t, r, "breaker_state"), 4)
		require.Equal(t, []string{
			`breaker_transitions_total{from="closed",to="open"} 0`,
			`breaker_transitions_total{from="half-open",to="closed"} 0`,
			`breaker_transitions_total{from="half-open",to="open"} 0`,
			`breaker_transitions_total{from="open",to="half-open"} 0`,
			`denials_total{reason="breaker_open",stage="breaker"} 0`,
			`denials_total{reason="breaker_open",stage="retry"} 0`,
			`denials_total{reason="outcome_unknown",stage="retry"} 0`,
			`denials_total{reason="retries_exhausted",stage="retry"} 0`,
			`denials_total{reason="retry_after_too_long",stage="retry"} 0`,
			`denials_total{reason="too_late",stage="pipeline"} 0`,
			`denials_total{reason="too_late",stage="retry"} 0`,
		}, shown(t, r, "breaker_transitions_total", "denials_total"), "rate() sees no increase from nothing")

		_ = p.Do(t.Context(), fail)
		require.Equal(t, []string{`breaker_state{breaker="payments",state="open"} 1`}, state())
		require.Equal(t, []string{`denials_total{reason="breaker_open",stage="retry"} 1`}, counted(t, r, "denials_total"))
		for range 2 {
			require.ErrorIs(t, p.Do(t.Context(), succeed), breaker.ErrOpen)
		}
		require.Empty(t, counted(t, r, "breaker_outcomes"), "open, it counts none")
		<-time.After(5 * time.Second / 4)
		require.Equal(t, []string{`breaker_state{breaker="payments",state="half-open"} 1`}, state())
		_ = p.Do(t.Context(), fail)
		<-time.After(5 * time.Second / 2)
		require.NoError(t, p.Do(t.Context(), succeed))
		require.Equal(t, []string{`breaker_state{breaker="payments",state="closed"} 1`}, state())
		_, err := p.Tune(t.Context(), holdfast.Tuning{Isolate: []string{"payments"}})
		require.NoError(t, err)
		require.ErrorIs(t, p.Do(t.Context(), succeed), breaker.ErrOpen)
		require.Equal(t, []string{`breaker_state{breaker="payments",state="isolated"} 1`}, state())
		require.Equal(t, []string{
			`breaker_transitions_total{from="closed",to="isolated"} 1`,
			`breaker_transitions_total{from="closed",to="open"} 1`,
			`breaker_transitions_total{from="half-open",to="closed"} 1`,
			`breaker_transitions_total{from="half-open",to="open"} 1`,
			`breaker_transitions_total{from="open",to="half-open"} 2`,
			`denials_total{reason="breaker_open",stage="breaker"} 3`,
			`denials_total{reason="breaker_open",stage="retry"} 2`,
		}, counted(t, r, "breaker_transitions_total", "denials_total"))
		require.Contains(t, shown(t, r, "calls_total"), `calls_total{outcome="rejected",reason="breaker_open"} 5`)
	})
}

// door is a Guard that refuses everything.
type door struct{}

func (*door) Build() (resilience.Policy, error)           { return &door{}, nil }
func (d *door) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(d, next) }
func (*door) Acquire(context.Context) error               { return errors.New("shut") }
func (*door) Release(context.Context, error)              {}

func TestGuardsAndBulkheads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t)
		inUse := []string{"calls_in_flight", "bulkhead_in_use", "bulkhead_waiting", "bulkhead_capacity", "bulkhead_queue_limit"}
		p := newPipeline(t, "payments", holdfast.Observe(m),
			bulkhead.Config{MaxConcurrent: 3}, plain(1), bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Minute, QueueLimit: 2})
		require.Contains(t, shown(t, r, "denials_total"), `denials_total{reason="bulkhead_full",stage="bulkhead"} 0`)
		finish := make(chan struct{})
		for range 3 {
			go func() { _ = p.Do(t.Context(), func(context.Context) error { <-finish; return nil }) }()
		}
		synctest.Wait()
		require.ErrorIs(t, p.Do(t.Context(), succeed), bulkhead.ErrFull)
		require.Equal(t, []string{
			`bulkhead_capacity{bulkhead="1"} 3`,
			`bulkhead_capacity{bulkhead="2"} 1`,
			`bulkhead_in_use{bulkhead="1"} 3`,
			`bulkhead_in_use{bulkhead="2"} 1`,
			`bulkhead_queue_limit{bulkhead="2"} 2`,
			`bulkhead_waiting{bulkhead="1"} 0`,
			`bulkhead_waiting{bulkhead="2"} 2`,
			`calls_in_flight 3`,
		}, shown(t, r, inUse...))
		close(finish)
		synctest.Wait()
		require.Equal(t, []string{`bulkhead_capacity{bulkhead="1"} 3`, `bulkhead_capacity{bulkhead="2"} 1`, `bulkhead_queue_limit{bulkhead="2"} 2`}, counted(t, r, inUse...))

		require.NoError(t, p.Update(holdfast.Observe(m), &door{}, plain(1)))
		require.Error(t, p.Do(t.Context(), succeed))
		require.Equal(t, []string{
			`denials_total{reason="bulkhead_full",stage="bulkhead"} 1`,
			`denials_total{reason="rejected",stage="holdfastprom_test.door"} 1`,
		}, counted(t, r, "denials_total"))
		require.Equal(t, []string{`calls_in_flight 0`}, shown(t, r, inUse...), "the update left the bulkheads out")
	})
}

func TestUpdateAndTune(t *testing.T) {
	m, r := newMetrics(t)
	p := newPipeline(t, "payments", holdfast.Observe(m), budget.Config{}, plain(1))
	require.NoError(t, p.Update(holdfast.Observe(m), budget.Config{}, plain(2)))
	require.Error(t, p.Update())
	_, err := p.Tune(t.Context(), holdfast.Tuning{Budget: func(c *budget.Config) { c.Ratio, c.Burst = 0.5, 20 }})
	require.NoError(t, err)
	require.Equal(t, []string{`updates_total{kind="stages"} 1`, `updates_total{kind="tuning"} 2`}, shown(t, r, "updates_total"))
	require.Equal(t, []string{`budget_burst_tokens 20`, `budget_ratio 0.5`}, shown(t, r, "budget_burst_tokens", "budget_ratio"))
}
