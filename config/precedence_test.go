package config

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

const layered = `
defaults:
  template: critical
  deadline: 9s
  retry: {max_retries: 1, base_delay: 11ms}
templates:
  lower:
    template: background
    retry: {base_delay: 12ms, multiplier: 3}
  upper:
    template: lower
    retry: {multiplier: 4, jitter: equal}
services:
  plain: {}
  own: {template: upper}
  all:
    template: upper
    retry: {jitter: full}
  off:
    template: upper
    retry: off
    budget: off
  none:
    template: none
    bulkhead: {}
`

// What every layer sets, and the merged values with their origins.
func TestPrecedence(t *testing.T) {
	c, err := parse([]byte(layered), "f", []string{"HOLDFAST_ALL_RETRY_JITTER=none", "HOLDFAST_OFF_RETRY=on"})
	require.NoError(t, err)
	for _, test := range []struct{ service, key, value, origin string }{
		{"plain", "template", "critical", "f:3:3 (defaults)"},
		{"plain", "deadline", "9s", "f:4:3 (defaults)"}, // defaults change the template that they name
		{"plain", "attempt_deadline", "1s", "built-in template critical"},
		{"plain", "retry.max_retries", "1", "f:5:11 (defaults)"},
		{"plain", "retry.base_delay", "11ms", "f:5:27 (defaults)"},
		{"plain", "retry.multiplier", "2", "built-in template critical"},
		{"plain", "retry.min_attempt", "0s", "default"},
		{"plain", "retry", "", "f:5:3 (defaults)"},
		{"plain", "breaker", "", "built-in template critical"},
		{"plain", "bulkhead", "", "built-in template critical"},
		{"plain", "bulkhead.per", "", "built-in template critical"},
		{"plain", "bulkhead.max_concurrent", "unlimited", "default"},
		{"plain", "", "", "f:14:3 (service)"},

		{"own", "template", "upper", "f:15:9 (service)"},
		{"own", "deadline", "30s", "built-in template background"}, // a service's own template is above defaults
		{"own", "retry.max_retries", "2", "built-in template background"},
		{"own", "retry.base_delay", "12ms", "f:9:13 (template lower)"},
		{"own", "retry.multiplier", "4", "f:12:13 (template upper)"},
		{"own", "retry.jitter", "equal", "f:12:28 (template upper)"},

		{"all", "retry.jitter", "none", "environment HOLDFAST_ALL_RETRY_JITTER"},
		{"all", "retry", "", "environment HOLDFAST_ALL_RETRY_JITTER"},

		{"off", "retry", "", "environment HOLDFAST_OFF_RETRY"},
		{"off", "retry.multiplier", "4", "f:12:13 (template upper)"}, // what was set below an off is still there
		{"off", "budget", "", "f:22:5 (service)"},

		{"none", "deadline", "9s", "f:4:3 (defaults)"},
		{"none", "bulkhead", "", "f:25:5 (service)"},
		{"none", "bulkhead.max_concurrent", "64", "default"},
	} {
		s, ok := c.Service(test.service)
		require.True(t, ok)
		origin, ok := s.Origin(test.key)
		require.True(t, ok, test)
		require.Equal(t, test.origin, origin.String(), "%s %s", test.service, test.key)
		if test.value != "" {
			require.Equal(t, test.value, valueOf(t, s, test.key), "%s %s", test.service, test.key)
		}
	}
	s, _ := c.Service("off")
	require.NotNil(t, s.Retry)
	require.Nil(t, s.Budget)
	_, ok := s.Origin("retry.nothing")
	require.False(t, ok)
}

// valueOf returns a value of a service as a file says it, defaults filled in.
func valueOf(t *testing.T, s Service, path string) string {
	t.Helper()
	switch path {
	case "template":
		return s.Template
	case "deadline":
		return s.Deadline.String()
	case "attempt_deadline":
		return s.AttemptDeadline.String()
	}
	k, ok := keyOf(path)
	require.True(t, ok)
	for _, stage := range resolveAll(t, s.Name, s.Stages()) {
		if fmt.Sprintf("%T", stage) == k.stage+".Config" {
			v, ok := k.get(stage)
			require.True(t, ok)
			return k.text(v)
		}
	}
	require.Fail(t, "no stage", path)
	return ""
}

