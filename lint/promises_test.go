package lint_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
)

// What the linter promises, line by line. Each is read from a file, as an operator writes it, and
// compared with what pipelines of that file do.

var errDown = resilience.MarkTransient(errors.New("down"))

// parse loads a file of services, which is indented by a tab.
func parse(t *testing.T, services string) *config.Config {
	t.Helper()
	c, err := config.Parse(strings.NewReader("services:\n"+strings.ReplaceAll(services, "\t", "  ")), config.WithEnvironment(nil))
	require.NoError(t, err)
	return c
}

// says requires that a file has a finding with this text, arithmetic and fix.
func says(t *testing.T, c *config.Config, o lint.Options, code, want string) lint.Finding {
	t.Helper()
	r := c.Lint(o)
	f, ok := find(r, code)
	require.True(t, ok, "no %s: %s", code, r)
	require.Equal(t, want, f.Severity.String()+": "+f.Message)
	require.NotEmpty(t, f.Numbers)
	require.Positive(t, f.Position.Line)
	doc, ok := lint.Explain(code)
	require.True(t, ok)
	require.Equal(t, doc.Severity, f.Severity)
	return f
}

// silent requires that a file has no such finding.
func silent(t *testing.T, c *config.Config, code string) {
	t.Helper()
	_, ok := find(c.Lint(lint.Options{}), code)
	require.False(t, ok, c.Lint(lint.Options{}))
}

func pipeline(t *testing.T, c *config.Config, name string) *holdfast.Pipeline {
	t.Helper()
	return holdfast.Must(holdfast.New(name, c.Services()[name]...))
}

func pass(d time.Duration) { <-time.After(d) }

// outage makes so many calls a second for a while. All of them fail at once. It returns the numbers
// of calls and attempts.
func outage(t *testing.T, p *holdfast.Pipeline, rps float64, lasts time.Duration) (calls, attempts float64) {
	t.Helper()
	var ran atomic.Int64
	for at := time.Duration(0); at < lasts; at += time.Duration(float64(time.Second) / rps) {
		calls++
		go func() { _ = p.Do(context.Background(), func(context.Context) error { ran.Add(1); return errDown }) }()
		pass(time.Duration(float64(time.Second) / rps))
	}
	pass(time.Minute)
	synctest.Wait()
	return calls, float64(ran.Load())
}

func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestPromiseWorstCaseTime(t *testing.T) {
	c := parse(t, "\tpayments: {template: critical, deadline: 2s, attempt_deadline: 500ms, budget: off, retry: {max_retries: 5, base_delay: 50ms, jitter: full}}")
	f := says(t, c, lint.Options{}, "HF001",
		"error: 5 retries need up to 4.55 s; the deadline is 2 s: the 4th and 5th can never run if attempts take their whole 500 ms")
	require.Equal(t, "6 attempts × attempt_deadline 500 ms = 3 s, pauses up to 1.55 s, together 4.55 s", f.Arithmetic)
	require.Equal(t, "retry.max_retries: 3", f.Fix.String())
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			ran, began := 0, time.Now()
			_ = pipeline(t, c, "payments").Do(t.Context(), func(ctx context.Context) error { ran++; return hang(ctx) })
			require.Equal(t, 4, ran, "the 4th and 5th retry never run, and the others always do")
			require.LessOrEqual(t, time.Since(began), 2*time.Second)
		}
	})
}

func TestPromiseAmplification(t *testing.T) {
	with := "\tpayments: {template: none, deadline: 10s, attempt_deadline: 1s, rps: 20, budget: {ratio: 0.1, floor: 1, burst: 10}, retry: {max_retries: 5, base_delay: 50ms, jitter: full}}"
	c := parse(t, with)
	says(t, c, lint.Options{}, "HF025", "info: in an outage at 20/s there are up to 1.05 attempts per call, once the bank's 10 retries are spent; without the budget up to 6")
	bare := parse(t, strings.Replace(with, "budget: {ratio: 0.1, floor: 1, burst: 10}", "budget: off", 1))
	says(t, bare, lint.Options{}, "HF013", "warning: no budget: in an outage every call becomes up to 6 attempts")
	synctest.Test(t, func(t *testing.T) {
		p := pipeline(t, c, "payments")
		outage(t, p, 20, 10*time.Second) // spends the bank
		calls, attempts := outage(t, p, 20, 200*time.Second)
		require.InDelta(t, 1.05, attempts/calls, 0.005)
		calls, attempts = outage(t, pipeline(t, bare, "payments"), 20, 20*time.Second)
		require.InDelta(t, 6, attempts/calls, 0)
	})
}

