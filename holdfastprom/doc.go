// Package holdfastprom shows Prometheus what Holdfast's pipelines do: whether they retry,
// whether it helps, and why calls stopped.
//
//	metrics, err := holdfastprom.New()
//	…
//	prometheus.MustRegister(metrics)
//	payments, err := holdfast.New("payments", append([]resilience.Stage{holdfast.Observe(metrics)}, holdfast.Standard()...)...)
//
// One Metrics serves any number of pipelines. All metrics have the label pipeline; the others,
// their values and their meaning:
//
//	Metric                                  Type       Labels                    Meaning
//	holdfast_calls_total                    counter    outcome, reason           calls that ended
//	holdfast_calls_in_flight                gauge                                calls begun and not ended
//	holdfast_call_duration_seconds          histogram  outcome                   how long calls took, retries and pauses included
//	holdfast_attempts_total                 counter    attempt, verdict          attempts that ended: what the dependency saw
//	holdfast_attempt_duration_seconds       histogram                            how long attempts took
//	holdfast_retries_total                  counter                              retries decided and paid for
//	holdfast_backoff_seconds                histogram                            pauses before retries
//	holdfast_retries_denied_total           counter    reason                    calls whose next attempt was denied
//	holdfast_rejections_total               counter    stage, reason             calls and attempts that a stage refused
//	holdfast_budget_tokens                  gauge                                tokens in the bank
//	holdfast_budget_burst_tokens            gauge                                the most that the bank holds
//	holdfast_budget_ratio                   gauge                                tokens that a call deposits
//	holdfast_budget_shadow                  gauge                                1 if the budget only watches
//	holdfast_budget_deposits_total          counter                              deposits that found the bank less than full
//	holdfast_budget_withdrawals_total       counter    source                    retries paid for, by the bank or the floor
//	holdfast_budget_refunds_total           counter                              tokens given back for retries never made
//	holdfast_budget_refused_total           counter                              retries refused
//	holdfast_budget_shadow_refused_total    counter                              retries that would have been refused, but for shadow
//	holdfast_breaker_state                  gauge      breaker, state            1 for the state that the breaker is in, else 0
//	holdfast_breaker_transitions_total      counter    from, to                  changes of a breaker's state
//	holdfast_bulkhead_in_use                gauge      bulkhead                  calls inside the bulkhead
//	holdfast_bulkhead_waiting               gauge      bulkhead                  calls that wait to enter
//	holdfast_bulkhead_capacity              gauge      bulkhead                  the most that it lets in
//	holdfast_adaptive_success_ratio         gauge      attempt                   share of successes among the attempts that a loop remembers
//	holdfast_adaptive_stretch_ratio         gauge                                by how much a loop multiplies its base delay
//	holdfast_keyed_keys                     gauge                                keys of a Keyed that have a pipeline
//	holdfast_keyed_breakers_open            gauge                                keys that have a breaker which is not closed
//	holdfast_keyed_overflowed_total         counter                              calls of keys for which there was no room
//	holdfast_updates_total                  counter    kind                      changes of the pipeline: stages, or tuning by hand
//
// outcome is success, failure, rejected (a stage refused the call, or a retry that it wanted) or
// canceled (the caller gave up): all but success are calls that did not get what they came for.
// reason is a resilience.Reason, verdict a resilience.Verdict; attempt is 1, 2, 3 or 4+
// (of holdfast_adaptive_success_ratio: 1 to 16, the last for all later ones as well); stage is a
// built-in stage's package, or the type of a Guard; source is bank or floor; state, from and to are
// a resilience.State; breaker is its name, with "#2" for the second of one name; bulkhead counts from 1 in
// the order of the stages; kind is stages or tuning. A value that is none of those known is shown as unknown. None
// of them grows with traffic.
//
// Gauges and the counters of the budget are read from the pipelines when they are scraped, and
// cost a call nothing. They end with the pipeline, which Metrics does not keep alive; what was
// counted stays until Forget.
//
// # Keyed pipelines
//
// All keys of a holdfast.Keyed are one pipeline here, of the Keyed's name: what is counted is counted for all of them. What is read
// (budget, breaker and bulkhead) is of its Front, which only keys without room share. So for the keys' own breakers look at
// holdfast_keyed_breakers_open: how many keys have one that is not closed. Which ones they are is in the log, in
// holdfast.Health and in Keyed.Stats. The transitions are those of all keys. A scrape looks at every key.
//
// # Queries
//
// How many attempts the dependency sees per call, above 1 when retries add load:
//
//	sum by (pipeline) (rate(holdfast_attempts_total[5m])) / sum by (pipeline) (rate(holdfast_calls_total[5m]))
//
// Whether the third attempt ever helps:
//
//	sum by (pipeline) (rate(holdfast_attempts_total{attempt="3",verdict="success"}[5m])) / sum by (pipeline) (rate(holdfast_attempts_total{attempt="3"}[5m]))
//
// A budget, breaker or bulkhead shared by several pipelines is shown for each of them: take max, not
// sum, over its pipelines. A shared breaker's transition is counted once, for the pipeline whose call came first.
package holdfastprom