// Pins: an empty service is the preset Standard; with a built-in template, it is that preset.
func TestBuiltInTemplatesAreThePresets(t *testing.T) {
	c := good(t, "services: {a: {}, b: {template: critical}, c: {template: background}}")
	require.Equal(t, resolveAll(t, "a", holdfast.Standard()), resolveAll(t, "a", c.Services()["a"]))
	require.Equal(t, resolveAll(t, "b", holdfast.Critical()), resolveAll(t, "b", c.Services()["b"]))
	require.Equal(t, resolveAll(t, "c", holdfast.Background()), resolveAll(t, "c", c.Services()["c"]))
}

// Keys of every kind, each with a value that is not its default, and its Go value. The tests with
// random services cover keys that are added later.
func TestKeysAreRead(t *testing.T) {
	c := good(t, `
services:
  fraud: {}
  ledger: {}
  payments:
    template: none
    deadline: 1m30s
    attempt_deadline: 500ms
    bulkhead: {max_concurrent: 5, max_wait: 20ms, queue_limit: 7, per: attempt,
      adaptive: {slow_failures: 3, cut_to: 0.5, cut_every: 1s, calm_for: 20s, times: 2.5}}
    budget: {ratio: 0.2, floor: 2.5, burst: 20, initial: 7, deposit_on: arrival, slow_cost: 2.5, refund_on_success: true, slow_times: 3.5, shadow: true, fleet: pooled}
    retry: {max_retries: 4, base_delay: 1ms, max_delay: 2ms, multiplier: 1.5, jitter: {proportional: 0.25}, backoff: linear,
      min_attempt: 3ms, max_retry_after: 4s, patient: true, queue_limit: 50,
      adaptive: {window: 5s, min_samples: 6, min_gain: 0.07, explore: 0.08, max_stretch: 9}}
    breaker: {name: pay, failure_ratio: 0.6, min_requests: 7, consecutive_failures: 8, window: 9s, buckets: 3, open_for: 11s,
      max_open_for: 12s, half_open_probes: 13, probe_timeout: 14s, slow_call_duration: 15s, slow_call_ratio: 0.16,
      min_open_for: 10s, ignore_unclassified: true, fleet: on, per: call}
    rps: 200
    calls: [ledger, {service: fraud, per_call: 2.5}]
    lint:
      ignore:
        - {code: HF012, reason: " known "}
`)
	s, ok := c.Service("payments")
	require.True(t, ok)
	s.values = nil
	for i := range sections { // what a section that is off would say of its place
		if sec := &sections[i]; sec.per != nil {
			if _, on := sec.slot.get(&s); !on {
				*sec.per(&s) = 0
			}
		}
	}
	require.Equal(t, Service{
		Name: "payments", Template: "none", Deadline: 90 * time.Second, AttemptDeadline: 500 * time.Millisecond,
		Bulkhead: &bulkhead.Config{MaxConcurrent: 5, MaxWait: 20 * time.Millisecond, QueueLimit: 7,
			Adaptive: &bulkhead.Adaptive{SlowFailures: 3, CutTo: 0.5, CutEvery: 1e9, CalmFor: 20e9, Times: 2.5}},
		BulkheadPer: PerAttempt,
		Budget:      &budget.Config{Ratio: 0.2, Floor: 2.5, Burst: 20, Initial: 7, DepositOn: budget.Arrival, SlowCost: 2.5, RefundOnSuccess: true, SlowTimes: 3.5, Shadow: true, Fleet: true},
		Retry: &retry.Config{
			MaxRetries: 4, BaseDelay: 1e6, MaxDelay: 2e6, Multiplier: 1.5, Jitter: retry.ProportionalJitter(0.25), Backoff: retry.Linear,
			MinAttempt: 3e6, MaxRetryAfter: 4e9, Patient: true, QueueLimit: 50,
			Adaptive: &retry.Adaptive{Window: 5e9, MinSamples: 6, MinGain: 0.07, Explore: 0.08, MaxStretch: 9},
		},
		Breaker: &breaker.Config{
			Name: "pay", FailureRatio: 0.6, MinRequests: 7, ConsecutiveFailures: 8, Window: 9e9, Buckets: 3, OpenFor: 11e9,
			MaxOpenFor: 12e9, HalfOpenProbes: 13, ProbeTimeout: 14e9, SlowCallDuration: 15e9, SlowCallRatio: 0.16, MinOpenFor: 10e9, IgnoreUnclassified: true, Fleet: true,
		},
		BreakerPer: PerCall,
		RPS:        200,
		Calls:      []lint.Call{{Service: "ledger", PerCall: 1}, {Service: "fraud", PerCall: 2.5}},
		Silenced:   []lint.Silence{{Code: "HF012", Reason: "known", Line: 22}},
	}, s)
	require.Equal(t, []resilience.Stage{
		deadline.In(90 * time.Second), *s.Breaker, *s.Budget, *s.Retry, *s.Bulkhead, deadline.In(500 * time.Millisecond),
	}, s.Stages())
}

