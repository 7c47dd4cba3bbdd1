package holdfastprom_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
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
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/policytest"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// formats are the formats that Prometheus asks for.
const (
	openMetrics = "application/openmetrics-text; version=1.0.0"
	protobuf    = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)

// patient returns a loop with patience.
func patient(c retry.Config) retry.Config {
	c.Patient = true
	return c
}

// busy produces metrics of every kind. It is for a bubble: where a fleet's ticks take time, some of
// them may be gone when they are read.
func busy(t *testing.T, opts ...holdfastprom.Option) *prometheus.Registry {
	t.Helper()
	m, r := newMetrics(t, opts...)
	followed(t, m)
	m.FollowConfig(broken{})
	p := newPipeline(t, "payments", holdfast.Observe(m), ratelimit.Config{Rate: 100, MaxWait: time.Second},
		bulkhead.Config{MaxConcurrent: 64, MaxWait: time.Second, QueueLimit: 1, Adaptive: &bulkhead.Adaptive{SlowFailures: 1}}, budget.Config{}, patient(plain(2)), breaker.Config{ConsecutiveFailures: 3, OpenFor: time.Hour, MaxOpenFor: time.Hour})
	require.Error(t, p.Do(t.Context(), func(context.Context) error { // cuts the limit
		return resilience.MarkNoRetry(errors.New("too much to do"), resilience.Overload)
	}))
	require.NoError(t, p.Do(t.Context(), failing(1)))
	require.Error(t, p.Do(t.Context(), fail))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // which ends before the breaker probes
	defer cancel()
	require.ErrorIs(t, p.Do(ctx, succeed), breaker.ErrOpen)
	_, err := p.Tune(t.Context(), holdfast.Tuning{Reset: []string{"payments"}})
	require.NoError(t, err)
	return r
}

func TestLint(t *testing.T) {
	for name, opts := range map[string][]holdfastprom.Option{
		"classic": nil,
		"native":  {holdfastprom.WithBuckets(), holdfastprom.WithNativeHistograms(1.1)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := busy(t, opts...)
				families, err := r.Gather()
				require.NoError(t, err)
				require.Equal(t, len(metrics.All())-2-3, len(families), "all metrics are there, but the two of a loop that learns and the three of a Keyed") //nolint:testifylint // Len would print them all
				problems, err := testutil.GatherAndLint(r)
				require.NoError(t, err)
				require.Empty(t, problems)
			})
		})
	}
}

// Pins: a counter's samples end in _total under a family without it, every sample is of the
// family declared last, and the text ends as it should.
func TestOpenMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		contentType, body := get(t, busy(t), openMetrics)
		require.Contains(t, contentType, "application/openmetrics-text")
		require.True(t, strings.HasSuffix(body, "# EOF\n"))
		suffixes := map[string][]string{"counter": {"_total", "_created"}, "gauge": {""}, "histogram": {"_bucket", "_sum", "_count", "_created"}}
		families := map[string]bool{}
		var family, kind string
		for line := range strings.Lines(body) {
			words := strings.Fields(line)
			switch {
			case words[0] == "#" && words[1] == "TYPE":
				family, kind = words[2], words[3]
				require.False(t, families[family], "%s is declared twice", family)
				families[family] = true
			case words[0] != "#":
				name, _, _ := strings.Cut(words[0], "{")
				suffix, ok := strings.CutPrefix(name, family)
				require.True(t, ok, "%s under %s", name, family)
				require.Contains(t, suffixes[kind], suffix)
			}
		}
		require.True(t, families["holdfast_calls"])
		require.True(t, families["holdfast_breaker_state"])
	})
}

type traceID struct{}

func traceOf(ctx context.Context) map[string]string {
	if id, ok := ctx.Value(traceID{}).(string); ok {
		return map[string]string{"trace_id": id}
	}
	return nil
}

