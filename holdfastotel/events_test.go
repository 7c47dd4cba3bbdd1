package holdfastotel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastotel"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

const ms = time.Millisecond

// plain is a retry loop with pauses of 100, 200, 400 … ms.
func plain(retries int) retry.Config { return retry.Custom(retries, 100*ms, 5*time.Second, false) }

// patient returns a loop with patience.
func patient(c retry.Config) retry.Config {
	c.Patient = true
	return c
}

// takes returns an op that takes d in its bubble, and ends with err.
func takes(d time.Duration, err error) resilience.Func {
	return func(context.Context) error {
		<-time.After(d)
		return err
	}
}

// failing returns an op that fails n times, and then succeeds.
func failing(n int) resilience.Func {
	return func(context.Context) error {
		if n--; n >= 0 {
			return errDown
		}
		return nil
	}
}

// calls makes one call with each of the ops.
func calls(ops ...resilience.Func) func(ctx context.Context, p *holdfast.Pipeline) {
	return func(ctx context.Context, p *holdfast.Pipeline) {
		for _, op := range ops {
			_ = p.Do(ctx, op)
		}
	}
}

type points = map[string]float64

// The attributes of a span event for fail's error, before and after the others.
const (
	downType = "error.type=*errors.errorString,"
	downText = ",error.message=connection refused,verdict=transient}"
)

// retried is the event of a retry after the failed attempt n.
func retried(n int, delay float64) string {
	return fmt.Sprintf("retry{%sattempt.number=%d,delay=%v%s", downType, n, delay, downText)
}

// odd is an unclassified error.
type odd struct{}

func (odd) Error() string { return "odd" }

// hollow is an error whose Error panics on a nil pointer.
type hollow struct{ text string }

func (h *hollow) Error() string { return h.text }

