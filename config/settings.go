package config

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// This file is the one description of what a service may say. The parser, the environment, the schema, the
// tables of docs/configuration.md and the printer all go by it; nothing about a key is said twice. A default is not
// written here: it is asked of the stage (see key.defaultText). Tests hold the bounds to what the stages accept, and see to
// it that every field of every stage's Config has its key.

// The words a value may be instead of a number, and what they are in Go.
var (
	durationUnlimited = []word{{"unlimited", time.Duration(check.Off)}}
	countUnlimited    = []word{{"unlimited", check.Off}}
	countOff          = []word{{"off", check.Off}}
	numberOff         = []word{{"off", float64(check.Off)}}
	deadlineOff       = []word{{"off", switchedOff}}
	onOrOff           = []word{{"on", switchedOn}, {"off", switchedOff}}

	perChoices     = []word{{"call", PerCall}, {"attempt", PerAttempt}}
	depositChoices = []word{{"success", budget.Success}, {"arrival", budget.Arrival}}
	backoffChoices = []word{
		{"exponential", retry.Exponential}, {"constant", retry.Constant},
		{"linear", retry.Linear}, {"fibonacci", retry.Fibonacci},
	}
	jitterChoices = []word{
		{"none", retry.NoJitter}, {"full", retry.FullJitter},
		{"equal", retry.EqualJitter}, {"decorrelated", retry.DecorrelatedJitter},
		{"additive", retry.AdditiveJitter(additiveFactor)},
	}
)

// additiveFactor is that of `jitter: additive`, as in the presets.
const additiveFactor = 0.3

// atAnyHint is the MaxRetryAfter of a loop that no hint makes wait: 0 in Go is the default.
const atAnyHint = time.Nanosecond

// serviceKeys are the keys of a service, of a template and of defaults, outside of sections.
var serviceKeys = []key{
	{path: "template", kind: kindName, def: defaultTemplate,
		doc: "The template to start from: one under `templates`, or a built-in one: critical, standard, background, or none, which starts " +
			"with nothing. Under `defaults`: what services take that name no template."},
	{path: "deadline", kind: kindDuration, words: deadlineOff, stage: "deadline", field: "Limit", def: "off",
		doc: "How long the whole call may take, retries and pauses included."},
	{path: "attempt_deadline", kind: kindDuration, words: deadlineOff, stage: "deadline", field: "Limit", def: "off",
		doc: "How long one attempt may take. Must be less than `deadline`."},
	{path: "bulkhead", kind: kindSection, words: onOrOff, stage: "bulkhead",
		doc: "Bounds how many calls are in flight at once, so that one slow dependency cannot take all the goroutines and connections of its caller."},
	{path: "budget", kind: kindSection, words: onOrOff, stage: "budget",
		doc: "Pays for retries out of what successful calls deposit, so that retries cannot multiply the load of a dependency that is down. Needs `retry`."},
	{path: "retry", kind: kindSection, words: onOrOff, stage: "retry",
		doc: "Repeats a call that failed in a way that may pass."},
	{path: "breaker", kind: kindSection, words: onOrOff, stage: "breaker",
		doc: "Stops calling a dependency that fails, and probes when it is back."},
	{path: "rps", kind: kindNumber, fact: true,
		doc: "How many calls a second one instance makes. Only the linter uses it."},
	{path: "calls", kind: kindCalls, fact: true,
		doc: "The services of this file that a call of this one goes on to call, as names or as {service: fraud, per_call: 2}. Only the linter uses it: it " +
			"multiplies the retries of all hops."},
	{path: "lint", kind: kindSection, fact: true,
		doc: "What the linter is to leave out."},
}

var bulkheadKeys = []key{
	{path: "bulkhead.max_concurrent", kind: kindCount, min: 1, max: math.MaxInt32, field: "MaxConcurrent",
		doc: "How many calls may be in flight."},
	{path: "bulkhead.max_wait", kind: kindDuration, words: durationUnlimited, zero: time.Duration(0), zeroMeans: "no call waits",
		field: "MaxWait", doc: "How long a call may wait for a place; unlimited: as long as its context lives."},
	{path: "bulkhead.per", kind: kindChoice, words: perChoices, def: "call",
		doc: "Whether a place is held for the whole call, or for each attempt anew."},
}

