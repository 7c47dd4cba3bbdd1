package config

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

type gate struct{ resilience.Guard }

func (gate) Build() (resilience.Policy, error)         { return gate{}, nil }
func (gate) Wrap(next resilience.Func) resilience.Func { return next }

type ownJitter struct{}

func (ownJitter) Jitter(s retry.Step) time.Duration { return s.Delay }

// What only code can express is left out, and the file says so.
func TestServiceOfNotesWhatAFileCannotSay(t *testing.T) {
	p, err := holdfast.New("payments",
		gate{},
		deadline.In(3*time.Second),
		deadline.In(2*time.Second),
		bulkhead.Config{MaxConcurrent: 8},
		retry.Config{
			Classify: resilience.Classify, RetryIf: func(error) bool { return true }, Jitter: ownJitter{},
			Backoff: retry.BackoffFunc(func(int) time.Duration { return time.Second }),
		},
		bulkhead.Config{MaxConcurrent: 4},
		breaker.Config{Classify: resilience.Classify},
		breaker.Config{Name: "second"},
	)
	require.NoError(t, err)
	s, err := serviceOf(p.Name(), p.Stages())
	require.NoError(t, err)
	require.Equal(t, []string{
		"stage 1, a config.gate: code puts it in (Registry.Amend)",
		"deadline 3s around deadline 2s: the file has one at its place",
		"retry.Classify, a function: code puts it in (Registry.Amend)",
		"retry.RetryIf, a function: code puts it in (Registry.Amend)",
		"retry.Jitter, a config.ownJitter: code puts it in (Registry.Amend)",
		"retry.Backoff, a retry.BackoffFunc: code puts it in (Registry.Amend)",
		"a second bulkhead (stage 6: bulkhead 4): the file has one",
		"breaker.Classify, a function: code puts it in (Registry.Amend)",
		`a second breaker (stage 8: breaker 50%/20, "second"): the file has one`,
	}, s.Notes())
	require.Equal(t, 2*time.Second, s.Deadline)

	text := string(newConfig(map[string]*Service{"payments": &s}).YAML())
	require.Contains(t, text, "\n  # not in this file: retry.RetryIf, a function: code puts it in (Registry.Amend)\n")
	loaded(t, text)
}

func TestServiceOfOrders(t *testing.T) {
	d, inner := deadline.In(2*time.Second), deadline.In(time.Second)
	var (
		hold = bulkhead.Config{}
		loop = retry.Config{}
		cut  = breaker.Config{}
	)
	for name, test := range map[string]struct {
		stages   []resilience.Stage
		bulkhead Per
		breaker  Per
		note     string
	}{
		"as a file has them":         {[]resilience.Stage{d, hold, budget.Config{}, loop, cut, inner}, PerCall, PerAttempt, ""},
		"a budget further out":       {[]resilience.Stage{budget.Config{}, d, loop}, 0, 0, ""},
		"per attempt":                {[]resilience.Stage{d, loop, hold, cut}, PerAttempt, PerAttempt, ""},
		"per call":                   {[]resilience.Stage{d, hold, cut, loop, inner}, PerCall, PerCall, ""},
		"no loop":                    {[]resilience.Stage{d, hold, cut, inner}, PerCall, PerAttempt, ""},
		"no loop, breaker first":     {[]resilience.Stage{d, cut, hold}, PerAttempt, PerCall, ""},
		"an attempt's deadline only": {[]resilience.Stage{cut, inner}, 0, PerAttempt, ""},
		"a deadline in a bulkhead": {[]resilience.Stage{hold, d, loop}, PerCall, 0,
			"the order of its stages, which is bulkhead → deadline → retry"},
		"an attempt's deadline further out": {[]resilience.Stage{loop, d, cut}, 0, PerAttempt,
			"the order of its stages, which is retry → attempt_deadline → breaker"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := serviceOf("x", inForce(t, "x", test.stages))
			require.NoError(t, err)
			require.Equal(t, test.bulkhead, s.BulkheadPer)
			require.Equal(t, test.breaker, s.BreakerPer)
			if test.note != "" {
				require.Equal(t, []string{test.note}, s.Notes())
				return
			}
			require.Empty(t, s.Notes())
			require.ElementsMatch(t, inForce(t, "x", test.stages), inForce(t, "x", s.Stages()))
			again := loaded(t, string(newConfig(map[string]*Service{"x": &s}).YAML()))
			require.Equal(t, inForce(t, "x", s.Stages()), inForce(t, "x", again.Services()["x"]))
		})
	}
}

