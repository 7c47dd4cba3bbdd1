package config

import (
	"slices"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// This file is the only description of the keys of a service. The parser, the environment, the
// schema, the tables of docs/configuration.md and the printer all use it. Defaults and bounds are
// not here: they come from the stages (see key.defaultText and section.own). A test checks that
// every field of every stage's Config has a key.

// The words that may replace a number, and their values in Go.
var (
	durationUnlimited = []word{{"unlimited", time.Duration(check.Off)}}
	durationOff       = []word{{"off", time.Duration(check.Off)}}
	retriesWords      = []word{{"none", retry.None}, {"unlimited", retry.Unlimited}}
	countOff          = []word{{"off", check.Off}}
	limitUnlimited    = []word{{"unlimited", check.Off}}
	queueUnlimited    = []word{{"unlimited", 0}} // a 0 in a file would read as "no queue"
	numberOff         = []word{{"off", float64(check.Off)}}
	rateUnlimited     = []word{{"unlimited", float64(check.Off)}}
	deadlineOff       = []word{{"off", switchedOff}}
	onOrOff           = []word{{"on", switchedOn}, {"off", switchedOff}}
	flagOnOrOff       = []word{{"on", true}, {"off", false}}

	perChoices     = []word{{"call", PerCall}, {"attempt", PerAttempt}}
	poolChoices    = []word{{"pooled", true}, {"off", false}}
	depositChoices = []word{{"success", budget.Success}, {"arrival", budget.Arrival}, {"any_success", budget.AnySuccess}}
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

// additiveFactor is the factor of `jitter: additive`, as in the presets.
const additiveFactor = 0.3

// atAnyHint is the MaxRetryAfter that makes every Retry-After end the call. In Go 0 is the default,
// so it is the least duration above 0.
const atAnyHint = time.Nanosecond

// sections are the stages that a file can give to a service, in the order of a printed file. A new
// stage needs a row here, its keys below, and a field in Service.
var sections = completed([]section{
	{
		key: key{path: "ratelimit", kind: kindSection, words: onOrOff,
			doc: "Bounds how many calls begin in a second, for a dependency that counts them. It is outside the deadline, so that the wait for a token does " +
				"not count as the call's time."},
		keys: rateLimitKeys, slot: pointer[ratelimit.Config](func(s *Service) **ratelimit.Config { return &s.RateLimit }),
		place: aroundCall, per: func(s *Service) *Per { return &s.RateLimitPer },
	},
	{
		key: key{path: "deadline", kind: kindDuration, words: deadlineOff, field: "Limit", def: "off",
			doc: "How long the whole call may take, retries and pauses included."},
		slot: limit(func(s *Service) *time.Duration { return &s.Deadline }), place: aroundCall,
	},
	{
		key: key{path: "attempt_deadline", kind: kindDuration, words: deadlineOff, field: "Limit", def: "off",
			doc: "How long one attempt may take. Must be less than `deadline`."},
		slot: limit(func(s *Service) *time.Duration { return &s.AttemptDeadline }), place: atAttempt,
	},
	{
		key: key{path: "bulkhead", kind: kindSection, words: onOrOff,
			doc: "Bounds how many calls are in flight at once, so that one slow dependency cannot take all goroutines and connections of its caller."},
		keys: slices.Concat(bulkheadKeys, adaptiveLimitKeys), slot: pointer[bulkhead.Config](func(s *Service) **bulkhead.Config { return &s.Bulkhead }),
		place: aroundCall, per: func(s *Service) *Per { return &s.BulkheadPer },
	},
	{
		key: key{path: "budget", kind: kindSection, words: onOrOff,
			doc: "Pays for retries out of what successful calls deposit, so that retries cannot multiply the load of a dependency that is down. Needs `retry`."},
		keys: budgetKeys, slot: pointer[budget.Config](func(s *Service) **budget.Config { return &s.Budget }), place: withLoop,
		needs: "retry", without: "there is no retry loop for it to pay for",
	},
	{
		key: key{path: "retry", kind: kindSection, words: onOrOff,
			doc: "Repeats a call after an error that may pass."},
		keys: slices.Concat(retryKeys, adaptiveKeys), slot: pointer[retry.Config](func(s *Service) **retry.Config { return &s.Retry }), place: withLoop,
	},
	{
		key: key{path: "breaker", kind: kindSection, words: onOrOff,
			doc: "Stops calls to a dependency that fails, and probes whether it is back."},
		keys: breakerKeys, slot: pointer[breaker.Config](func(s *Service) **breaker.Config { return &s.Breaker }),
		place: aroundAttempt, per: func(s *Service) *Per { return &s.BreakerPer },
	},
})

// templateKeys, factKeys and lintKeys are the keys of a service that belong to no stage.
var templateKeys = []key{
	{path: "template", kind: kindName, def: defaultTemplate,
		doc: "The template to start from: one under `templates`, or a built-in one: critical, standard, background, or none, which is " +
			"empty. Under `defaults`: the template of services that name none."},
}

var factKeys = []key{
	{path: "rps", kind: kindNumber, fact: true,
		doc: "How many calls a second one instance makes. Only the linter uses it."},
	{path: "calls", kind: kindCalls, fact: true,
		doc: "The services of this file that a call of this one calls in turn, as names or as {service: fraud, per_call: 2}. Only the linter uses it: it " +
			"multiplies the retries of all hops."},
	{path: "lint", kind: kindSection, fact: true,
		doc: "Settings of the linter."},
}

var rateLimitKeys = []key{
	{path: "ratelimit.rate", kind: kindNumber, words: rateUnlimited, field: "Rate", def: "must be given",
		doc: "How many calls a second pass in the long run: 0.5 is one every two seconds."},
	{path: "ratelimit.burst", kind: kindCount, field: "Burst", def: "`rate`, rounded up",
		doc: "How many calls pass at once after a quiet time. Within a second up to `burst` + `rate` pass."},
	{path: "ratelimit.max_wait", kind: kindDuration, words: durationUnlimited, zero: time.Duration(0), zeroMeans: "no call waits",
		field: "MaxWait", doc: "How long a call may wait for a token; unlimited: until its context ends. A call whose token comes later is refused at once."},
	{path: "ratelimit.per", kind: kindChoice, words: perChoices,
		doc: "Whether calls or attempts are counted. A dependency that counts takes each attempt for a call."},
}

var bulkheadKeys = []key{
	{path: "bulkhead.max_concurrent", kind: kindCount, words: limitUnlimited, field: "MaxConcurrent", def: "64",
		doc: "How many calls may be in flight. With `adaptive` the default is unlimited: there is only the adaptive limit."},
	{path: "bulkhead.max_wait", kind: kindDuration, words: durationUnlimited, zero: time.Duration(0), zeroMeans: "no call waits",
		field: "MaxWait", doc: "How long a call may wait for a place; unlimited: until its context ends."},
	{path: "bulkhead.queue_limit", kind: kindCount, words: queueUnlimited, field: "QueueLimit",
		doc: "How many calls may wait for a place at the same time; one more is refused at once. Without `max_wait` no call waits, whatever this says."},
	{path: "bulkhead.per", kind: kindChoice, words: perChoices,
		doc: "Whether a place is held for the whole call, or for each attempt."},
	{path: "bulkhead.adaptive", kind: kindSection, words: onOrOff, field: "Adaptive", def: "off",
		doc: "Makes the bulkhead find a limit by itself, below `max_concurrent`: there is none until slow failures in a row say that the dependency " +
			"has too much to do."},
}

var adaptiveLimitKeys = []key{
	{path: "bulkhead.adaptive.slow_failures", kind: kindCount, field: "Adaptive.SlowFailures",
		doc: "How many slow failures in a row cut the limit: the attempt's time ran out, or more than half of it was used, or the dependency said that " +
			"it is overloaded."},
	{path: "bulkhead.adaptive.cut_to", kind: kindNumber, field: "Adaptive.CutTo",
		doc: "What a cut leaves, as a share of the limit or of what is in flight, whichever is less."},
	{path: "bulkhead.adaptive.cut_every", kind: kindDuration, field: "Adaptive.CutEvery",
		doc: "The least time between two cuts."},
	{path: "bulkhead.adaptive.calm_for", kind: kindDuration, words: durationUnlimited, field: "Adaptive.CalmFor",
		doc: "How long nothing must have failed slowly, and the limit must have kept nobody waiting, before there is no limit any more; unlimited: it stays."},
	{path: "bulkhead.adaptive.times", kind: kindNumber, words: numberOff, field: "Adaptive.Times",
		doc: "Cuts the limit also when most recent successes took so many times as long as four of five did before; it costs a second look at the clock."},
}

var budgetKeys = []key{
	{path: "budget.ratio", kind: kindNumber, zero: float64(check.Off), zeroMeans: "nothing is deposited", field: "Ratio",
		doc: "How many retries a call deposits: 0.1 pays for one retry per ten successful calls."},
	{path: "budget.floor", kind: kindNumber, zero: float64(check.Off), zeroMeans: "no floor", field: "Floor",
		doc: "How many retries a second are paid for when the bank is empty, so that a service with little traffic can retry at all."},
	{path: "budget.burst", kind: kindCount, field: "Burst",
		doc: "How many retries the bank holds at most."},
	{path: "budget.initial", kind: kindCount, zero: check.Off, zeroMeans: "the bank starts empty", field: "Initial",
		def: "burst", doc: "How many retries the bank starts with, at most `burst`."},
	{path: "budget.deposit_on", kind: kindChoice, words: depositChoices, field: "DepositOn",
		doc: "Which calls deposit: those whose first attempt succeeds, all that arrive, or (any_success) all that succeed, also after retries."},
	{path: "budget.slow_cost", kind: kindNumber, field: "SlowCost",
		doc: "How many tokens a retry costs after a slow failure, at most `burst`. Any other retry costs one. A failure is slow if the attempt's time ran out, " +
			"if it used more than half of that time, or if the dependency said that it is overloaded."},
	{path: "budget.refund_on_success", kind: kindFlag, field: "RefundOnSuccess",
		doc: "Gives the price of a retry back if that retry succeeds."},
	{path: "budget.slow_times", kind: kindNumber, words: numberOff, field: "SlowTimes",
		doc: "Also looks at how long successes take: while most recent ones took more than so many times as long as four of five usually do, every failure " +
			"counts as slow, and successes deposit nothing. At least 1."},
	{path: "budget.shadow", kind: kindFlag, field: "Shadow",
		doc: "Counts what the budget would refuse, and lets it pass."},
	{path: "budget.fleet", kind: kindChoice, words: poolChoices, field: "Fleet",
		doc: "Pools the tokens with those of the other pods of the fleet, and divides `floor` among them; off: each pod has its own. It has no effect in a " +
			"program that joins no fleet."},
}

var retryKeys = []key{
	{path: "retry.max_retries", kind: kindCount, words: retriesWords, zero: retry.None, zeroMeans: "no retries", field: "MaxRetries",
		doc: "How many attempts may follow the first: a number, none, or unlimited, which is as many as deadline and budget allow."},
	{path: "retry.base_delay", kind: kindDuration, field: "BaseDelay",
		doc: "The first pause, from which `backoff` makes the others."},
	{path: "retry.max_delay", kind: kindDuration, words: durationUnlimited, field: "MaxDelay",
		doc: "The longest pause that `backoff` yields, at least `base_delay`. If neither the service nor a template nor `defaults` sets it, a longer " +
			"`base_delay` raises it. The built-in templates set it, so with them a longer `base_delay` needs this as well. Additive jitter and a Retry-After may " +
			"still lengthen a pause."},
	{path: "retry.multiplier", kind: kindNumber, field: "Multiplier",
		doc: "How much longer each pause is than the one before, with exponential backoff."},
	{path: "retry.jitter", kind: kindJitter, words: jitterChoices, field: "Jitter",
		doc: "How pauses are spread at random, so that callers that failed together do not come back together: a word, or {additive: 0.3} (up to so much " +
			"is added) or {proportional: 0.2} (up to so much is added or taken off), both above 0 and at most 1. `additive` alone is {additive: 0.3}."},
	{path: "retry.backoff", kind: kindChoice, words: backoffChoices, field: "Backoff",
		doc: "How pauses grow."},
	{path: "retry.min_attempt", kind: kindDuration, zero: time.Duration(0), zeroMeans: "any time at all", field: "MinAttempt",
		doc: "How much time an attempt needs to be worth starting before the deadline."},
	{path: "retry.max_retry_after", kind: kindDuration, words: durationUnlimited, zero: atAnyHint, zeroMeans: "a Retry-After ends the call",
		field: "MaxRetryAfter", doc: "The longest pause that a Retry-After may ask for; a longer one ends the call. Callers with the same Retry-After are spread: " +
			"up to half of it, or the backoff if that is longer, is added, as far as the deadline allows; not with `jitter: none`."},
	{path: "retry.only_unsent", kind: kindFlag, field: "OnlyUnsent",
		doc: "Repeats a call only after attempts that provably never reached the dependency: for calls that must not be carried out twice, " +
			"such as a charge without an idempotency key."},
	{path: "retry.patient", kind: kindFlag, field: "Patient",
		doc: "Makes a call wait for what is refused now and may not be a moment later: a retry that the budget does not pay for, an attempt that an open breaker, " +
			"a full bulkhead or a rate limit per attempt refuses. It pauses as after a failed attempt, and asks again, while `max_retries` and `deadline` allow. " +
			"Otherwise the call fails at once."},
	{path: "retry.queue_limit", kind: kindCount, words: limitUnlimited, field: "QueueLimit",
		doc: "How many calls of a patient loop may wait at the same time for what was refused; one more fails at once. Without `patient` no call waits, whatever this says."},
	{path: "retry.adaptive", kind: kindSection, words: onOrOff, field: "Adaptive", def: "off",
		doc: "Makes the loop learn which attempts help, and skip those that do not."},
}

var adaptiveKeys = []key{
	{path: "retry.adaptive.window", kind: kindDuration, field: "Adaptive.Window",
		doc: "How far back the loop remembers."},
	{path: "retry.adaptive.min_samples", kind: kindCount, field: "Adaptive.MinSamples",
		doc: "How many attempts of a kind (second ones, third ones, …) the window must hold before they are judged."},
	{path: "retry.adaptive.min_gain", kind: kindNumber, words: numberOff, zero: float64(check.Off), zeroMeans: "every attempt is worth making",
		field: "Adaptive.MinGain", doc: "The least share of successes for which an attempt is worth making."},
	{path: "retry.adaptive.explore", kind: kindNumber, words: numberOff, zero: float64(check.Off), zeroMeans: "none",
		field: "Adaptive.Explore", doc: "The share of calls that continue although no further attempt is worth making, so that the loop notices an improvement."},
	{path: "retry.adaptive.max_stretch", kind: kindNumber, words: numberOff, field: "Adaptive.MaxStretch",
		doc: "By how much `base_delay` is multiplied while all first attempts fail; off: pauses do not grow."},
}

var breakerKeys = []key{
	{path: "breaker.name", kind: kindText, field: "Name", def: "the service's name",
		doc: "The breaker's name in errors and events."},
	{path: "breaker.failure_ratio", kind: kindNumber, words: numberOff, field: "FailureRatio",
		doc: "Opens the breaker when this share of the outcomes in the window are failures, and there are at least `min_requests` of them."},
	{path: "breaker.min_requests", kind: kindCount, field: "MinRequests",
		doc: "How many outcomes the window must hold before `failure_ratio` counts."},
	{path: "breaker.consecutive_failures", kind: kindCount, words: countOff, field: "ConsecutiveFailures",
		doc: "Opens the breaker after so many failures in a row, however long they take: for a dependency with too little traffic for a ratio, " +
			"or attempts that hang for longer than the window."},
	{path: "breaker.slow_call_duration", kind: kindDuration, words: durationOff, field: "SlowCallDuration",
		doc: "A call that takes longer counts as slow, whether it succeeds or fails."},
	{path: "breaker.slow_call_ratio", kind: kindNumber, field: "SlowCallRatio",
		doc: "Opens the breaker when this share of the outcomes in the window were slow, and there are at least `min_requests` of them. Needs " +
			"`slow_call_duration`."},
	{path: "breaker.window", kind: kindDuration, field: "Window",
		doc: "How long an outcome counts for the ratios, from the time at which its call began. If a call takes longer than that, its outcome does not count."},
	{path: "breaker.buckets", kind: kindCount, field: "Buckets",
		doc: "How many parts the window has; it is forgotten part by part. An outcome counts for `window`, or up to one part less, and never for more."},
	{path: "breaker.open_for", kind: kindDuration, field: "OpenFor",
		doc: "The least time that the breaker stays open before it probes. Each failed round of probes doubles it, up to `max_open_for`. Up to a quarter " +
			"is added at random."},
	{path: "breaker.max_open_for", kind: kindDuration, field: "MaxOpenFor",
		doc: "The longest that `open_for` grows to, before that quarter; at least `open_for`. If neither the service nor a template nor `defaults` " +
			"sets it, a longer `open_for` raises it. The built-in templates set it, so with them a longer `open_for` needs this as well."},
	{path: "breaker.min_open_for", kind: kindDuration, words: durationOff, field: "MinOpenFor",
		doc: "Lets the pauses follow the failures: the breaker stays open for about as long as failures of late took, at least for this time and at most for " +
			"`open_for`, with one probe each pause, until the last `half_open_probes` outcomes close it. No pause doubles then, and `max_open_for` has no effect."},
	{path: "breaker.half_open_probes", kind: kindCount, field: "HalfOpenProbes",
		doc: "How many calls may pass while half-open, and how many outcomes decide: by `min_successes` if that is set, else by `failure_ratio`, " +
			"`slow_call_ratio` and `consecutive_failures`, as in the window. Without a `failure_ratio` one failure opens the breaker again. If it is " +
			"not set, a larger `min_successes` raises it."},
	{path: "breaker.min_successes", kind: kindCount, words: countOff, field: "MinSuccesses",
		doc: "How many of the `half_open_probes` have to succeed, at most all. It decides alone whether the breaker closes, instead of the ratios and " +
			"`consecutive_failures`: it closes as soon as so many have succeeded, and opens again as soon as too many have failed, or were slow, to reach that."},
	{path: "breaker.probe_timeout", kind: kindDuration, words: durationUnlimited, field: "ProbeTimeout",
		doc: "How long a probe may take: if one takes longer, the round of probes has failed; unlimited: the breaker waits for ever."},
	{path: "breaker.ignore_unclassified", kind: kindFlag, field: "IgnoreUnclassified",
		doc: "Ignores errors that nobody has classified, as if the calls had not been made. Otherwise they are failures."},
	{path: "breaker.fleet", kind: kindFlag, words: flagOnOrOff, field: "Fleet",
		doc: "Shares what the breaker counts with the other pods of the fleet, which may open it, and say which pod probes. It has no effect in a program " +
			"that joins no fleet."},
	{path: "breaker.per", kind: kindChoice, words: perChoices,
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
	"breaker.Classify": "a function: holdfast.Registry.Amend puts it into the stages of a service",
}
