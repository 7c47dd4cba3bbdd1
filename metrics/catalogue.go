package metrics

import (
	"slices"

	"github.com/media-gateway/holdfast/resilience"
)

// The catalogue. A new metric is a row here, and needs no code in the exporters. The metrics of a
// stage that only reports its own numbers are in a file of their own, such as bulkheads.go.

// durationBounds are bucket bounds for the durations of calls over a network, in seconds: two or
// three per decade.
var durationBounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// backoffBounds are bucket bounds for pauses, in seconds.
var backoffBounds = []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

var catalogue = slices.Concat(ofCalls, ofRetries, ofBudgets, ofBreakers, ofBulkheads, ofRateLimits, ofLearners, ofKeys, ofFleets, ofPools, ofConfigFiles)

// denials are the denials that are shown as 0 before they first happen.
var denials = slices.Concat(denialsOfCalls, denialsOfBulkheads, denialsOfRateLimits)

var ofCalls = []*Description{
	{
		Name: "holdfast.calls", Kind: Counter, Unit: "{call}", Labels: []Label{byOutcome, byReason},
		Help:   "Calls that ended, by outcome and by the reason why they stopped.",
		counts: &counted{kinds: on(resilience.EventCall), foreseen: foreseenCalls()},
	},
	{
		Name: "holdfast.calls_in_flight", Kind: UpDownCounter, Unit: "{call}",
		Help: "Calls begun and not ended.",
		read: &reading{from: func(s *standing, add adder) { add(float64(s.Live)) }},
	},
	{
		Name: "holdfast.call.duration", Kind: Histogram, Unit: "s", Labels: []Label{byOutcome}, Bounds: durationBounds,
		Help:   "How long calls took, retries and pauses included.",
		counts: &counted{kinds: on(resilience.EventCall), amount: elapsed, foreseen: []foreseen{{values: []string{"success"}}}},
	},
	{
		Name: "holdfast.attempts", Kind: Counter, Unit: "{attempt}", Labels: []Label{byAttempt, byVerdict},
		Help:   "Attempts that ended, by their number within the call and their verdict: what the dependency saw.",
		counts: &counted{kinds: on(resilience.EventAttempt), only: attempted, foreseen: foreseenAttempts()},
	},
	{
		Name: "holdfast.attempt.duration", Kind: Histogram, Unit: "s", Bounds: durationBounds,
		Help:   "How long attempts took.",
		counts: &counted{kinds: on(resilience.EventAttempt), only: attempted, amount: elapsed, foreseen: []foreseen{{}}},
	},
	{
		Name: "holdfast.denials", Kind: Counter, Unit: "{denial}", Labels: []Label{byStage, byReason},
		Help:   "Calls and attempts that were kept from the dependency, by who did that and why.",
		counts: &counted{kinds: on(resilience.EventReject, resilience.EventGiveUp), only: denied, foreseen: foreseenDenials()},
	},
	{
		Name: "holdfast.updates", Kind: Counter, Unit: "{update}", Labels: []Label{byUpdate},
		Help:   "Changes of the pipeline: its stages, or its tuning by hand.",
		counts: &counted{kinds: on(resilience.EventUpdate), foreseen: []foreseen{{values: []string{"stages"}}, {values: []string{"tuning"}}}},
	},
}

var ofRetries = []*Description{
	{
		Name: "holdfast.retries", Kind: Counter, Unit: "{retry}", Stage: "retry",
		Help:   "Retries decided and paid for.",
		counts: &counted{kinds: on(resilience.EventRetry), foreseen: []foreseen{{}}},
	},
	{
		Name: "holdfast.backoff", Kind: Histogram, Unit: "s", Stage: "retry", Bounds: backoffBounds,
		Help:   "Pauses before retries.",
		counts: &counted{kinds: on(resilience.EventRetry), amount: delay, foreseen: []foreseen{{}}},
	},
	{
		Name: "holdfast.retry.waits", Kind: Counter, Unit: "{wait}", Stage: "retry", Labels: []Label{byReason},
		Help:   "Pauses of a patient loop for what was refused to it for now, by the reason of the refusal.",
		counts: &counted{kinds: on(resilience.EventWait), foreseen: foreseenWaits()},
	},
	{
		Name: "holdfast.retry.waiting", Kind: UpDownCounter, Unit: "{call}", Stage: "retry",
		Help: "Calls of a patient loop that wait for what was refused to them.",
		read: readWaits(func(w *waits) float64 { return float64(w.Waiting) }),
	},
	{
		Name: "holdfast.retry.queue_limit", Kind: UpDownCounter, Unit: "{call}", Stage: "retry",
		Help: "The most calls of a patient loop that may wait. Absent if any number may.",
		read: readWaits(func(w *waits) float64 { return orUnlimited(w.QueueLimit) }),
	},
}