// Pins: the Go values of 0 and of the words.
func TestZerosAndWords(t *testing.T) {
	c := good(t, `
services:
  zero:
    bulkhead: {max_wait: 0}
    budget: {ratio: 0, floor: 0.0, initial: 0}
    retry: {max_retries: 0, min_attempt: 0, max_retry_after: 0s, adaptive: {min_gain: 0, explore: 0}}
  words:
    deadline: off
    bulkhead: {max_concurrent: unlimited, max_wait: unlimited, queue_limit: unlimited, adaptive: {calm_for: unlimited, times: off}}
    budget: {slow_times: off}
    retry: {max_retries: unlimited, max_delay: unlimited, max_retry_after: unlimited, jitter: additive, queue_limit: unlimited,
      adaptive: {min_gain: off, explore: off, max_stretch: off}}
    breaker: {failure_ratio: off, probe_timeout: "unlimited", slow_call_duration: off, min_open_for: off}
  more: {breaker: {consecutive_failures: off}, retry: {adaptive: on}, bulkhead: on}
  less: {template: none, retry: {adaptive: off}}
  once: {template: none, retry: {max_retries: none}}
`)
	zero, _ := c.Service("zero")
	require.Zero(t, zero.Bulkhead.MaxWait)
	require.InDelta(t, -1, zero.Budget.Ratio, 0)
	require.InDelta(t, -1, zero.Budget.Floor, 0)
	require.Equal(t, -1, zero.Budget.Initial)
	require.Equal(t, 5, zero.Budget.Burst)
	require.Equal(t, retry.None, zero.Retry.MaxRetries)
	require.Zero(t, zero.Retry.MinAttempt)
	require.EqualValues(t, 1, zero.Retry.MaxRetryAfter)
	require.Equal(t, retry.Adaptive{MinGain: -1, Explore: -1}, *zero.Retry.Adaptive)
	words, _ := c.Service("words")
	require.Zero(t, words.Deadline)
	require.EqualValues(t, -1, words.Bulkhead.MaxWait)
	require.Zero(t, words.Bulkhead.QueueLimit)
	require.Equal(t, -1, words.Bulkhead.MaxConcurrent)
	require.Equal(t, bulkhead.Adaptive{CalmFor: -1, Times: -1}, *words.Bulkhead.Adaptive)
	require.Equal(t, retry.Unlimited, words.Retry.MaxRetries)
	require.EqualValues(t, -1, words.Retry.MaxDelay)
	require.EqualValues(t, -1, words.Retry.MaxRetryAfter)
	require.Equal(t, retry.AdditiveJitter(0.3), words.Retry.Jitter)
	require.Equal(t, retry.Adaptive{MinGain: -1, Explore: -1, MaxStretch: -1}, *words.Retry.Adaptive)
	require.True(t, words.Retry.Patient)
	require.Equal(t, -1, words.Retry.QueueLimit)
	require.InDelta(t, -1, words.Budget.SlowTimes, 0)
	once, _ := c.Service("once")
	require.Equal(t, retry.None, once.Retry.MaxRetries)
	require.InDelta(t, -1, words.Breaker.FailureRatio, 0)
	require.EqualValues(t, -1, words.Breaker.ProbeTimeout)
	require.EqualValues(t, -1, words.Breaker.SlowCallDuration)
	require.EqualValues(t, -1, words.Breaker.MinOpenFor)
	more, _ := c.Service("more")
	require.Equal(t, -1, more.Breaker.ConsecutiveFailures)
	require.Equal(t, &retry.Adaptive{}, more.Retry.Adaptive)
	require.Equal(t, &bulkhead.Config{MaxWait: 2 * time.Second, QueueLimit: 1000, Adaptive: &bulkhead.Adaptive{}}, more.Bulkhead, "the template's")
	less, _ := c.Service("less")
	require.Equal(t, &retry.Config{}, less.Retry)
}