var budgetKeys = []key{
	{path: "budget.ratio", kind: kindNumber, max: 1000, zero: float64(check.Off), zeroMeans: "nothing is deposited", field: "Ratio",
		doc: "How many retries a call deposits: 0.1 pays for one retry per ten successful calls."},
	{path: "budget.floor", kind: kindNumber, max: 1e6, zero: float64(check.Off), zeroMeans: "no floor", field: "Floor",
		doc: "How many retries a second are paid for when the bank is empty, so that a service with little traffic can retry at all."},
	{path: "budget.burst", kind: kindCount, min: 1, max: 1_000_000_000, field: "Burst",
		doc: "How many retries the bank holds at the most."},
	{path: "budget.initial", kind: kindCount, max: 1_000_000_000, zero: check.Off, zeroMeans: "the bank starts empty", field: "Initial",
		def: "burst", doc: "How many retries the bank starts with, at most `burst`."},
	{path: "budget.deposit_on", kind: kindChoice, words: depositChoices, field: "DepositOn",
		doc: "What deposits: calls whose first attempt succeeds, or all that arrive."},
	{path: "budget.shadow", kind: kindFlag, field: "Shadow",
		doc: "Counts what the budget would have refused, and lets it pass."},
}

var retryKeys = []key{
	{path: "retry.max_retries", kind: kindCount, words: countUnlimited, zero: retry.NoRetries, zeroMeans: "no retries", field: "MaxRetries",
		doc: "How many attempts may follow the first; unlimited: as many as deadline and budget allow."},
	{path: "retry.base_delay", kind: kindDuration, field: "BaseDelay",
		doc: "The first pause, from which `backoff` makes the others."},
	{path: "retry.max_delay", kind: kindDuration, words: durationUnlimited, field: "MaxDelay",
		doc: "The longest pause that `backoff` yields, at least `base_delay`. Where nothing gives it, neither the service nor a template nor `defaults`, a longer " +
			"`base_delay` raises it. The built-in templates give it, so there a longer `base_delay` wants this as well. Additive jitter and a Retry-After may " +
			"still lengthen a pause."},
	{path: "retry.multiplier", kind: kindNumber, min: 1, max: math.MaxFloat64, field: "Multiplier",
		doc: "How much longer each pause is than the one before, with exponential backoff."},
	{path: "retry.jitter", kind: kindJitter, words: jitterChoices, field: "Jitter",
		doc: "How pauses are spread at random, so that callers that failed together do not come back together: a word, or {additive: 0.3} (up to so much " +
			"is added) or {proportional: 0.2} (up to so much is added or taken off), both above 0 and at most 1. `additive` alone is {additive: 0.3}."},
	{path: "retry.backoff", kind: kindChoice, words: backoffChoices, field: "Backoff",
		doc: "How pauses grow."},
	{path: "retry.min_attempt", kind: kindDuration, zero: time.Duration(0), zeroMeans: "any time at all", field: "MinAttempt",
		doc: "How much time an attempt needs to be worth starting before the deadline."},
	{path: "retry.max_retry_after", kind: kindDuration, words: durationUnlimited, zero: atAnyHint, zeroMeans: "a Retry-After ends the call",
		field: "MaxRetryAfter", doc: "The longest pause that a Retry-After may ask for; a longer one ends the call."},
	{path: "retry.adaptive", kind: kindSection, words: onOrOff, field: "Adaptive", def: "off",
		doc: "Makes the loop learn which attempts help, and leave out those that do not."},
}