var ofBudgets = []*Description{
	{
		Name: "holdfast.budget.tokens", Kind: Gauge, Unit: "{token}", Stage: "budget",
		Help: "Tokens in the bank of the retry budget.",
		read: readBudget(func(b *budgetStanding, add adder) { add(b.Tokens) }),
	},
	{
		Name: "holdfast.budget.burst_tokens", Kind: Gauge, Unit: "{token}", Stage: "budget",
		Help: "The most tokens that the bank holds.",
		read: readBudget(func(b *budgetStanding, add adder) { add(float64(b.Burst)) }),
	},
	{
		Name: "holdfast.budget.ratio", Kind: Gauge, Unit: "1", Stage: "budget",
		Help: "Tokens that a call deposits.",
		read: readBudget(func(b *budgetStanding, add adder) { add(max(0, b.config.Ratio)) }), // -1 stands for none
	},
	{
		Name: "holdfast.budget.shadow", Kind: Gauge, Unit: "{budget}", Stage: "budget",
		Help: "1 if the budget only watches and refuses nothing, else 0.",
		read: readBudget(func(b *budgetStanding, add adder) { add(truth(b.config.Shadow)) }),
	},
	{
		Name: "holdfast.budget.deposits", Kind: Counter, Unit: "{deposit}", Stage: "budget",
		Help: "Deposits that found the bank less than full.",
		read: readBudget(func(b *budgetStanding, add adder) { add(float64(b.Deposits)) }),
	},
	{
		Name: "holdfast.budget.withdrawals", Kind: Counter, Unit: "{retry}", Stage: "budget", Labels: []Label{ofSource},
		Help: "Retries paid for, by the bank or the floor.",
		read: readBudget(func(b *budgetStanding, add adder) {
			add(float64(b.Withdrawals), "bank")
			add(float64(b.FloorPaid), "floor")
		}),
	},
	{
		Name: "holdfast.budget.slow_retries", Kind: Counter, Unit: "{retry}", Stage: "budget",
		Help: "Retries paid for after a slow failure, at a price of their own.",
		read: readBudget(func(b *budgetStanding, add adder) { add(float64(b.Slow)) }),
	},
	{
		Name: "holdfast.budget.slow_tokens", Kind: Counter, Unit: "{token}", Stage: "budget",
		Help: "Tokens that retries after a slow failure cost.",
		read: readBudget(func(b *budgetStanding, add adder) { add(b.SlowTokens) }),
	},
	{
		Name: "holdfast.budget.late", Kind: Gauge, Unit: "{budget}", Stage: "budget",
		Help: "1 while most recent successes come late, so that the budget takes every failure for a slow one, else 0.",
		read: readBudget(func(b *budgetStanding, add adder) { add(truth(b.Late)) }),
	},
	{
		Name: "holdfast.budget.late_spells", Kind: Counter, Unit: "{spell}", Stage: "budget",
		Help: "How often successes began to come late.",
		read: readBudget(func(b *budgetStanding, add adder) { add(float64(b.LateSpells)) }),
	},
	{
		Name: "holdfast.budget.refunds", Kind: Counter, Unit: "{retry}", Stage: "budget",
		Help: "Prices given back for retries that were never made.",
		read: readBudget(func(b *budgetStanding, add adder) { add(float64(b.Refunds)) }),
	},
	{
		Name: "holdfast.budget.success_refunds", Kind: Counter, Unit: "{retry}", Stage: "budget",
		Help: "Prices given back for retries that succeeded.",
		read: readBudget(func(b *budgetStanding, add adder) { add(float64(b.SuccessRefunds)) }),
	},
	{
		Name: "holdfast.budget.refunded_tokens", Kind: Counter, Unit: "{token}", Stage: "budget",
		Help: "Tokens that went back to the bank, for both reasons.",
		read: readBudget(func(b *budgetStanding, add adder) { add(b.RefundedTokens) }),
	},
	{
		Name: "holdfast.budget.refused", Kind: Counter, Unit: "{retry}", Stage: "budget",
		Help: "Retries refused by the budget.",
		read: readBudget(func(b *budgetStanding, add adder) { add(float64(b.Refused)) }),
	},
	{
		Name: "holdfast.budget.shadow_refused", Kind: Counter, Unit: "{retry}", Stage: "budget",
		Help: "Retries that would have been refused, were the budget not in shadow.",
		read: readBudget(func(b *budgetStanding, add adder) { add(float64(b.ShadowRefused)) }),
	},
}