// For every kind of event: what is counted, and what is added to the caller's span.
func TestEvents(t *testing.T) {
	notFound := resilience.MarkPermanent(fmt.Errorf("payments: %w", errors.New("no such order")))
	for name, c := range map[string]struct {
		stages []resilience.Stage
		do     func(ctx context.Context, p *holdfast.Pipeline)
		points points
		events []string
	}{
		"a success says nothing": {
			stages: []resilience.Stage{plain(2)},
			do:     calls(takes(20*ms, nil), takes(30*ms, nil)),
			points: points{
				"calls{outcome=success,reason=none}":            2,
				"call.duration{outcome=success}":                2,
				"call.duration{outcome=success} sum":            0.05,
				"attempts{attempt.group=1,verdict=success}":     2,
				"attempt.duration":                              2,
				"attempt.duration sum":                          0.05,
				"calls_in_flight":                               0,
				"retries":                                       0,
				"denials{reason=retries_exhausted,stage=retry}": 0,
			},
		},
		"a retry": {
			stages: []resilience.Stage{plain(2)},
			do:     calls(failing(1)),
			points: points{
				"calls{outcome=success,reason=none}":          1,
				"call.duration{outcome=success} sum":          0.1,
				"attempts{attempt.group=1,verdict=transient}": 1,
				"attempts{attempt.group=2,verdict=success}":   1,
				"retries":     1,
				"backoff":     1,
				"backoff sum": 0.1,
			},
			events: []string{retried(1, 0.1)},
		},
		"exhausted": {
			stages: []resilience.Stage{plain(1)},
			do:     calls(fail),
			points: points{
				"calls{outcome=failure,reason=retries_exhausted}": 1,
				"call.duration{outcome=failure}":                  1,
				"retries":                                         1,
				"denials{reason=retries_exhausted,stage=retry}":   1,
				"denials{reason=too_late,stage=retry}":            0,
			},
			events: []string{
				retried(1, 0.1),
				"give_up{error.type=*errors.errorString,attempt.count=2,elapsed=0.1,error.message=payments: retries exhausted (after 2 attempts in 100ms): connection refused,reason=retries_exhausted,verdict=transient}",
			},
		},
		"the fourth attempt and all further ones": {
			stages: []resilience.Stage{plain(4)},
			do:     calls(failing(4)),
			points: points{
				"attempts{attempt.group=3,verdict=transient}":  1,
				"attempts{attempt.group=4+,verdict=transient}": 1,
				"attempts{attempt.group=4+,verdict=success}":   1,
				"backoff":     4,
				"backoff sum": 1.5,
			},
			events: []string{
				retried(1, 0.1),
				retried(2, 0.2),
				retried(3, 0.4),
				retried(4, 0.8),
			},
		},
		"an error that is not worth a retry": {
			stages: []resilience.Stage{plain(2)},
			do:     calls(func(context.Context) error { return notFound }),
			points: points{
				"calls{outcome=failure,reason=permanent}":     1,
				"attempts{attempt.group=1,verdict=permanent}": 1,
				"retries": 0,
			},
		},
		"an error that nobody has classified": {
			stages: []resilience.Stage{plain(2)},
			do:     calls(func(context.Context) error { return odd{} }, func(context.Context) error { return odd{} }),
			points: points{
				"calls{outcome=failure,reason=unclassified}":     2,
				"attempts{attempt.group=1,verdict=unclassified}": 2,
				"retries": 0,
			},
			events: []string{
				"unclassified{error.type=github.com/media-gateway/holdfast/holdfastotel_test.odd,attempt.number=1," +
					"error.kind=holdfastotel_test.odd,error.message=odd,verdict=unclassified}",
			},
		},
		"a call that must not be made twice": {
			stages: []resilience.Stage{plain(2)},
			do: func(ctx context.Context, p *holdfast.Pipeline) {
				_ = p.Do(resilience.MarkOnce(ctx), func(context.Context) error { return errDown })
			},
			points: points{
				"calls{outcome=failure,reason=outcome_unknown}": 1,
				"denials{reason=outcome_unknown,stage=retry}":   1,
				"retries": 0,
			},
			events: []string{
				"give_up{" + downType + "attempt.count=1,elapsed=0,error.message=payments: whether the call was carried out is unknown " +
					"(after 1 attempt in 0s): connection refused,reason=outcome_unknown,verdict=transient}",
			},
		},
		"an error that is a nil pointer": {
			stages: []resilience.Stage{plain(2)},
			do:     calls(func(context.Context) error { return (*hollow)(nil) }),
			points: points{"calls{outcome=failure,reason=unclassified}": 1},
			events: []string{
				"unclassified{error.type=*holdfastotel_test.hollow,attempt.number=1," +
					"error.kind=*holdfastotel_test.hollow,error.message=its Error method panics,verdict=unclassified}",
			},
		},
		"too late for another attempt": {
			stages: []resilience.Stage{deadline.In(50 * ms), plain(2)},
			do:     calls(fail),
			points: points{"denials{reason=too_late,stage=retry}": 1, "calls{outcome=failure,reason=too_late}": 1},
			events: []string{
				"give_up{error.type=*errors.errorString,attempt.count=1,elapsed=0,error.message=payments: too late for another attempt: the deadline comes first (after 1 attempt in 0s): connection refused,reason=too_late,verdict=transient}",
			},
		},
		"a spent budget": {
			stages: []resilience.Stage{budget.Config{Initial: -1, Floor: -1, Burst: 4}, plain(2)},
			do:     calls(fail, succeed),
			points: points{
				"calls{outcome=rejected,reason=budget_exhausted}": 1,
				"calls{outcome=success,reason=none}":              1,
				"denials{reason=budget_exhausted,stage=retry}":    1,
				"budget.tokens":                           0.1,
				"budget.burst_tokens":                     4,
				"budget.ratio":                            0.1,
				"budget.shadow":                           0,
				"budget.deposits":                         1,
				"budget.withdrawals{budget.source=bank}":  0,
				"budget.withdrawals{budget.source=floor}": 0,
				"budget.slow_retries":                     0,
				"budget.slow_tokens":                      0,
				"budget.refunds":                          0,
				"budget.success_refunds":                  0,
				"budget.refunded_tokens":                  0,
				"budget.refused":                          1,
				"budget.shadow_refused":                   0,
			},
			events: []string{
				"give_up{error.type=*errors.errorString,attempt.count=1,elapsed=0,error.message=payments: retry budget exhausted (after 1 attempt in 0s): connection refused,reason=budget_exhausted,verdict=transient}",
			},
		},
		"a spent budget that a patient call waits for": {
			stages: []resilience.Stage{budget.Config{Initial: -1, Floor: -1, Burst: 4}, patient(plain(2))},
			do:     calls(fail),
			points: points{
				"calls{outcome=rejected,reason=budget_exhausted}": 1,
				"retry.waits{reason=budget_exhausted}":            1,
				"retry.waiting":                                   0,
				"retry.queue_limit":                               1000,
			},
			events: []string{
				"wait{error.type=*errors.errorString,attempt.number=1,delay=0.2,error.message=retry budget exhausted,reason=budget_exhausted}",
				"give_up{error.type=*errors.errorString,attempt.count=1,elapsed=0.3,error.message=payments: retry budget exhausted (after 1 attempt and 2 waits in 300ms): connection refused,reason=budget_exhausted,verdict=transient}",
			},
		},
		"a budget that pays": {
			stages: []resilience.Stage{budget.Config{Ratio: -1, Initial: 1}, plain(1)},
			do:     calls(failing(1), failing(1)),
			points: points{
				"budget.ratio":                            0,
				"budget.withdrawals{budget.source=bank}":  1,
				"budget.withdrawals{budget.source=floor}": 1,
			},
			events: []string{
				retried(1, 0.1),
				retried(1, 0.1),
			},
		},
		"a budget in shadow": {
			stages: []resilience.Stage{budget.Config{Initial: -1, Floor: -1, Shadow: true}, plain(1)},
			do:     calls(failing(1)),
			points: points{"budget.shadow": 1, "budget.shadow_refused": 1, "retries": 1},
			events: []string{
				"shadow{" + downType + "attempt.number=1" + downText,
				retried(1, 0.1),
			},
		},
		"a breaker that opens": {
			stages: []resilience.Stage{breaker.Config{ConsecutiveFailures: 2}},
			do:     calls(fail, fail, succeed),
			points: points{
				"breaker.transitions{breaker.from=closed,breaker.to=open}":     1,
				"breaker.state{breaker.name=payments,breaker.state=open}":      1,
				"breaker.state{breaker.name=payments,breaker.state=closed}":    0,
				"breaker.state{breaker.name=payments,breaker.state=half-open}": 0,
				"breaker.state{breaker.name=payments,breaker.state=isolated}":  0,
				"denials{reason=breaker_open,stage=breaker}":                   1,
				"calls{outcome=rejected,reason=breaker_open}":                  1,
				"call.duration{outcome=rejected}":                              1,
			},
			events: []string{
				"breaker{breaker.from=closed,breaker.name=payments,breaker.to=open,breaker.why=2 failures in a row (ConsecutiveFailures is 2)}",
				"reject{error.type=*breaker.OpenError,breaker.name=payments,error.message=payments: circuit breaker is open; next probe in …,reason=breaker_open,stage=breaker}",
			},
		},
		"two breakers of one name": {
			stages: []resilience.Stage{breaker.Config{}, plain(1), breaker.Config{}},
			do:     calls(succeed),
			points: points{
				"breaker.state{breaker.name=payments,breaker.state=closed}":   1,
				"breaker.state{breaker.name=payments#2,breaker.state=closed}": 1,
			},
		},
		"a full bulkhead": {
			stages: []resilience.Stage{bulkhead.Config{MaxConcurrent: 1}},
			do: func(ctx context.Context, p *holdfast.Pipeline) {
				_ = p.Do(ctx, func(ctx context.Context) error {
					_ = p.Do(ctx, succeed)
					return nil
				})
			},
			points: points{
				"denials{reason=bulkhead_full,stage=bulkhead}": 1,
				"calls{outcome=rejected,reason=bulkhead_full}": 1,
				"bulkhead.in_use{bulkhead.number=1}":           0,
				"bulkhead.waiting{bulkhead.number=1}":          0,
				"bulkhead.capacity{bulkhead.number=1}":         1,
			},
			events: []string{
				"reject{error.type=*bulkhead.FullError,error.message=bulkhead is full: 1 call in flight,reason=bulkhead_full,stage=bulkhead}",
			},
		},
		"a caller that left": {
			stages: []resilience.Stage{plain(2)},
			do: func(ctx context.Context, p *holdfast.Pipeline) {
				ctx, leave := context.WithCancel(ctx)
				leave()
				_ = p.Do(ctx, succeed)
			},
			points: points{"calls{outcome=canceled,reason=canceled}": 1, "call.duration{outcome=canceled}": 1},
			events: []string{
				"give_up{error.type=*errors.errorString,attempt.count=0,elapsed=0,error.message=payments: the caller gave up before the first attempt: context canceled,reason=canceled,verdict=canceled}",
			},
		},
		"tuned by hand": {
			stages: []resilience.Stage{budget.Config{}, plain(1)},
			do: func(ctx context.Context, p *holdfast.Pipeline) {
				_, _ = p.Tune(ctx, holdfast.Tuning{By: "ops", Budget: func(c *budget.Config) { c.Ratio = 0.2 }})
			},
			points: points{"updates{update.kind=tuning}": 1, "budget.ratio": 0.2},
			events: []string{"update{update.by=ops,update.from=0.1,update.to=0.2,update.what=budget ratio}"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSDK(t)
				p := s.pipeline(t, "payments", c.stages...)
				events := s.events(t, func(ctx context.Context) { c.do(ctx, p) })
				require.Equal(t, c.events, words(events))
				requirePoints(t, c.points, s.read(t))
			})
		})
	}
}

