package lint_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/lint"
)

// What is said of services that take part in a fleet, at and beside its boundaries.
func TestServicesOfAFleet(t *testing.T) {
	both := func(f *file) { f.breaker.Fleet, f.budget.Fleet = true, true }
	for name, c := range map[string]struct {
		change func(f *file)
		pods   int
		code   string
		reads  string // "": it is not found
		fix    string
	}{
		"the store's breaker": {
			func(f *file) { f.store, f.breaker.Fleet = true, true }, 200,
			"HF060", "its calls go to the store that the fleet stands on: when that is down, there is no fleet to open its breaker", "breaker.fleet: off",
		},
		"the store's budget": {
			func(f *file) { f.store, f.budget.Fleet = true, true }, 200,
			"HF060", "its calls go to the store that the fleet stands on: when that is down, there is no fleet to pool its budget", "budget.fleet: off",
		},
		"the store's both":               {func(f *file) { both(f); f.store = true }, 0, "HF060", "-", "breaker.fleet: off, budget.fleet: off"},
		"a store that shares nothing":    {func(f *file) { f.store = true }, 0, "HF060", "", ""},
		"a service that is no store":     {both, 0, "HF060", "", ""},
		"a store of a Keyed":             {func(f *file) { both(f); f.store, f.keyed = true, true }, 0, "HF060", "", ""},
		"nobody knows how many pods":     {both, 0, "HF061", "", ""},
		"a negative number of pods":      {both, -1, "HF061", "", ""},
		"one pod":                        {both, 1, "HF061", "a fleet of 1 instance: there is nobody to share its breaker with", "breaker.fleet: off"},
		"two pods":                       {both, 2, "HF061", "a fleet of 2 instances shares its breaker: with fewer than 10, each one's own does nearly as well", "breaker.fleet: off"},
		"ten pods":                       {both, 10, "HF061", "", ""},
		"few pods that share no breaker": {func(f *file) { f.budget.Fleet = true }, 3, "HF061", "", ""},
		"few pods of a Keyed":            {func(f *file) { both(f); f.keyed = true }, 3, "HF061", "", ""},
		"breakers of keys": {
			func(f *file) { f.keyed, f.breaker.Fleet = true, true }, 200,
			"HF062", "each key has a breaker of its own, and no fleet follows those: breaker.fleet has no effect", "breaker.fleet: off",
		},
		"budgets of keys": {
			func(f *file) { f.keyed, f.budget.Fleet = true, true }, 200,
			"HF062", "each key has a budget of its own, and no fleet pools those: budget.fleet has no effect", "budget.fleet: off",
		},
		"keys that share nothing": {func(f *file) { f.keyed = true }, 200, "HF062", "", ""},

		// A pooled floor is one for all pods.
		"a floor that dwarfs":          {func(f *file) { f.rps, f.budget.Floor = 2, 12 }, 20, "HF021", "-", "budget.floor: 0.4"},
		"a pooled one is divided":      {func(f *file) { f.rps, f.budget.Floor = 2, 12; both(f) }, 20, "HF021", "", ""},
		"a pooled one among who knows": {func(f *file) { f.rps, f.budget.Floor = 2, 12; both(f) }, 0, "HF021", "", ""},
		"a share that dwarfs": {
			func(f *file) { f.rps, f.budget.Floor = 2, 24; both(f) }, 20,
			"HF021", "the floor of 1.2/s, a share of 24/s that are pooled, dwarfs what the ratio pays for at 2/s (0.4/s): in an outage it allows up to 0.6 retries per call",
			"budget.floor: 8",
		},
		"what keys have is not divided": {func(f *file) { f.rps, f.budget.Floor = 2, 24; both(f); f.keyed = true }, 20, "HF021", "-", "budget.floor: 0.4"},
		"one floor": {
			func(f *file) { f.rps, f.budget.Fleet = 100, true }, 200,
			"HF026", "in an outage the banks of 200 instances and their pool pay for up to 1005 retries at once, and their one floor for 0.5/s after that, beside 20000/s calls: " +
				"up to 1 attempt per call, and without the budget up to 3", "",
		},
		"one floor of one": {
			func(f *file) { f.budget.Fleet = true }, 1,
			"HF026", "in an outage the bank of 1 instance and its pool pay for up to 10 retries at once, and its floor for 0.5/s after that", "",
		},
		"no floor at all": {
			func(f *file) { f.budget.Floor, f.budget.Fleet = -1, true }, 200,
			"HF026", "in an outage the banks of 200 instances and their pool pay for up to 1005 retries at once, and none after that", "",
		},
		"nothing that fills a pool": {
			func(f *file) { f.budget.Ratio, f.budget.Fleet = -1, true }, 200,
			"HF026", "in an outage the banks of 200 instances pay for up to 1000 retries at once, and their one floor for 0.5/s after that", "",
		},

		// Many pods with little traffic open together.
		"alone it opens late":    {func(f *file) { f.rps, f.budget.Floor = 0.1, -1 }, 200, "HF029", "-", "breaker.consecutive_failures: 10"},
		"together it does not":   {func(f *file) { f.rps, f.budget.Floor = 0.1, -1; both(f) }, 200, "HF029", "", ""},
		"two are not enough":     {func(f *file) { f.rps, f.budget.Floor = 0.1, -1; both(f) }, 2, "HF029", "-", "breaker.consecutive_failures: 10"},
		"nor who knows how many": {func(f *file) { f.rps, f.budget.Floor = 0.1, -1; both(f) }, 0, "HF029", "-", "breaker.consecutive_failures: 10"},
		"alone its ratio is idle": {func(f *file) {
			f.rps, f.breaker.MinRequests, f.breaker.ConsecutiveFailures, f.breakerPerCall = 1, 30, 8, true
		}, 200, "HF032", "-", "-"},
		"together it is not": {func(f *file) {
			f.rps, f.breaker.MinRequests, f.breaker.ConsecutiveFailures, f.breakerPerCall = 1, 30, 8, true
			both(f)
		}, 200, "HF032", "", ""},
		"together it is idle as well": {
			func(f *file) {
				f.rps, f.breaker.MinRequests, f.breaker.ConsecutiveFailures, f.breakerPerCall = 1, 30_000, 8, true
				both(f)
			}, 200, "HF032", "-", "-",
		},
		"and opens in time, by its row": {
			func(f *file) {
				f.rps, f.breaker.MinRequests, f.breaker.ConsecutiveFailures, f.breakerPerCall = 0.1, 30_000, 8, true
				both(f)
			}, 200, "HF029", "", "",
		},
		"a row alone": {
			func(f *file) { f.rps, f.breaker.FailureRatio, f.breakerPerCall = 0.1, -1, true }, 200, "HF029", "-", "-",
		},
		"a row together": {
			func(f *file) { f.rps, f.breaker.FailureRatio, f.breakerPerCall = 0.1, -1, true; both(f) }, 200, "HF029", "", "",
		},
		"a row of two": {
			func(f *file) { f.rps, f.breaker.FailureRatio, f.breakerPerCall = 0.1, -1, true; both(f) }, 2, "HF029", "-", "-",
		},
		"without the store it never opens": {func(f *file) { f.rps, f.breaker.ConsecutiveFailures = 0.1, -1; both(f) }, 200, "HF031", "-", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			r := check(sound(c.change), c.pods)
			found, ok := find(r, c.code)
			require.Equal(t, c.reads != "", ok, "%s", r)
			if c.reads != "" && c.reads != "-" {
				require.Equal(t, c.reads, found.Message)
			}
			if c.fix != "-" {
				require.Equal(t, c.fix, found.Fix.String())
			}
		})
	}
}