var adaptiveKeys = []key{
	{path: "retry.adaptive.window", kind: kindDuration, min: float64(100 * time.Millisecond), field: "Adaptive.Window",
		doc: "How far back the loop remembers."},
	{path: "retry.adaptive.min_samples", kind: kindCount, min: 1, max: 1<<19 - 1, field: "Adaptive.MinSamples",
		doc: "How many attempts of a kind (second ones, third ones, …) the window must hold before they are judged."},
	{path: "retry.adaptive.min_gain", kind: kindNumber, max: 1, words: numberOff, zero: float64(check.Off), zeroMeans: "every attempt is worth making",
		field: "Adaptive.MinGain", doc: "The least share of successes for which an attempt is worth making."},
	{path: "retry.adaptive.explore", kind: kindNumber, max: 1, words: numberOff, zero: float64(check.Off), zeroMeans: "none",
		field: "Adaptive.Explore", doc: "The share of calls that go on although nothing they may try is worth it, so that an improvement is noticed."},
	{path: "retry.adaptive.max_stretch", kind: kindNumber, min: 1, max: 100, words: numberOff, field: "Adaptive.MaxStretch",
		doc: "By how much `base_delay` is multiplied while all first attempts fail; off: pauses do not grow."},
}

var breakerKeys = []key{
	{path: "breaker.name", kind: kindText, field: "Name", def: "the service's name",
		doc: "The breaker's name in errors and events."},
	{path: "breaker.failure_ratio", kind: kindNumber, max: 1, words: numberOff, field: "FailureRatio",
		doc: "Opens the breaker when this part of the outcomes in the window are failures, and there are at least `min_requests` of them."},
	{path: "breaker.min_requests", kind: kindCount, min: 1, max: math.MaxInt32, field: "MinRequests",
		doc: "How many outcomes the window must hold before `failure_ratio` counts."},
	{path: "breaker.consecutive_failures", kind: kindCount, min: 1, max: math.MaxInt32, words: countOff, field: "ConsecutiveFailures",
		doc: "Opens the breaker after so many failures in a row, however long they take: for a dependency with too little traffic for a ratio, " +
			"or attempts that hang for longer than the window."},
	{path: "breaker.window", kind: kindDuration, field: "Window",
		doc: "How long an outcome counts for `failure_ratio`, from when its call began: that of a call which takes longer than that does not count."},
	{path: "breaker.buckets", kind: kindCount, min: 1, max: 10_000, field: "Buckets",
		doc: "How many parts the window is forgotten in."},
	{path: "breaker.open_for", kind: kindDuration, field: "OpenFor",
		doc: "How long the breaker stays open before it probes. Each failed round of probes doubles it, up to `max_open_for`."},
	{path: "breaker.max_open_for", kind: kindDuration, field: "MaxOpenFor",
		doc: "The longest that `open_for` grows to, at least `open_for`. Where nothing gives it, neither the service nor a template nor `defaults`, a longer " +
			"`open_for` raises it. The built-in templates give it, so there a longer `open_for` wants this as well."},
	{path: "breaker.half_open_probes", kind: kindCount, min: 1, max: math.MaxInt32, field: "HalfOpenProbes",
		doc: "How many calls may pass while half-open, and how many have to succeed in a row to close the breaker."},
	{path: "breaker.probe_timeout", kind: kindDuration, words: durationUnlimited, field: "ProbeTimeout",
		doc: "How long after the last probe began the probes still under way count as failed; unlimited: never."},
	{path: "breaker.per", kind: kindChoice, words: perChoices, def: "attempt",
		doc: "Whether the breaker sees attempts (inside the retry loop) or whole calls (outside of it)."},
}

var lintKeys = []key{
	{path: "lint.ignore", kind: kindSilences, fact: true,
		doc: "Findings that are known and accepted, each as {code: HF012, reason: \"…\"}."},
}

// codeOnly lists the fields of stages' Configs that a file cannot give, and why.
var codeOnly = map[string]string{
	"retry.Classify":   "a function: holdfast.Registry.Amend puts it into the stages of a service",
	"retry.RetryIf":    "a function: holdfast.Registry.Amend puts it into the stages of a service",
	"retry.Budget":     "a budget that was built already; the section budget gives the loop one",
	"breaker.Classify": "a function: holdfast.Registry.Amend puts it into the stages of a service",
}