// A retry is denied only if there would have been one: not if the caller canceled, nor if the error
// is not worth a retry.
func TestNoDenial(t *testing.T) {
	for name, do := range map[string]func(ctx context.Context, p *holdfast.Pipeline){
		"left before the call": func(ctx context.Context, p *holdfast.Pipeline) {
			ctx, leave := context.WithCancel(ctx)
			leave()
			_ = p.Do(ctx, succeed)
		},
		"left during a pause": func(ctx context.Context, p *holdfast.Pipeline) {
			ctx, leave := context.WithCancel(ctx)
			time.AfterFunc(50*ms, leave)
			_ = p.Do(ctx, fail)
		},
		"permanent at the second attempt": func(ctx context.Context, p *holdfast.Pipeline) {
			ends := []error{errDown, errRefused}
			_ = p.Do(ctx, func(context.Context) error {
				err := ends[0]
				ends = ends[1:]
				return err // the second is of no known kind
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSDK(t)
				p := s.pipeline(t, "payments", plain(2))
				events := s.events(t, func(ctx context.Context) { do(ctx, p) })
				require.Equal(t, "holdfast.give_up", events[len(events)-1].Name)
				for point, value := range s.read(t) {
					if strings.HasPrefix(point, "denials") {
						require.Zero(t, value, point)
					}
				}
			})
		})
	}
}

func TestInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSDK(t)
		p := s.pipeline(t, "payments", bulkhead.Config{MaxConcurrent: 2, MaxWait: time.Minute, QueueLimit: 5})
		for range 3 {
			go func() { _ = p.Do(t.Context(), takes(time.Second, nil)) }()
		}
		synctest.Wait()
		requirePoints(t, points{
			"calls_in_flight":                         3,
			"bulkhead.in_use{bulkhead.number=1}":      2,
			"bulkhead.waiting{bulkhead.number=1}":     1,
			"bulkhead.capacity{bulkhead.number=1}":    2,
			"bulkhead.queue_limit{bulkhead.number=1}": 5,
		}, s.read(t))
		<-time.After(time.Minute)
		requirePoints(t, points{"calls_in_flight": 0, "bulkhead.in_use{bulkhead.number=1}": 0}, s.read(t))
	})
}

func TestUpdatesAreCounted(t *testing.T) {
	s := newSDK(t)
	o := s.observer(t)
	p := observed(t, o, "payments", plain(1))
	require.NoError(t, p.Update(holdfast.Observe(o), plain(2)))
	requirePoints(t, points{"updates{update.kind=stages}": 1}, s.read(t))
}

// An exporter fails on text that is not UTF-8, and loses the whole batch. So such text is repaired.
func TestTextIsUTF8(t *testing.T) {
	s := newSDK(t)
	p := s.pipeline(t, "pay\xffments", breaker.Config{Name: "b\xff", ConsecutiveFailures: 1})
	events := s.events(t, func(ctx context.Context) {
		_ = p.Do(ctx, func(context.Context) error { return resilience.MarkTransient(errors.New("what\xff")) })
		_ = p.Do(ctx, succeed)
	})
	require.Equal(t, []string{
		"breaker{breaker.from=closed,breaker.name=b\uFFFD,breaker.to=open,breaker.why=1 failure (ConsecutiveFailures is 1),pipeline.name=pay\uFFFDments}",
		"reject{error.type=*breaker.OpenError,breaker.name=b\uFFFD,error.message=b\uFFFD: circuit breaker is open; next probe in …,pipeline.name=pay\uFFFDments,reason=breaker_open,stage=breaker}",
	}, words(events))
	requirePoints(t, points{
		"calls{outcome=rejected,pipeline.name=pay\uFFFDments,reason=breaker_open}":            1,
		"breaker.state{breaker.name=b\uFFFD,breaker.state=open,pipeline.name=pay\uFFFDments}": 1,
	}, s.read(t))
}

