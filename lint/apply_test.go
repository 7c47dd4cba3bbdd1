package lint_test

import (
	"reflect"
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
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// file is a service as a file describes it. A fix changes it.
type file struct {
	deadline, attempt time.Duration
	ratelimit         *ratelimit.Config
	bulkhead          *bulkhead.Config
	budget            *budget.Config
	retry             *retry.Config
	breaker           *breaker.Config
	breakerPerCall    bool
	bulkheadOutermost bool
	limitsAttempts    bool // the rate limit counts attempts, not calls
	rps               float64
	calls             []lint.Call
	silenced          []lint.Silence
	keyed             bool // the stages are those of a Keyed
	store             bool // the fleet stands on what it calls
}

// service returns the file as a Service, with the stages in a file's order.
func (f file) service(name string) lint.Service {
	var s []resilience.Stage
	if f.ratelimit != nil && !f.limitsAttempts {
		s = append(s, *f.ratelimit)
	}
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
	if f.ratelimit != nil && f.limitsAttempts {
		s = append(s, *f.ratelimit)
	}
	if f.breaker != nil && !f.breakerPerCall {
		s = append(s, *f.breaker)
	}
	if f.attempt > 0 {
		s = append(s, deadline.In(f.attempt))
	}
	return lint.Service{Name: name, Stages: s, RPS: f.rps, Calls: f.calls, Silenced: f.silenced, Keyed: f.keyed}
}

// apply applies a fix.
func (f file) apply(t *testing.T, fix lint.Fix) file {
	t.Helper()
	for _, s := range fix {
		switch s.Key {
		case "calls":
			f.calls = callsOf(t, s.Value)
		case "lint.ignore":
			f.silenced = slices.DeleteFunc(slices.Clone(f.silenced), func(q lint.Silence) bool { return s.Value == "without "+q.Code })
		default:
			f.set(t, s.Key, s.Value)
		}
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

// set changes one setting. Fields of Configs have the names of their keys in a file.
func (f *file) set(t *testing.T, key, value string) {
	t.Helper()
	f.budget, f.retry, f.breaker = copyOf(f.budget), copyOf(f.retry), copyOf(f.breaker)
	f.bulkhead, f.ratelimit = copyOf(f.bulkhead), copyOf(f.ratelimit)
	if f.budget == nil && strings.HasPrefix(key, "budget.") {
		f.budget = &budget.Config{}
	}
	section, name, nested := strings.Cut(key, ".")
	switch {
	case key == "attempt_deadline" && value != "off" && f.oneDeadline():
		f.deadline = timeOf(t, value)
	case key == "deadline":
		f.deadline = timeOf(t, value)
	case key == "attempt_deadline":
		f.attempt = timeOf(t, value)
	case nested:
		config := map[string]any{"budget": f.budget, "retry": f.retry, "breaker": f.breaker, "bulkhead": f.bulkhead, "ratelimit": f.ratelimit}[section]
		require.NotNil(t, config, key)
		field := reflect.ValueOf(config).Elem().FieldByName(camel(name))
		require.True(t, field.IsValid(), "%s: a setting that no file has", key)
		setField(t, field, key, value)
	default:
		require.Fail(t, "a setting that no file has", key)
	}
}

// oneDeadline reports whether one deadline is both that of the call and that of its only attempt.
// In a file it cannot be, since a file puts the bulkhead inside the deadline.
func (f *file) oneDeadline() bool {
	return f.bulkhead != nil && f.bulkheadOutermost && f.retry == nil && f.attempt == 0 && f.deadline > 0
}

// camel returns "MaxOpenFor" for "max_open_for".
func camel(key string) (name string) {
	for word := range strings.SplitSeq(key, "_") {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}

// setField sets a field of a Config to the Go value of a file's text.
func setField(t *testing.T, field reflect.Value, key, value string) {
	t.Helper()
	switch v := field.Addr().Interface().(type) {
	case *time.Duration:
		if *v = timeOf(t, value); value == "off" {
			*v = -1
		}
	case *float64:
		if *v = -1; value != "off" {
			*v = floatOf(t, value)
		}
	case *bool:
		*v = value == "true"
	case *int:
		switch value {
		case "none":
			*v = retry.None
		case "off":
			*v = -1
		case "unlimited":
			*v = 0
			require.Equal(t, "bulkhead.queue_limit", key)
		default:
			*v = intOf(t, value)
		}
	case *retry.Jitter:
		require.Equal(t, "full", value)
		*v = retry.FullJitter
	case *budget.DepositOn:
		require.Equal(t, "success", value)
		*v = budget.Success
	default:
		require.Fail(t, "a setting that no fix has", key)
	}
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