// A switch of the fleet has the words of other switches, and a breaker's also true and false.
func TestWordsOfTheFleet(t *testing.T) {
	for written, is := range map[string]bool{"on": true, "off": false, "true": true, "false": false, "True": true, "'on'": true} {
		c := good(t, "services: {a: {breaker: {fleet: "+written+"}}}")
		s, _ := c.Service("a")
		require.Equal(t, is, s.Breaker.Fleet, written)
	}
	for written, is := range map[string]bool{"pooled": true, "off": false, "'pooled'": true} {
		c := good(t, "services: {a: {budget: {fleet: "+written+"}}}")
		s, _ := c.Service("a")
		require.Equal(t, is, s.Budget.Fleet, written)
	}
	c, err := Parse(strings.NewReader(`
defaults: {breaker: {fleet: on}, budget: {fleet: pooled}}
services: {a: {breaker: {fleet: off}}, b: {budget: {fleet: off}}}
`), WithEnvironment([]string{"HOLDFAST_B_BREAKER_FLEET=false", "HOLDFAST_A_BUDGET_FLEET=off"}))
	require.NoError(t, err)
	for _, name := range c.Names() {
		s, _ := c.Service(name)
		require.False(t, s.Breaker.Fleet, name)
		require.False(t, s.Budget.Fleet, name)
	}
}

// Pins: a caller may change what a Config returns, from many goroutines, without changing the
// Config.
func TestConfigDoesNotChange(t *testing.T) {
	c := good(t, "services: {a: {bulkhead: {}, retry: {adaptive: {}}, calls: [a], lint: {ignore: [{code: HF001, reason: x}]}}}")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, _ := c.Service("a")
			s.Retry.MaxRetries, s.Retry.Adaptive.MinSamples, s.Budget.Burst, s.Breaker.Buckets, s.Bulkhead.MaxConcurrent = 99, 99, 99, 99, 99
			s.Calls[0].Service, s.Silenced[0].Code = "x", "x"
			stages := c.Services()
			for _, stage := range stages["a"] {
				if r, ok := stage.(retry.Config); ok {
					r.Adaptive.MinSamples = 99
				}
			}
			delete(stages, "a")
			c.Names()[0] = "x"
		})
	}
	all.Wait()
	s, ok := c.Service("a")
	require.True(t, ok)
	require.Equal(t, 3, s.Retry.MaxRetries)
	require.Equal(t, &retry.Adaptive{}, s.Retry.Adaptive)
	require.Equal(t, []lint.Call{{Service: "a", PerCall: 1}}, s.Calls)
	require.Equal(t, "HF001", s.Silenced[0].Code)
	require.Equal(t, []string{"a"}, c.Names())
	require.Len(t, c.Services(), 1)
	_, ok = c.Service("b")
	require.False(t, ok)
	require.Empty(t, new(Config).Services())
}

// Every stage has its place, outside or inside the retry loop.
func TestStagesStandWhereTheyAreToBe(t *testing.T) {
	c := good(t, `
defaults: {template: none, deadline: 2s, attempt_deadline: 1s, budget: {}, retry: {}}
services:
  usual: {bulkhead: {}, breaker: {}}
  turned: {bulkhead: {per: attempt}, breaker: {per: call}}
`)
	for name, want := range map[string]string{
		"usual":  "deadline bulkhead budget retry breaker deadline",
		"turned": "deadline breaker budget retry bulkhead deadline",
	} {
		var kinds []string
		for _, s := range c.Services()[name] {
			kinds = append(kinds, strings.TrimSuffix(fmt.Sprintf("%T", s), ".Config"))
		}
		require.Equal(t, want, strings.Join(kinds, " "))
	}
}

