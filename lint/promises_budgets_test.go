package lint_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/lint"
)

// What the linter promises about budgets, and of its fixes: see promises_test.go.

// A floor is for services with little traffic: they can retry, and no fix takes that from them.
// HF026 reports what many instances pay for together.
func TestPromiseAQuietServiceCanRetry(t *testing.T) {
	for _, rps := range []string{"0.01", "0.1", "0.3", "1"} {
		quiet := parse(t, "\tpayments: {template: critical, rps: "+rps+", breaker: off}")
		for _, pods := range []int{0, 1, 200} {
			_, ok := find(quiet.Lint(lint.Options{Pods: pods}), "HF021")
			require.False(t, ok, rps)
		}
	}
	c := parse(t, "\tpayments: {template: critical, rps: 0.1, budget: {floor: 1}, breaker: off}")
	f := says(t, c, lint.Options{}, "HF021", "warning: the floor of 1/s dwarfs what the ratio pays for at 0.1/s (0.3/s): in an outage it allows up to 5 retries per call")
	require.Equal(t, "budget.floor: 0.2", f.Fix.String())
	mended := parse(t, "\tpayments: {template: critical, rps: 0.1, budget: {floor: 0.2}, breaker: off}")
	silent(t, mended, "HF021")
	says(t, mended, lint.Options{Pods: 200}, "HF026", "info: in an outage the banks of 200 instances pay for up to 1000 retries at once, and their floors for 40/s after that, "+
		"beside 20/s calls: up to 3 attempts per call, and without the budget up to 6")
	synctest.Test(t, func(t *testing.T) {
		p := pipeline(t, mended, "payments")
		outage(t, p, 0.1, 100*time.Second) // spends the bank
		calls, attempts := outage(t, p, 0.1, 500*time.Second)
		require.GreaterOrEqual(t, attempts, 2*calls, "each call can still retry")
	})
}

// A slow_cost makes room for a high ratio, and lowers what an outage of slow failures pays for.
func TestPromiseTheLinterKnowsWhatASlowRetryCosts(t *testing.T) {
	const service = "\tpayments: {template: critical, rps: 20, breaker: off, budget: {ratio: RATIO, floor: 5, burst: 5, slow_cost: COST}}"
	of := func(ratio, cost string) *config.Config {
		return parse(t, strings.NewReplacer("RATIO", ratio, "COST", cost).Replace(service))
	}
	silent(t, of("4.9", "5"), "HF023")
	says(t, of("5", "5"), lint.Options{}, "HF023", "warning: ratio 5: even where half of the first attempts fail, the budget pays for that many retries of each, so it limits little")
	says(t, of("3", "5"), lint.Options{}, "HF025", "info: in an outage at 20/s there are up to 1.25 attempts per call (1.05 if they fail slowly), "+
		"once the bank's 5 retries are spent; without the budget up to 6")
	says(t, of("3", "2.5"), lint.Options{}, "HF025", "info: in an outage at 20/s there are up to 1.25 attempts per call (1.1 if they fail slowly), "+
		"once the bank's 5 retries are spent; without the budget up to 6")

	large := parse(t, "\tpayments: {template: critical, rps: 20, breaker: off, budget: {burst: 10000, slow_cost: 9000}}")
	f, ok := find(large.Lint(lint.Options{}), "HF022")
	require.True(t, ok)
	require.Equal(t, "budget.burst: 1000, budget.slow_cost: 1000", f.Fix.String())
}

// A bank that nothing fills pays for what it begins with: nothing, or a few retries in all.
func TestPromiseABankThatNothingFills(t *testing.T) {
	const service = "\tpayments: {template: critical, rps: 20, breaker: off, budget: {ratio: 0, floor: 0, initial: INITIAL}}"
	empty, few, one := parse(t, strings.Replace(service, "INITIAL", "0", 1)), parse(t, strings.Replace(service, "INITIAL", "5", 1)), parse(t, strings.Replace(service, "INITIAL", "1", 1))
	f := says(t, empty, lint.Options{Pods: 50}, "HF015", "error: the budget has neither a ratio nor a floor, and its bank begins empty: none of the 5 retries is ever paid for")
	require.Equal(t, "budget.ratio: 0.3", f.Fix.String())
	_, ok := find(empty.Lint(lint.Options{Pods: 50}), "HF026")
	require.False(t, ok, "there is nothing that all instances let pass")
	f = says(t, few, lint.Options{}, "HF027", "warning: the budget has neither a ratio nor a floor: it pays for 5 retries in the life of the process, and for none after that")
	require.Equal(t, "budget.ratio: 0.3", f.Fix.String())
	f = says(t, few, lint.Options{Pods: 50}, "HF026", "info: in an outage the banks of 50 instances pay for up to 250 retries at once, and none after that, beside 1000/s calls: "+
		"up to 1 attempt per call, and without the budget up to 6")
	require.Equal(t, "50 × initial 5", f.Arithmetic)
	says(t, one, lint.Options{Pods: 1}, "HF026", "info: in an outage the bank of 1 instance pays for up to 1 retry at once, and none after that, beside 20/s calls: "+
		"up to 1 attempt per call, and without the budget up to 6")
	says(t, one, lint.Options{}, "HF025", "info: in an outage at 20/s there are up to 1 attempt per call, once the bank's 1 retry is spent; without the budget up to 6")
	says(t, empty, lint.Options{}, "HF025", "info: in an outage at 20/s there are up to 1 attempt per call; without the budget up to 6")
	fed := parse(t, strings.NewReplacer("ratio: 0,", "ratio: 0.2,", "floor: 0,", "floor: 1, deposit_on: arrival,", "INITIAL", "0").Replace(service))
	says(t, fed, lint.Options{Pods: 50}, "HF026", "info: in an outage the banks of 50 instances pay for up to 250 retries at once, and their floors for 50/s "+
		"and deposits for 0.2 retries per call after that, beside 1000/s calls: up to 1.25 attempts per call, and without the budget up to 6")
	synctest.Test(t, func(t *testing.T) {
		calls, attempts := outage(t, pipeline(t, empty, "payments"), 20, 30*time.Second)
		require.InDelta(t, calls, attempts, 0)
		p := pipeline(t, few, "payments")
		calls, attempts = outage(t, p, 20, 30*time.Second)
		require.InDelta(t, calls+5, attempts, 0)
		for range 1000 { // which fill nothing
			require.NoError(t, p.Do(t.Context(), func(context.Context) error { return nil }))
		}
		calls, attempts = outage(t, p, 20, 30*time.Second)
		require.InDelta(t, calls, attempts, 0, "in the life of the process")
	})
	mended := parse(t, strings.Replace(strings.Replace(service, "INITIAL", "0", 1), "ratio: 0,", "ratio: 0.3,", 1))
	require.Zero(t, mended.Lint(lint.Options{}).Errors()+mended.Lint(lint.Options{}).Warnings())
}