func TestServiceOfRefusesWhatMakesNoPipeline(t *testing.T) {
	for want, stages := range map[string][]resilience.Stage{
		"x: stage 2: a second retry loop (the first is stage 1); two multiply their attempts, so want one": {retry.Config{}, retry.Config{}},
		"x: stage 2: a second budget (the first is stage 1); a retry loop draws on one, so want one":       {budget.Config{}, budget.Config{}, retry.Config{}},
		"x: stage 1: is nil; leave it out, or give a Config":                                               {nil},
		"x: stage 1: deadline: Limit is -1ns; want a positive duration, such as 500ms":                     {deadline.In(-1)},
		"x: stage 1: bulkhead: MaxConcurrent is -2; want 1 to 2147483647, or 0 for the default (64)":       {bulkhead.Config{MaxConcurrent: -2}},
	} {
		_, err := serviceOf("x", stages)
		require.EqualError(t, err, want)
	}
	_, err := serviceOf("x", []resilience.Stage{retry.Config{Multiplier: 0.5}})
	field, ok := errors.AsType[*resilience.FieldError](err)
	require.True(t, ok)
	require.Equal(t, "Multiplier", field.Field)
	for _, c := range []resilience.Stage{budget.Config{Burst: -2}, breaker.Config{Buckets: -2}} {
		_, err := serviceOf("x", []resilience.Stage{c})
		require.Error(t, err)
	}
}

// A name that no file could have is refused, not changed.
func TestServiceOfRefusesNames(t *testing.T) {
	for _, name := range []string{"", "a\xffb", "a\nb"} {
		_, err := serviceOf(name, holdfast.Standard())
		require.ErrorContains(t, err, "is no name that a file can have")
	}
}

// Services that have facts keep them.
func TestConfigOfKeepsFacts(t *testing.T) {
	file := loaded(t, `
services:
  payments:
    template: critical
    rps: 200
    calls: [ledger]
    lint: {ignore: [{code: HF012, reason: known}]}
  ledger: {}
`)
	p, err := holdfast.New("payments", file.Services()["payments"]...)
	require.NoError(t, err)
	_, err = p.Tune(t.Context(), holdfast.Tuning{Budget: func(c *budget.Config) { c.Ratio = 0.25 }})
	require.NoError(t, err)
	running := map[string][]resilience.Stage{"payments": p.Stages(), "fresh": holdfast.Background()}
	c, err := configOf(maps.All(running), file)
	require.NoError(t, err)
	require.Equal(t, []string{"fresh", "payments"}, c.Names())
	payments, _ := c.Service("payments")
	require.Equal(t, 0.25, payments.Budget.Ratio)
	was, _ := file.Service("payments")
	require.Equal(t, was.RPS, payments.RPS)
	require.Equal(t, was.Calls, payments.Calls)
	require.Equal(t, was.Silenced, payments.Silenced)
	origin, ok := payments.Origin("budget.ratio")
	require.True(t, ok)
	require.Equal(t, "pipeline", origin.String())
	fresh, _ := c.Service("fresh")
	require.Zero(t, fresh.RPS)

	c, err = configOf(maps.All(running), nil)
	require.NoError(t, err)
	require.NotContains(t, string(c.YAML()), "rps:")
	requireRoundTrip(t, c)
}

// All errors are reported at once.
func TestConfigOfNamesEveryProblem(t *testing.T) {
	_, err := configOf(maps.All(map[string][]resilience.Stage{"a": {nil}, "b": {deadline.In(-1)}, "c": holdfast.Standard()}), nil)
	require.ErrorContains(t, err, "config: a: stage 1: is nil; leave it out, or give a Config")
	require.ErrorContains(t, err, "config: b: stage 1: deadline: Limit is -1ns")
	require.NotContains(t, err.Error(), "config: c:")
}

func TestServiceOfAGuardIsNotAskedAnything(t *testing.T) {
	require.NotPanics(t, func() {
		_, err := serviceOf("x", []resilience.Stage{gate{}})
		require.NoError(t, err)
	})
	require.NoError(t, gate{}.Wrap(func(context.Context) error { return nil })(t.Context()))
}