// Few pods are reported once for all services, and no setting of one of them would help.
func TestFewPodsAreReportedOnce(t *testing.T) {
	all := chain(func(name string, f *file) { f.breaker.Fleet = name != "payments" })
	r := check(all, 4)
	f, ok := find(r, "HF061")
	require.True(t, ok)
	require.Equal(t, "a fleet of 4 instances shares the breakers of 2 services: with fewer than 10, each one's own does nearly as well", f.Message)
	require.Empty(t, f.Fix)
	require.Equal(t, "breaker.fleet", f.Key)
	n := 0
	for _, f := range r.Findings {
		if f.Code == "HF061" {
			n++
		}
	}
	require.Equal(t, 1, n)
}

// A silence of what depends on the store and the pods may stay where they are not known.
func TestSilencesOfAFleetMayStay(t *testing.T) {
	silenced := sound(func(f *file) {
		f.breaker.Fleet = true
		f.silenced = []lint.Silence{{Code: "HF060", Reason: "yes"}, {Code: "HF061", Reason: "more to come"}}
	})
	require.Empty(t, check(silenced, 0).Findings)
	r := check(silenced, 5)
	require.Equal(t, 1, r.Silenced(), "%s", r)
	_, ok := find(r, "HF092")
	require.False(t, ok, "%s", r)
}

// The sum of all services has one floor of those that are pooled.
func TestPromisePooledFloors(t *testing.T) {
	c := parse(t, `
	a: {template: none, rps: 100, deadline: 10s, retry: {max_retries: 3}, budget: {floor: 1, burst: 5, fleet: pooled}}
	b: {template: none, rps: 100, deadline: 10s, retry: {max_retries: 3}, budget: {floor: 1, burst: 5}}`)
	says(t, c, lint.Options{Pods: 40}, "HF026", "info: in an outage the budgets of 2 services, with 40 instances each, pay for up to 405 retries at once, and for 41/s after that; "+
		"the most is that of b: 200, and 40/s")
	alone := parse(t, "\ta: {template: none, rps: 5, deadline: 10s, retry: {max_retries: 3}, budget: {floor: 1, burst: 5, fleet: pooled}}")
	f := says(t, alone, lint.Options{Pods: 40}, "HF026", "info: in an outage the banks of 40 instances and their pool pay for up to 205 retries at once, and their one floor for 1/s after that, "+
		"beside 200/s calls: up to 1.005 attempts per call, and without the budget up to 4")
	require.Equal(t, "40 × burst 5, and one in the pool, one floor of 1/s, as it is pooled", f.Arithmetic)
}