func TestExemplars(t *testing.T) {
	m, r := newMetrics(t, holdfastprom.WithExemplars(traceOf), holdfastprom.WithBuckets(60))
	p := newPipeline(t, "payments", holdfast.Observe(m), plain(0))
	require.NoError(t, p.Do(t.Context(), succeed))
	_, body := get(t, r, openMetrics)
	require.NotContains(t, body, "trace_id", "who has no trace has no exemplar")

	require.NoError(t, p.Do(context.WithValue(t.Context(), traceID{}, "c0ffee"), succeed))
	_, body = get(t, r, openMetrics)
	for _, sample := range []string{
		`holdfast_calls_total{outcome="success",pipeline="payments",reason="none"} 2.0`,
		`holdfast_call_duration_seconds_bucket{outcome="success",pipeline="payments",le="60.0"} 2`,
		`holdfast_attempts_total{attempt="1",pipeline="payments",verdict="success"} 2.0`,
		`holdfast_attempt_duration_seconds_bucket{pipeline="payments",le="60.0"} 2`,
	} {
		require.Contains(t, body, sample+` # {trace_id="c0ffee"} `)
	}
	require.Len(t, strings.Split(body, "trace_id"), 4+1)
}

// Pins: labels at which the client library panics, or which a scraper would refuse, end no call.
func TestExemplarsThatOpenMetricsForbids(t *testing.T) {
	for name, c := range map[string]struct {
		labels  map[string]string
		allowed bool
	}{
		"none":           {map[string]string{}, false},
		"as long as may": {map[string]string{"trace_id": strings.Repeat("ä", 120)}, true},
		"too long":       {map[string]string{"trace_id": strings.Repeat("ä", 121)}, false},
		"no UTF-8":       {map[string]string{"trace_id": "\xff"}, false},
		"no name":        {map[string]string{"": "x"}, false},
		"a digit first":  {map[string]string{"1x": "x"}, false},
		"a digit later":  {map[string]string{"x1": "x"}, true},
		"a dot":          {map[string]string{"trace.id": "x"}, false},
		"reserved":       {map[string]string{"__name": "x"}, false},
		"one underscore": {map[string]string{"_name": "x"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			m, r := newMetrics(t, holdfastprom.WithExemplars(func(context.Context) map[string]string { return c.labels }))
			p := newPipeline(t, "payments", holdfast.Observe(m), plain(0))
			require.NoError(t, p.Do(t.Context(), succeed))
			_, body := get(t, r, openMetrics)
			require.Equal(t, c.allowed, strings.Contains(body, " # {"))
			require.Contains(t, shown(t, r, "calls_total"), `calls_total{outcome="success",reason="none"} 1`)
		})
	}
	newMetrics(t, holdfastprom.WithExemplars(nil))
}

// fields returns the fields of a protobuf message, by number.
func fields(t *testing.T, message []byte) map[uint64][][]byte {
	t.Helper()
	all := map[uint64][][]byte{}
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		require.Positive(t, n)
		message = message[n:]
		value, n := binary.Uvarint(message)
		size := n
		switch tag & 7 {
		case 0: // a number
			require.Positive(t, n)
		case 1: // 64 bits
			n, size = 0, 8
		case 2: // bytes
			require.Positive(t, n)
			size = n + int(value)
		default:
			require.Fail(t, "unknown wire type", "%d", tag&7)
		}
		require.LessOrEqual(t, size, len(message))
		all[tag>>3] = append(all[tag>>3], message[n*int(tag&7>>1):size])
		message = message[size:]
	}
	return all
}

func TestNativeHistograms(t *testing.T) {
	const (
		familyName, familyMetric           = 1, 4
		metricHistogram                    = 7
		classicBucket, schema, positiveRun = 3, 5, 12
	)
	for name, c := range map[string]struct {
		opts            []holdfastprom.Option
		classic, native bool
	}{
		"classic": {nil, true, false},
		"both":    {[]holdfastprom.Option{holdfastprom.WithNativeHistograms(1.1)}, true, true},
		"native":  {[]holdfastprom.Option{holdfastprom.WithBuckets(), holdfastprom.WithNativeHistograms(1.1)}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				contentType, body := get(t, busy(t, c.opts...), protobuf)
				require.Contains(t, contentType, "application/vnd.google.protobuf")
				histograms := 0
				for message := []byte(body); len(message) > 0; {
					size, n := binary.Uvarint(message)
					family := fields(t, message[n:n+int(size)])
					message = message[n+int(size):]
					for _, metric := range family[familyMetric] {
						for _, h := range fields(t, metric)[metricHistogram] {
							histogram := fields(t, h)
							require.Equal(t, c.classic, len(histogram[classicBucket]) > 0, "classic buckets of %s", family[familyName][0])
							require.Equal(t, c.native, len(histogram[schema]) > 0, "a schema of %s", family[familyName][0])
							if string(family[familyName][0]) == "holdfast_backoff_seconds" {
								require.Equal(t, c.native, len(histogram[positiveRun]) > 0, "native buckets")
							}
							histograms++
						}
					}
				}
				require.Equal(t, 1+1+3, histograms, "of pauses, of attempts, and of calls by outcome")
			})
		})
	}
}