func TestPromiseFleet(t *testing.T) {
	c := parse(t, "\tpayments: {template: standard, rps: 5, budget: {floor: 1}, breaker: off}")
	f := says(t, c, lint.Options{Pods: 200}, "HF026",
		"info: in an outage the banks of 200 instances pay for up to 1000 retries at once, and their floors for 200/s after that, beside 1000/s calls: "+
			"up to 1.2 attempts per call, and without the budget up to 4")
	require.Equal(t, "200 × burst 5, 200 × floor 1/s", f.Arithmetic)
	synctest.Test(t, func(t *testing.T) {
		const instances, lasts = 20, 100.0
		retries := 0.0
		for range instances {
			calls, attempts := outage(t, pipeline(t, c, "payments"), 5, lasts*time.Second)
			retries += attempts - calls
		}
		require.InEpsilon(t, instances*(5+1*lasts), retries, 0.03)
	})
}

func TestPromiseProductOverHops(t *testing.T) {
	c := parse(t, `
	gateway: {template: critical, rps: 100, breaker: off, calls: [checkout]}
	checkout: {template: standard, rps: 100, breaker: off, calls: [{service: payments, per_call: 2}]}
	payments: {template: background, rps: 200, breaker: off}`)
	says(t, c, lint.Options{}, "HF054", "info: gateway → checkout → payments: up to 6 × 4 × 2 calls × 3 = 144 attempts for one request if payments is down; "+
		"with the budgets up to 2, once the banks are spent")
	f := says(t, c, lint.Options{}, "HF053", "info: gateway retries, and so does checkout, which it reaches: up to 6 × 4 = 24 attempts at checkout for one request; "+
		"their budgets bound it in a long outage")
	require.Equal(t, "retry.max_retries: none, attempt_deadline: off", f.Fix.String())
	bare := parse(t, strings.ReplaceAll(`
	gateway: {template: critical, BARE, deadline: off, attempt_deadline: off, calls: [checkout]}
	checkout: {template: standard, BARE, deadline: off, attempt_deadline: off, calls: [{service: payments, per_call: 2}]}
	payments: {template: background, BARE}`, "BARE", "breaker: off, budget: off"))
	says(t, bare, lint.Options{}, "HF054", "info: gateway → checkout → payments: up to 6 × 4 × 2 calls × 3 = 144 attempts for one request if payments is down; no budget limits that")
	f = says(t, bare, lint.Options{}, "HF052", "warning: gateway retries, and so does checkout, which it reaches: up to 6 × 4 = 24 attempts at checkout for one request; "+
		"gateway and checkout have no budget that limits it")
	require.Equal(t, "retry.max_retries: none", f.Fix.String())
	synctest.Test(t, func(t *testing.T) {
		ran := 0
		gateway, checkout, payments := pipeline(t, bare, "gateway"), pipeline(t, bare, "checkout"), pipeline(t, bare, "payments")
		_ = gateway.Do(t.Context(), func(ctx context.Context) error {
			return checkout.Do(ctx, func(ctx context.Context) (err error) {
				for range 2 {
					err = payments.Do(ctx, func(context.Context) error { ran++; return errDown })
				}
				return resilience.MarkTransient(err)
			})
		})
		require.Equal(t, 144, ran)
	})
}

func TestPromiseNoJitter(t *testing.T) {
	c := parse(t, "\tpayments: {template: standard, retry: {jitter: none}}")
	f := says(t, c, lint.Options{}, "HF010", "warning: no jitter: callers that fail together all come back together, 100 ms later")
	require.Equal(t, "retry.jitter: full", f.Fix.String())
	synctest.Test(t, func(t *testing.T) {
		began, back := time.Now(), map[time.Duration]int{}
		for range 5 {
			ran := 0
			_ = pipeline(t, c, "payments").Do(t.Context(), func(context.Context) error {
				if ran++; ran == 2 {
					back[time.Since(began)]++
					return nil
				}
				return errDown
			})
			began = time.Now()
		}
		require.Equal(t, map[time.Duration]int{100 * ms: 5}, back)
	})
}

func TestPromiseShadow(t *testing.T) {
	c := parse(t, "\tpayments: {template: standard, rps: 20, budget: {shadow: true}, breaker: off}")
	f := says(t, c, lint.Options{}, "HF020", "warning: the budget is in shadow: it counts what it would refuse, and in an outage every call becomes up to 4 attempts")
	require.Equal(t, "budget.shadow: false", f.Fix.String())
	synctest.Test(t, func(t *testing.T) {
		calls, attempts := outage(t, pipeline(t, c, "payments"), 20, 30*time.Second)
		require.InDelta(t, 4, attempts/calls, 0)
	})
}