func TestNoEventsWithoutASpanThatIsRecorded(t *testing.T) {
	s := newSDK(t)
	p := s.pipeline(t, "payments", retry.Config{MaxRetries: 1, BaseDelay: 1})
	_ = p.Do(t.Context(), fail)
	require.Empty(t, s.spans.GetSpans())
	requirePoints(t, points{"retries": 1}, s.read(t))
}

// A span event has the key of the call and the name of the breaker; metrics do not grow with the
// keys.
func TestAKeyIsOnSpansOnly(t *testing.T) {
	s := newSDK(t)
	o := s.observer(t, holdfastotel.WithAttemptSpans())
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, holdfast.Observe(o), breaker.Config{Name: "db", ConsecutiveFailures: 1})
	require.NoError(t, err)
	spans := s.inSpan(t.Context(), func(ctx context.Context) {
		_ = hosts.Do(ctx, "b", succeed)
		_ = hosts.Do(ctx, "a\xff", fail)
	})
	before := s.read(t)
	require.Len(t, spans, 3)
	require.Equal(t, "{attempt.number=1,key=b,pipeline.name=hosts,verdict=success}", key("", attribute.NewSet(spans[0].Attributes...)))
	events := words(spans[2].Events)
	require.Len(t, events, 1)
	require.Equal(t, "breaker{breaker.from=closed,breaker.name=db[\"a\\xff\"],breaker.to=open,breaker.why=1 failure (ConsecutiveFailures is 1),key=\"a\\xff\",pipeline.name=hosts}", events[0])
	for n := range 100 {
		_ = hosts.Do(t.Context(), fmt.Sprint(n), succeed)
	}
	after := s.read(t)
	require.Equal(t, slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	for point := range after {
		require.NotRegexp(t, `[{,]key=`, point)
	}
	runtime.KeepAlive(hosts) // the observer does not keep it alive
}

func TestTheBreakersOfKeys(t *testing.T) {
	s := newSDK(t)
	hosts, err := holdfast.NewKeyed[string]("payments", holdfast.KeyedConfig{Size: 3}, holdfast.Observe(s.observer(t)), breaker.Config{ConsecutiveFailures: 1})
	require.NoError(t, err)
	require.NoError(t, hosts.Do(t.Context(), "a", succeed))
	require.Error(t, hosts.Do(t.Context(), "b", fail))
	before := s.read(t)
	requirePoints(t, points{"keyed.keys": 2, "keyed.breakers_open": 1, "keyed.overflowed": 0}, before)
	for point := range before {
		require.NotContains(t, point, "breaker.state", "each key has its own")
	}
	for _, host := range []string{"c", "d", "e"} {
		require.Error(t, hosts.Do(t.Context(), host, fail))
	}
	requirePoints(t, points{"keyed.keys": 3, "keyed.breakers_open": 3, "keyed.overflowed": 1}, s.read(t))
	runtime.KeepAlive(hosts) // the observer does not keep it alive
}