func TestRegistries(t *testing.T) {
	m, r := newMetrics(t)
	var already prometheus.AlreadyRegisteredError
	require.ErrorAs(t, r.Register(m), &already)
	other, otherRegistry := newMetrics(t)
	require.ErrorAs(t, r.Register(other), &already, "they have the same names: wrap one of them with a label")
	require.NoError(t, prometheus.WrapRegistererWith(prometheus.Labels{"region": "eu"}, prometheus.NewRegistry()).Register(other))

	second := prometheus.NewRegistry()
	require.NoError(t, second.Register(m))
	p := newPipeline(t, "payments", holdfast.Observe(m, other), plain(1))
	require.NoError(t, p.Do(t.Context(), succeed))
	for _, r := range []*prometheus.Registry{r, second, otherRegistry} {
		require.Equal(t, []string{`calls_total{outcome="success",reason="none"} 1`}, counted(t, r, "calls_total"))
	}
	require.True(t, r.Unregister(m))
	require.Empty(t, shown(t, r, "calls_total"))
}

func TestOneMetricsForManyPipelines(t *testing.T) {
	m, r := newMetrics(t)
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, newPipeline(t, name, holdfast.Observe(m), plain(1)).Do(t.Context(), succeed))
	}
	require.Equal(t, []string{
		`calls_total{outcome="success",pipeline="a",reason="none"} 1`,
		`calls_total{outcome="success",pipeline="b",reason="none"} 1`,
		`calls_total{outcome="success",pipeline="c",reason="none"} 1`,
	}, counted(t, r, "calls_total"))
}

func TestTwoPipelinesOfOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t)
		first := newPipeline(t, "payments", holdfast.Observe(m), bulkhead.Config{MaxConcurrent: 2}, budget.Config{Burst: 3}, plain(1))
		second := newPipeline(t, "payments", holdfast.Observe(m), bulkhead.Config{MaxConcurrent: 5}, budget.Config{Burst: 7}, plain(1))
		finish := make(chan struct{})
		for _, p := range []*holdfast.Pipeline{first, first, second} {
			go func() { _ = p.Do(t.Context(), func(context.Context) error { <-finish; return nil }) }()
		}
		synctest.Wait()
		stands := []string{"calls_in_flight", "bulkhead_in_use", "bulkhead_capacity", "budget_burst_tokens"}
		require.Equal(t, []string{
			`budget_burst_tokens 7`, `bulkhead_capacity{bulkhead="1"} 7`, `bulkhead_in_use{bulkhead="1"} 3`, `calls_in_flight 3`,
		}, shown(t, r, stands...))
		close(finish)
		synctest.Wait()
		require.Contains(t, shown(t, r, "calls_total"), `calls_total{outcome="success",reason="none"} 3`)
		require.NoError(t, first.Update(holdfast.Observe(m), budget.Config{Burst: 3}, plain(1)))
		require.Equal(t, []string{
			`budget_burst_tokens 3`, `bulkhead_capacity{bulkhead="1"} 5`, `bulkhead_in_use{bulkhead="1"} 0`, `calls_in_flight 0`,
		}, shown(t, r, stands...), "the updated one came last")
	})
}

func TestSharedStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMetrics(t)
		bank, err := budget.New(budget.Config{Burst: 3, Floor: -1})
		require.NoError(t, err)
		trip, err := breaker.New(breaker.Config{Name: "db", ConsecutiveFailures: 2})
		require.NoError(t, err)
		reads := newPipeline(t, "reads", holdfast.Observe(m), bank, plain(5), trip)
		writes := newPipeline(t, "writes", holdfast.Observe(m), bank, plain(5), trip)
		_ = reads.Do(t.Context(), fail)
		_ = writes.Do(t.Context(), succeed)
		require.Equal(t, []string{
			`breaker_state{breaker="db",pipeline="reads",state="open"} 1`,
			`breaker_state{breaker="db",pipeline="writes",state="open"} 1`,
			`breaker_transitions_total{from="closed",pipeline="reads",to="open"} 1`,
			`budget_tokens{pipeline="reads"} 2`,
			`budget_tokens{pipeline="writes"} 2`,
			`denials_total{pipeline="reads",reason="breaker_open",stage="retry"} 1`,
			`denials_total{pipeline="writes",reason="breaker_open",stage="breaker"} 1`,
		}, counted(t, r, "breaker_state", "breaker_transitions_total", "budget_tokens", "denials_total"))
	})
}

func TestBreakersOfOneName(t *testing.T) {
	m, r := newMetrics(t)
	newPipeline(t, "payments", holdfast.Observe(m), breaker.Config{}, breaker.Config{}, breaker.Config{Name: "payments#2"}, breaker.Config{Name: "a\xff"})
	require.Equal(t, []string{
		`breaker_state{breaker="a�",state="closed"} 1`,
		`breaker_state{breaker="payments",state="closed"} 1`,
		`breaker_state{breaker="payments#2",state="closed"} 1`,
		`breaker_state{breaker="payments#2#2",state="closed"} 1`,
	}, counted(t, r, "breaker_state"))
}

// Pins: values that a label cannot hold are still shown, and names that look the same are one.
func TestInvalidNames(t *testing.T) {
	m, r := newMetrics(t)
	first := newPipeline(t, "a\xff", holdfast.Observe(m), plain(1))
	second := newPipeline(t, "a\xfe", holdfast.Observe(m), plain(1))
	require.NoError(t, first.Do(t.Context(), succeed))
	require.NoError(t, second.Do(t.Context(), succeed))
	m.Observe(t.Context(), resilience.Event{Kind: resilience.EventReject, Stage: "\xff"}) // of no pipeline
	require.Equal(t, []string{
		`calls_in_flight{pipeline="a�"} 0`,
		`calls_total{outcome="success",pipeline="a�",reason="none"} 2`,
		`denials_total{pipeline="",reason="none",stage="�"} 1`,
	}, append(shown(t, r, "calls_in_flight"), counted(t, r, "calls_total", "denials_total")...))
	m.Forget("a\xfd")
	require.Empty(t, counted(t, r, "calls_total"))
}

// Pins: Metrics does not keep a pipeline alive; its counts stay.
func TestADroppedPipeline(t *testing.T) {
	m, r := newMetrics(t)
	stands := []string{"calls_in_flight", "budget_tokens", "breaker_state"}
	func() {
		p, err := holdfast.New("payments", holdfast.Observe(m), budget.Config{}, plain(1), breaker.Config{})
		require.NoError(t, err)
		require.NoError(t, p.Do(t.Context(), succeed))
		require.Len(t, shown(t, r, stands...), 1+1+4)
		runtime.KeepAlive(p)
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		return len(shown(t, r, stands...)) == 0
	}, 10*time.Second, time.Millisecond)
	require.Contains(t, shown(t, r, "calls_total"), `calls_total{outcome="success",reason="none"} 1`)
}

func TestForget(t *testing.T) {
	m, r := newMetrics(t, holdfastprom.WithExemplars(func(context.Context) map[string]string { return map[string]string{"id": "1"} }))
	stages := []resilience.Stage{holdfast.Observe(m), breaker.Config{ConsecutiveFailures: 1}}
	p, other := newPipeline(t, "payments", stages...), newPipeline(t, "other", stages...)
	require.NoError(t, p.Do(t.Context(), succeed))
	require.NoError(t, other.Do(t.Context(), succeed))
	m.Forget("payments")
	m.Forget("nobody")
	_ = p.Do(t.Context(), fail) // what was never looked up before must not come back either
	_ = p.Do(t.Context(), fail)
	_, body := get(t, r, "text/plain")
	require.NotContains(t, body, "payments")
	require.Contains(t, body, `holdfast_calls_total{outcome="success",pipeline="other",reason="none"} 1`)

	again := newPipeline(t, "payments", holdfast.Observe(m), plain(1))
	require.NoError(t, again.Do(t.Context(), succeed))
	require.Equal(t, []string{`calls_total{outcome="success",reason="none"} 1`, `calls_in_flight 0`},
		append(counted(t, r, "calls_total")[1:], shown(t, r, "calls_in_flight")[1:]...))
}