func TestPromiseFloorDwarfsRatio(t *testing.T) {
	c := parse(t, "\tpayments: {template: standard, rps: 2, budget: {ratio: 0.1, floor: 1}, breaker: off}")
	f := says(t, c, lint.Options{}, "HF021", "warning: the floor of 1/s dwarfs what the ratio pays for at 2/s (0.2/s): in an outage it allows up to 0.5 retries per call")
	require.Equal(t, "floor 1 / 2 = 0.5; ratio 0.1 × 2 = 0.2", f.Arithmetic)
	require.Equal(t, "budget.floor: 0.4", f.Fix.String())
	synctest.Test(t, func(t *testing.T) {
		p := pipeline(t, c, "payments")
		outage(t, p, 2, 30*time.Second)
		calls, attempts := outage(t, p, 2, 200*time.Second)
		require.InDelta(t, 1.5, attempts/calls, 0.02)
	})
}

// An attempt that is given up while the call made for it continues: if the caller has the time, the
// fix is at the caller.
func TestPromiseFixOfACallThatGoesOn(t *testing.T) {
	for name, test := range map[string]struct{ services, service, fix string }{
		"both retry": {`
	checkout: {template: critical, calls: [payments]}
	payments: {template: critical}`, "checkout", "retry.max_retries: none, attempt_deadline: off"},
		"the caller's attempts may be longer": {`
	checkout: {template: critical, deadline: 70s, calls: [payments]}
	payments: {template: critical}`, "checkout", "attempt_deadline: 10s"},
		"one attempt may have all the time": {`
	checkout: {template: none, deadline: 10s, attempt_deadline: 1s, calls: [payments]}
	payments: {template: critical}`, "checkout", "attempt_deadline: off"},
		"the caller has not the time": {`
	checkout: {template: critical, deadline: 3s, attempt_deadline: 1s, retry: {max_retries: 1}, calls: [payments]}
	payments: {template: critical, retry: {max_retries: 1}, attempt_deadline: 3s}`, "payments", "deadline: 1s, attempt_deadline: 460ms"},
		"what would be cut short is shortened": {`
	checkout: {template: none, deadline: 1.3s, attempt_deadline: 1s, retry: {max_retries: 5}, calls: [payments]}
	payments: {template: none, deadline: 20s, attempt_deadline: 450ms, retry: {max_retries: 2, base_delay: 80ms, max_delay: 80ms}}`, "payments", "deadline: 1s, attempt_deadline: 260ms"},
		"whoever asks the caller would not wait": {`
	gateway: {template: none, deadline: 1s, calls: [checkout]}
	checkout: {template: none, attempt_deadline: 1s, calls: [payments]}
	payments: {template: none, deadline: 5s}`, "payments", "deadline: 1s, attempt_deadline: off"},
		"a deadline that may be either": {`
	checkout: {template: none, deadline: 1s, calls: [payments]}
	payments: {template: none, attempt_deadline: 5s}`, "payments", "deadline: 1s, attempt_deadline: off"},
	} {
		t.Run(name, func(t *testing.T) {
			f, ok := find(parse(t, test.services).Lint(lint.Options{}), "HF055")
			require.True(t, ok)
			require.Equal(t, []string{test.service, test.fix}, []string{f.Service, f.Fix.String()})
		})
	}
}

// Jitter that spreads next to nothing, with a deadline: longer pauses are no fix if they would cost
// retries.
func TestPromiseFixOfLittleJitter(t *testing.T) {
	for name, test := range map[string]struct{ service, fix string }{
		"there is room": {
			"{template: none, deadline: 10s, attempt_deadline: 1s, retry: {max_retries: 2, base_delay: 10ms, jitter: {additive: 0.001}}}",
			"retry.base_delay: 500ms",
		},
		"longer pauses would cost retries": {
			"{template: none, deadline: 300ms, attempt_deadline: 80ms, retry: {max_retries: 2, base_delay: 10ms, jitter: {additive: 0.001}}}",
			"retry.jitter: full",
		},
		"there is room for nothing": {
			"{template: none, deadline: 1ms, attempt_deadline: 100us, retry: {max_retries: 2, base_delay: 100us, jitter: {additive: 0.001}}}",
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, ok := find(parse(t, "\tpayments: "+test.service).Lint(lint.Options{}), "HF011")
			require.True(t, ok)
			require.Equal(t, test.fix, f.Fix.String())
		})
	}
}