// Pins: aliases and merge keys. Keys of a mapping have precedence over merged ones, and an earlier
// merge over a later one.
func TestMergeKeys(t *testing.T) {
	c := good(t, `
$schema: ./schema.json
x-settings:
  quick: &quick {deadline: 3s, attempt_deadline: 1s, rps: &rate 5}
  patient: &patient {<<: *quick, deadline: 60s, retry: &loop {max_retries: 7}}
services:
  a: {<<: *quick, deadline: 4s}
  b: {<<: [*quick, *patient]}
  c: {<<: *patient}
  d: {retry: {<<: *loop, base_delay: 1ms}, rps: *rate}
  e: *patient
`)
	for name, want := range map[string]string{
		"a": "4s 1s 3 5", "b": "3s 1s 7 5", "c": "1m0s 1s 7 5", "d": "10s 2s 7 5", "e": "1m0s 1s 7 5",
	} {
		s, _ := c.Service(name)
		require.Equal(t, want, fmt.Sprint(s.Deadline, s.AttemptDeadline, s.Retry.MaxRetries, s.RPS), name)
	}
}

// good reads a valid file.
func good(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse(strings.NewReader(text), WithEnvironment(nil))
	require.NoError(t, err)
	return c
}

// A layer that turns the retry loop off also turns off a budget that only a lower layer asks for:
// it has nothing to pay for.
func TestRetryOffTakesTheBudgetAlong(t *testing.T) {
	const text = `
defaults: {budget: {floor: 2}}
templates:
  asks: {template: critical, budget: {ratio: 0.2}}
services:
  plain: {template: critical, retry: off}
  asked: {template: asks, retry: off}
  environment: {budget: {ratio: 0.5}}
  again: {template: asks, retry: off}
`
	c, err := parse([]byte(text), "f", []string{"HOLDFAST_ENVIRONMENT_RETRY=off", "HOLDFAST_AGAIN_RETRY_MAX_RETRIES=1"})
	require.NoError(t, err)
	for name, origin := range map[string]string{
		"plain": "f:6:31 (service)", "asked": "f:7:27 (service)", "environment": "environment HOLDFAST_ENVIRONMENT_RETRY",
	} {
		s, _ := c.Service(name)
		require.Nil(t, s.Retry, name)
		require.Nil(t, s.Budget, name)
		o, _ := s.Origin("budget")
		require.Equal(t, origin, o.String(), name)
	}
	s, _ := c.Service("again")
	require.Equal(t, 0.2, s.Budget.Ratio, "what is turned on again has its budget")

	// A budget that the same layer or a higher one asks for is a contradiction.
	for _, text := range []string{"services: {a: {retry: off, budget: {}}}", "defaults: {retry: off}\nservices: {a: {budget: {ratio: 0.2}}}"} {
		require.ErrorContains(t, refused(t, text), "services.a.budget is on, and there is no retry loop for it to pay for; want retry on as well, or budget: off")
	}
}

// Pins: a longer first time raises the longest time, unless the file or a template sets that.
func TestALongerFirstTimeRaisesTheLongest(t *testing.T) {
	c := good(t, `
defaults: {template: none}
services:
  a: {breaker: {open_for: 20s}, retry: {base_delay: 30s}}
`)
	s, _ := c.Service("a")
	require.Equal(t, "20s", valueOf(t, s, "breaker.max_open_for"))
	require.Equal(t, "30s", valueOf(t, s, "retry.max_delay"))
	for _, template := range builtInNames { // the built-in ones set retry.max_delay
		_, err := Parse(strings.NewReader("services: {a: {template: "+template+", deadline: 1m, retry: {base_delay: 30s}}}"), WithEnvironment(nil))
		require.Equal(t, template != templateNone, err != nil, template)
		c := good(t, "services: {a: {template: "+template+", breaker: {open_for: 20s}}}")
		s, _ := c.Service("a")
		require.Equal(t, "20s", valueOf(t, s, "breaker.max_open_for"), template)
	}
}