// Pins: scrapes, calls, updates, Forget and new pipelines at the same time, under the race
// detector.
func TestScrapesUnderLoad(t *testing.T) {
	const calls = 300
	m, r := newMetrics(t, holdfastprom.WithNativeHistograms(1.1), holdfastprom.WithExemplars(traceOf))
	stages := []resilience.Stage{
		holdfast.Observe(m), bulkhead.Config{MaxConcurrent: 2}, budget.Config{Burst: 1000}, plain(0), breaker.Config{ConsecutiveFailures: 2, OpenFor: time.Microsecond},
	}
	p := newPipeline(t, "payments", stages...)
	ctx := context.WithValue(t.Context(), traceID{}, "c0ffee")
	var working sync.WaitGroup
	for i := range 3 {
		working.Go(func() {
			for range calls {
				_ = p.Do(ctx, failing(i))
			}
		})
	}
	working.Go(func() {
		for i := range calls / 10 {
			_ = p.Update(stages...)
			name := fmt.Sprint("brief", i%2)
			brief, err := holdfast.New(name, stages...)
			if err == nil {
				_ = brief.Do(ctx, fail)
			}
			m.Forget(name)
		}
	})
	for range 20 {
		if _, err := r.Gather(); err != nil {
			require.NoError(t, err)
		}
	}
	working.Wait()
	total := 0
	for _, sample := range shown(t, r, "call_duration_seconds_count") {
		var n int
		_, err := fmt.Sscanf(sample[strings.LastIndex(sample, " "):], "%d", &n)
		require.NoError(t, err)
		total += n
	}
	require.Equal(t, 3*calls, total, "no call is lost")
	require.Equal(t, []string{`calls_in_flight 0`}, shown(t, r, "calls_in_flight"))
}

// hush is a Guard whose String panics.
type hush struct{ door }

func (*hush) Build() (resilience.Policy, error) { return &hush{}, nil }
func (*hush) String() string                    { panic("no words") }

// Pins: a panic during a scrape does not end the process (a scrape runs in the registry's
// goroutine), and leaves no lock held.
func TestAStageThatPanicsAtAScrape(t *testing.T) {
	m, r := newMetrics(t)
	p := newPipeline(t, "payments", holdfast.Observe(m), &hush{})
	for range 2 {
		_, err := r.Gather()
		require.ErrorContains(t, err, `holdfastprom: pipeline "payments": a stage panicked: no words`)
		require.Error(t, p.Do(t.Context(), succeed))
	}
	m.Forget("payments")
	require.Empty(t, shown(t, r, "denials_total"))
}

// Pins: a panic of the user's func reaches the caller, and leaves no lock held.
func TestExemplarsThatPanic(t *testing.T) {
	m, r := newMetrics(t, holdfastprom.WithExemplars(func(context.Context) map[string]string { panic("no trace") }))
	p := newPipeline(t, "payments", holdfast.Observe(m), plain(1))
	for range 2 {
		require.PanicsWithValue(t, "no trace", func() { _ = p.Do(t.Context(), succeed) })
	}
	require.Equal(t, []string{`calls_in_flight 0`}, shown(t, r, "calls_in_flight"))
	m.Forget("payments")
	require.Empty(t, shown(t, r, "attempts_total"))
}

func TestTheContractOfObservers(t *testing.T) {
	t.Run("Metrics", func(t *testing.T) {
		policytest.TestObserver(t, func() resilience.Observer {
			m, err := holdfastprom.New(holdfastprom.WithExemplars(traceOf), holdfastprom.WithNativeHistograms(1.1))
			require.NoError(t, err)
			return m
		})
	})
	t.Run("bound", func(t *testing.T) {
		policytest.TestObserver(t, func() resilience.Observer {
			m, err := holdfastprom.New()
			require.NoError(t, err)
			return m.ForPipeline(newPipeline(t, "payments", plain(1)))
		})
	})
}