var ofBreakers = []*Description{
	{
		Name: "holdfast.breaker.state", Kind: Gauge, Unit: "{breaker}", Stage: "breaker", Labels: []Label{ofBreaker, ofState},
		Help: "1 for the state that the breaker is in, 0 for the others.",
		read: &reading{from: func(s *standing, add adder) {
			for i, b := range s.Breakers {
				for state := range unknownState {
					add(truth(state == b.State), s.breakers[i], state.String())
				}
			}
		}},
	},
	{
		Name: "holdfast.breaker.outcomes", Kind: Gauge, Unit: "{outcome}", Stage: "breaker", Labels: []Label{ofBreaker, ofCount},
		Help: "Outcomes that the breaker counts now: those in its window, or of its probes.",
		read: &reading{from: func(s *standing, add adder) {
			for i, b := range s.Breakers {
				for name, n := range b.Counts.ByOutcome() {
					add(float64(n), s.breakers[i], name)
				}
			}
		}},
	},
	{
		Name: "holdfast.breaker.transitions", Kind: Counter, Unit: "{transition}", Stage: "breaker", Labels: []Label{byFrom, byTo},
		Help:   "Changes of a breaker's state.",
		counts: &counted{kinds: on(resilience.EventBreaker), foreseen: foreseenTransitions()},
	},
}

var ofLearners = []*Description{
	{
		Name: "holdfast.adaptive.success", Kind: Gauge, Unit: "1", Stage: "retry", Labels: []Label{ofPlace},
		Help: "Share of successes among the attempts that an adaptive retry loop remembers. Absent where it remembers none.",
		read: readLearned(func(l *learned, add adder) {
			for i, a := range l.Attempts {
				if a.Tries > 0 {
					add(a.Rate(), number(i+1))
				}
			}
		}),
	},
	{
		Name: "holdfast.adaptive.stretch", Kind: Gauge, Unit: "1", Stage: "retry",
		Help: "By how much an adaptive retry loop multiplies its base delay.",
		read: readLearned(func(l *learned, add adder) { add(l.Stretch) }),
	},
}

var ofKeys = []*Description{
	{
		Name: "holdfast.keyed.keys", Kind: UpDownCounter, Unit: "{key}", Stage: "keyed",
		Help: "Keys that have a pipeline of their own.",
		read: readKeys(func(k *keyedStats) float64 { return float64(k.Len) }),
	},
	{
		Name: "holdfast.keyed.breakers_open", Kind: UpDownCounter, Unit: "{key}", Stage: "keyed",
		Help: "Keys that have a breaker which is not closed: open, isolated or half-open.",
		read: readKeys(func(k *keyedStats) float64 { return float64(k.Open) }),
	},
	{
		Name: "holdfast.keyed.overflowed", Kind: Counter, Unit: "{call}", Stage: "keyed",
		Help: "Calls of keys for which there was no room, so that they shared a pipeline.",
		read: readKeys(func(k *keyedStats) float64 { return float64(k.Overflowed) }),
	},
}

func on(kinds ...resilience.EventKind) []resilience.EventKind { return kinds }
