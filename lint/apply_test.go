package lint_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// file is a service as somebody would write it down: what a fix changes.
type file struct {
	deadline, attempt time.Duration
	bulkhead          *bulkhead.Config
	budget            *budget.Config
	retry             *retry.Config
	breaker           *breaker.Config
	breakerPerCall    bool
	bulkheadOutermost bool
	rps               float64
	calls             []lint.Call
	silenced          []lint.Silence
}

// service returns it as the linter takes it, in the order that a file's stages have.
func (f file) service(name string) lint.Service {
	var s []resilience.Stage
	if f.bulkhead != nil && f.bulkheadOutermost {
		s = append(s, *f.bulkhead)
	}
	if f.deadline > 0 {
		s = append(s, deadline.In(f.deadline))
	}
	if f.bulkhead != nil && !f.bulkheadOutermost {
		s = append(s, *f.bulkhead)
	}
	if f.breaker != nil && f.breakerPerCall {
		s = append(s, *f.breaker)
	}
	if f.budget != nil {
		s = append(s, *f.budget)
	}
	if f.retry != nil {
		s = append(s, *f.retry)
	}
	if f.breaker != nil && !f.breakerPerCall {
		s = append(s, *f.breaker)
	}
	if f.attempt > 0 {
		s = append(s, deadline.In(f.attempt))
	}
	return lint.Service{Name: name, Stages: s, RPS: f.rps, Calls: f.calls, Silenced: f.silenced}
}

// apply changes what a fix says: "retry.max_retries: 3, attempt_deadline: 400ms".
func (f file) apply(t *testing.T, fix string) file {
	t.Helper()
	if rest, ok := strings.CutPrefix(fix, "calls: "); ok {
		f.calls = callsOf(t, rest)
		return f
	}
	if code, ok := strings.CutPrefix(fix, "lint.ignore: without "); ok {
		f.silenced = slices.DeleteFunc(slices.Clone(f.silenced), func(s lint.Silence) bool { return s.Code == code })
		return f
	}
	for change := range strings.SplitSeq(fix, ", ") {
		key, value, ok := strings.Cut(change, ": ")
		require.True(t, ok, fix)
		f.set(t, key, value)
	}
	return f
}

// callsOf reads "[ledger, {service: fraud, per_call: 2}]".
func callsOf(t *testing.T, list string) (calls []lint.Call) {
	t.Helper()
	list = strings.TrimSuffix(strings.TrimPrefix(list, "["), "]")
	if list == "" {
		return nil
	}
	for _, found := range regexp.MustCompile(`\{service: (\w+), per_call: ([0-9.]+)\}|\w+`).FindAllStringSubmatch(list, -1) {
		if found[1] == "" {
			calls = append(calls, lint.Call{Service: found[0]})
		} else {
			calls = append(calls, lint.Call{Service: found[1], PerCall: floatOf(t, found[2])})
		}
	}
	return calls
}

func (f *file) set(t *testing.T, key, value string) {
	t.Helper()
	f.budget, f.retry, f.breaker, f.bulkhead = copyOf(f.budget), copyOf(f.retry), copyOf(f.breaker), copyOf(f.bulkhead)
	if f.budget == nil && strings.HasPrefix(key, "budget.") {
		f.budget = &budget.Config{}
	}
	switch key {
	case "deadline":
		f.deadline = timeOf(t, value)
	case "attempt_deadline":
		f.attempt = timeOf(t, value)
	case "retry.max_retries":
		if f.retry.MaxRetries = intOf(t, value); f.retry.MaxRetries == 0 {
			f.retry.MaxRetries = retry.NoRetries
		}
	case "retry.base_delay":
		f.retry.BaseDelay = timeOf(t, value)
	case "retry.max_delay":
		f.retry.MaxDelay = timeOf(t, value)
	case "retry.min_attempt":
		f.retry.MinAttempt = timeOf(t, value)
	case "retry.jitter":
		require.Equal(t, "full", value)
		f.retry.Jitter = retry.FullJitter
	case "budget.ratio":
		f.budget.Ratio = floatOf(t, value)
	case "budget.floor":
		f.budget.Floor = floatOf(t, value)
	case "budget.burst":
		f.budget.Burst = intOf(t, value)
	case "budget.initial":
		f.budget.Initial = intOf(t, value)
	case "budget.shadow":
		f.budget.Shadow = value == "true"
	case "budget.deposit_on":
		require.Equal(t, "success", value)
		f.budget.DepositOn = budget.Success
	case "breaker.failure_ratio":
		require.Equal(t, "off", value)
		f.breaker.FailureRatio = -1
	case "breaker.window":
		f.breaker.Window = timeOf(t, value)
	case "breaker.min_requests":
		f.breaker.MinRequests = intOf(t, value)
	case "breaker.consecutive_failures":
		f.breaker.ConsecutiveFailures = intOf(t, value)
	case "breaker.half_open_probes":
		f.breaker.HalfOpenProbes = intOf(t, value)
	case "breaker.probe_timeout":
		f.breaker.ProbeTimeout = timeOf(t, value)
	case "breaker.open_for":
		f.breaker.OpenFor = timeOf(t, value)
	case "breaker.max_open_for":
		f.breaker.MaxOpenFor = timeOf(t, value)
	case "bulkhead.max_concurrent":
		f.bulkhead.MaxConcurrent = intOf(t, value)
	case "bulkhead.max_wait":
		f.bulkhead.MaxWait = timeOf(t, value)
	default:
		require.Fail(t, "a setting that no file has", key)
	}
}

// settingsOf returns what a fix says of each setting.
func settingsOf(t *testing.T, fix string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for change := range strings.SplitSeq(fix, ", ") {
		key, value, ok := strings.Cut(change, ": ")
		require.True(t, ok, fix)
		all[key] = value
	}
	return all
}

func timeOf(t *testing.T, s string) time.Duration {
	t.Helper()
	if s == "off" {
		return 0
	}
	d, err := time.ParseDuration(s)
	require.NoError(t, err)
	return d
}

func intOf(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

func floatOf(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	if v == 0 {
		return -1
	}
	return v
}

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