// A built-in template has a bulkhead inside the loop. What a file says of it changes that one, but
// if it puts the bulkhead around the whole call, the template's numbers are not for it.
func TestTheBulkheadOfATemplate(t *testing.T) {
	c := good(t, `
templates: {around: {template: critical, bulkhead: {per: call, queue_limit: 5}}}
services:
  as_is:   {template: critical}
  limited: {template: critical, bulkhead: {max_concurrent: 8}}
  plain:   {template: critical, bulkhead: {adaptive: off}}
  off:     {template: critical, bulkhead: off}
  moved:   {template: critical, bulkhead: {max_concurrent: 8, per: call}}
  waits:   {template: critical, bulkhead: {max_concurrent: 8, max_wait: 20ms, per: call}}
  below:   {template: around, bulkhead: {max_concurrent: 9}}
  back:    {template: around, bulkhead: {per: attempt}}
  breaker: {template: critical, breaker: {per: call}}
`)
	adaptive := &bulkhead.Adaptive{}
	for name, want := range map[string]struct {
		*bulkhead.Config
		Per
	}{
		"as_is":   {&bulkhead.Config{MaxWait: time.Second, QueueLimit: 1000, Adaptive: adaptive}, PerAttempt},
		"limited": {&bulkhead.Config{MaxConcurrent: 8, MaxWait: time.Second, QueueLimit: 1000, Adaptive: adaptive}, PerAttempt},
		"plain":   {&bulkhead.Config{MaxWait: time.Second, QueueLimit: 1000}, PerAttempt},
		"off":     {nil, PerAttempt},
		"moved":   {&bulkhead.Config{MaxConcurrent: 8}, PerCall},
		"waits":   {&bulkhead.Config{MaxConcurrent: 8, MaxWait: 20 * time.Millisecond}, PerCall},
		"below":   {&bulkhead.Config{MaxConcurrent: 9, QueueLimit: 5}, PerCall},
		"back":    {&bulkhead.Config{MaxWait: time.Second, QueueLimit: 5, Adaptive: adaptive}, PerAttempt},
		"breaker": {&bulkhead.Config{MaxWait: time.Second, QueueLimit: 1000, Adaptive: adaptive}, PerAttempt},
	} {
		s, ok := c.Service(name)
		require.True(t, ok, name)
		require.Equal(t, want.Config, s.Bulkhead, name)
		require.Equal(t, want.Per, s.BulkheadPer, name)
		_, err := holdfast.New(name, s.Stages()...)
		require.NoError(t, err, name)
	}
	s, _ := c.Service("breaker")
	require.InDelta(t, 0.95, s.Breaker.FailureRatio, 0, "the breaker's numbers do not depend on its place")
	c, err := parse([]byte("services: {a: {template: critical}}"), "f", []string{"HOLDFAST_A_BULKHEAD_PER=call"})
	require.NoError(t, err)
	s, _ = c.Service("a")
	require.Equal(t, &bulkhead.Config{}, s.Bulkhead)
}

// A template without its retry loop has no budget and no patience either.
func TestATemplateWithoutRetries(t *testing.T) {
	for _, template := range []string{"critical", "standard", "background"} {
		c := good(t, "defaults: {retry: {queue_limit: 50}}\nservices: {off: {template: "+template+", retry: off}, quick: {template: "+template+
			", retry: {patient: false}}, none: {template: "+template+", retry: {max_retries: none}}}")
		off, _ := c.Service("off")
		require.Nil(t, off.Retry)
		require.Nil(t, off.Budget)
		require.NotNil(t, off.Bulkhead)
		quick, _ := c.Service("quick")
		require.False(t, quick.Retry.Patient)
		require.Equal(t, 50, quick.Retry.QueueLimit, "for a service that turns it on again")
		none, _ := c.Service("none")
		require.True(t, none.Retry.Patient)
		for _, s := range []Service{off, quick, none} {
			_, err := holdfast.New(s.Name, s.Stages()...)
			require.NoError(t, err, template)
		}
	}
}