// A rate limit around the loop: the finding counts the attempts that fit before the deadline, and
// also knows unlimited retries.
func TestPromiseOfRetriesThatARateLimitDoesNotCount(t *testing.T) {
	for name, test := range map[string]struct{ service, says string }{
		"all retries": {
			"deadline: 10s, retry: {max_retries: 2}",
			"the limit of 5/s counts calls, and each may become up to 3 attempts: the dependency may get up to 15/s",
		},
		"as many as fit": {
			"deadline: 150ms, retry: {max_retries: 5, base_delay: 100ms, jitter: none}",
			"the limit of 5/s counts calls, and each may become up to 2 attempts: the dependency may get up to 10/s",
		},
		"any number": {
			"deadline: off, retry: {max_retries: unlimited}",
			"the limit of 5/s counts calls, and each may become any number of attempts",
		},
		"none": {"deadline: 10s, retry: {max_retries: none}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := find(parse(t, "\tpayments: {template: none, ratelimit: {rate: 5}, "+test.service+"}").Lint(lint.Options{}), "HF048")
			require.Equal(t, test.says, f.Message)
		})
	}
}

// A ratio that pays for everything: with a sound ratio, the floor may be too high next.
func TestPromiseFixOfAHugeRatioTakesTheFloorAlong(t *testing.T) {
	for budget, fix := range map[string]string{
		"{ratio: 3, floor: 20}":  "budget.ratio: 0.3, budget.floor: 2",
		"{ratio: 3, floor: 0.5}": "budget.ratio: 0.3",
	} {
		f, ok := find(parse(t, "\tpayments: {template: none, deadline: 10s, attempt_deadline: 1s, rps: 10, retry: {max_retries: 2}, budget: "+budget+"}").Lint(lint.Options{}), "HF023")
		require.True(t, ok, budget)
		require.Equal(t, fix, f.Fix.String(), budget)
	}
}

// A bank that is too large: `initial` has to follow a smaller burst.
func TestPromiseFixOfABurstTakesInitialAlong(t *testing.T) {
	for service, fix := range map[string]string{
		"budget: {burst: 900}":               "budget.burst: 20",
		"budget: {burst: 900, initial: 900}": "budget.burst: 20, budget.initial: 20",
		"budget: {burst: 900, initial: 800}": "budget.burst: 20, budget.initial: 20",
		"budget: {burst: 900, initial: 7}":   "budget.burst: 20",
	} {
		f, ok := find(parse(t, "\tpayments: {template: none, deadline: 10s, attempt_deadline: 1s, rps: 1, retry: {max_retries: 2}, "+service+"}").Lint(lint.Options{}), "HF022")
		require.True(t, ok, service)
		require.Equal(t, fix, f.Fix.String(), service)
	}
}

func TestPromiseSeveritiesAndSilence(t *testing.T) {
	const service = `
	payments: {template: critical, deadline: 2s, attempt_deadline: 500ms, rps: 100, retry: {base_delay: 50ms, jitter: none}SILENCE}`
	r := parse(t, strings.Replace(service, "SILENCE", "", 1)).Lint(lint.Options{})
	require.Equal(t, []string{"HF001", "HF010", "HF025"}, []string{r.Findings[0].Code, r.Findings[1].Code, r.Findings[2].Code}, "the worst first")
	require.Equal(t, []int{1, 1, 1, 0}, []int{r.Errors(), r.Warnings(), r.Infos(), r.Silenced()})

	r = parse(t, strings.Replace(service, "SILENCE", `, lint: {ignore: [{code: HF001, reason: "failures come at once here"}]}`, 1)).Lint(lint.Options{})
	require.Equal(t, []int{0, 1, 1, 1}, []int{r.Errors(), r.Warnings(), r.Infos(), r.Silenced()})
	require.Equal(t, "failures come at once here", r.Findings[2].Silenced)

	_, err := config.Parse(strings.NewReader("services: {payments: {lint: {ignore: [{code: HF001}]}}}"), config.WithEnvironment(nil))
	require.ErrorContains(t, err, "reason", "a file cannot silence without one")
}

// A silenced finding may come and go with the number of instances and with other services.
func TestASilenceOfASituationIsNotIdle(t *testing.T) {
	c := parse(t, `
	payments: {template: critical, rps: 100, lint: {ignore: [{code: HF025, reason: seen}, {code: HF026, reason: seen}]}}
	ledger: {template: critical, rps: 10}`)
	for _, pods := range []int{0, 20} {
		r := c.Lint(lint.Options{Pods: pods})
		_, ok := find(r, "HF092")
		require.False(t, ok, r)
	}
}