// The settings of one fix do not cause the next finding.
func TestAFixIsNotTheNextFinding(t *testing.T) {
	for name, test := range map[string]struct{ service, code, fix string }{
		"a deadline, of retries":                  {"retry: {}, breaker: {}, budget: {}", "HF005", "deadline: 10s, attempt_deadline: 2.2s"},
		"a deadline, of one attempt":              {"breaker: {}", "HF005", "deadline: 5s"},
		"a deadline, of long pauses":              {"retry: {base_delay: 40s, max_delay: 60s, max_retries: 2}, budget: {}", "HF005", "deadline: 1m20s, attempt_deadline: 14s, retry.max_retries: 1"},
		"a deadline, without a number of retries": {"retry: {max_retries: unlimited}, attempt_deadline: 4s, budget: {}", "HF005", "deadline: 16s"},
		"an attempt deadline, of a breaker":       {"deadline: 40s, retry: {max_retries: 1}, breaker: {}, budget: {}", "HF004", "attempt_deadline: 5s"},
		"a budget":                                {"deadline: 10s, attempt_deadline: 2s, retry: {}", "HF013", "budget.ratio: 0.3"},
		"a budget, of a quiet service":            {"deadline: 10s, attempt_deadline: 2s, retry: {}, rps: 0.1", "HF013", "budget.ratio: 0.3, budget.floor: 0.2"},
		"a shadow, over all else": {"deadline: 10s, attempt_deadline: 2s, retry: {}, rps: 0.3, budget: {shadow: true, ratio: 50, floor: 20, burst: 100}",
			"HF020", "budget.shadow: false, budget.ratio: 0.3, budget.floor: 0.2, budget.burst: 20"},
		"a ratio, over a floor":     {"deadline: 10s, attempt_deadline: 2s, retry: {}, rps: 0.3, budget: {ratio: 50, floor: 20}", "HF023", "budget.ratio: 0.3, budget.floor: 0.2"},
		"a floor, over a burst":     {"deadline: 10s, attempt_deadline: 2s, retry: {}, rps: 0.3, budget: {floor: 20, burst: 100}", "HF021", "budget.floor: 0.2, budget.burst: 20"},
		"a budget, of some traffic": {"deadline: 10s, attempt_deadline: 2s, retry: {}, rps: 1.5", "HF013", "budget.ratio: 0.3, budget.floor: 0.3"},
	} {
		t.Run(name, func(t *testing.T) {
			c := parse(t, "\tpayments: {template: none, "+test.service+"}")
			f, ok := find(c.Lint(lint.Options{}), test.code)
			require.True(t, ok, c.Lint(lint.Options{}))
			require.Equal(t, test.fix, f.Fix.String())
			r := parse(t, "\tpayments: {template: none, "+merged(test.service, test.fix)+"}").Lint(lint.Options{})
			require.Zero(t, r.Errors()+r.Warnings(), r)
		})
	}
	// A breaker around the loop sees calls.
	all := sound(func(f *file) { f.deadline, f.attempt, f.breakerPerCall = 0, 0, true })
	f, ok := find(check(all, 0), "HF005")
	require.True(t, ok)
	require.Equal(t, "deadline: 5s, attempt_deadline: 1.6s", f.Fix.String())
	all["payments"] = all["payments"].apply(t, f.Fix)
	require.Empty(t, check(all, 0).Findings)
}

// merged writes a fix into the file of a service.
func merged(service, fix string) string {
	if rest, ok := strings.CutPrefix(fix, "budget."); ok { // all that the service says of its budget
		service, _, _ = strings.Cut(service, ", budget: ")
		return service + ", budget: {" + strings.ReplaceAll(rest, "budget.", "") + "}"
	}
	if times, retries, ok := strings.Cut(fix, ", retry.max_retries: "); ok {
		return strings.Replace(service, "max_retries: 2", "max_retries: "+retries, 1) + ", " + times
	}
	return service + ", " + fix
}
