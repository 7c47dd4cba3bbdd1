// Package holdfastprom exports metrics of Holdfast's pipelines to Prometheus: whether they retry,
// whether that helps, and why calls stopped.
//
//	observer, err := holdfastprom.New()
//	…
//	prometheus.MustRegister(observer)
//	payments, err := holdfast.New("payments",
//		append([]resilience.Stage{holdfast.Observe(observer)}, holdfast.Standard()...)...)
//
// One Metrics serves any number of pipelines, whose metrics have the label pipeline. It serves
// fleets too, with fleet.WithObserver or [Metrics.Follow]; their metrics have the label fleet
// instead. docs/metrics.md also lists the names in OpenTelemetry.
//
// # Metrics
//
//	holdfast_calls_total  (counter)  outcome, reason
//	    Calls that ended, by outcome and by the reason why they stopped.
//	holdfast_calls_in_flight  (gauge)
//	    Calls begun and not ended.
//	holdfast_call_duration_seconds  (histogram)  outcome
//	    How long calls took, retries and pauses included.
//	holdfast_attempts_total  (counter)  attempt, verdict
//	    Attempts that ended, by their number within the call and their verdict: what the
//	    dependency saw.
//	holdfast_attempt_duration_seconds  (histogram)
//	    How long attempts took.
//	holdfast_denials_total  (counter)  stage, reason
//	    Calls and attempts that were kept from the dependency, by who did that and why.
//	holdfast_updates_total  (counter)  kind
//	    Changes of the pipeline: its stages, or its tuning by hand.
//	holdfast_retries_total  (counter)
//	    Retries decided and paid for.
//	holdfast_backoff_seconds  (histogram)
//	    Pauses before retries.
//	holdfast_retry_waits_total  (counter)  reason
//	    Pauses of a patient loop for what was refused to it for now, by the reason of the
//	    refusal.
//	holdfast_retry_waiting  (gauge)
//	    Calls of a patient loop that wait for what was refused to them.
//	holdfast_retry_queue_limit  (gauge)
//	    The most calls of a patient loop that may wait. Absent if any number may.
//	holdfast_budget_tokens  (gauge)
//	    Tokens in the bank of the retry budget.
//	holdfast_budget_burst_tokens  (gauge)
//	    The most tokens that the bank holds.
//	holdfast_budget_ratio  (gauge)
//	    Tokens that a call deposits.
//	holdfast_budget_shadow  (gauge)
//	    1 if the budget only watches and refuses nothing, else 0.
//	holdfast_budget_deposits_total  (counter)
//	    Deposits that found the bank less than full.
//	holdfast_budget_withdrawals_total  (counter)  source
//	    Retries paid for, by the bank or the floor.
//	holdfast_budget_slow_retries_total  (counter)
//	    Retries paid for after a slow failure, at a price of their own.
//	holdfast_budget_slow_tokens_total  (counter)
//	    Tokens that retries after a slow failure cost.
//	holdfast_budget_late  (gauge)
//	    1 while most recent successes come late, so that the budget takes every failure for a
//	    slow one, else 0.
//	holdfast_budget_late_spells_total  (counter)
//	    How often successes began to come late.
//	holdfast_budget_refunds_total  (counter)
//	    Prices given back for retries that were never made.
//	holdfast_budget_success_refunds_total  (counter)
//	    Prices given back for retries that succeeded.
//	holdfast_budget_refunded_tokens_total  (counter)
//	    Tokens that went back to the bank, for both reasons.
//	holdfast_budget_refused_total  (counter)
//	    Retries refused by the budget.
//	holdfast_budget_shadow_refused_total  (counter)
//	    Retries that would have been refused, were the budget not in shadow.
//	holdfast_breaker_state  (gauge)  breaker, state
//	    1 for the state that the breaker is in, 0 for the others.
//	holdfast_breaker_outcomes  (gauge)  breaker, outcome
//	    Outcomes that the breaker counts now: those in its window, or of its probes.
//	holdfast_breaker_transitions_total  (counter)  from, to
//	    Changes of a breaker's state.
//	holdfast_bulkhead_in_use  (gauge)  bulkhead
//	    Calls inside the bulkhead.
//	holdfast_bulkhead_waiting  (gauge)  bulkhead
//	    Calls that wait to enter the bulkhead.
//	holdfast_bulkhead_capacity  (gauge)  bulkhead
//	    The most calls that the bulkhead lets in. Absent if there is no limit but an adaptive
//	    one.
//	holdfast_bulkhead_queue_limit  (gauge)  bulkhead
//	    The most calls that may wait to enter the bulkhead. Absent if any number may.
//	holdfast_bulkhead_limit  (gauge)  bulkhead
//	    The limit of an adaptive bulkhead. Absent while it has none.
//	holdfast_bulkhead_cuts_total  (counter)  bulkhead, cause
//	    How often an adaptive bulkhead cut its limit, by why.
//	holdfast_ratelimit_rate  (gauge)  ratelimit
//	    The calls a second that the rate limit lets pass in the long run. Absent if it has no
//	    limit.
//	holdfast_ratelimit_tokens  (gauge)  ratelimit
//	    Tokens in the bucket of the rate limit: so many calls pass at once.
//	holdfast_ratelimit_burst_tokens  (gauge)  ratelimit
//	    The most tokens that the bucket holds.
//	holdfast_ratelimit_waiting  (gauge)  ratelimit
//	    Calls that wait for a token of the rate limit.
//	holdfast_adaptive_success_ratio  (gauge)  attempt
//	    Share of successes among the attempts that an adaptive retry loop remembers. Absent
//	    where it remembers none.
//	holdfast_adaptive_stretch_ratio  (gauge)
//	    By how much an adaptive retry loop multiplies its base delay.
//	holdfast_keyed_keys  (gauge)
//	    Keys that have a pipeline of their own.
//	holdfast_keyed_breakers_open  (gauge)
//	    Keys that have a breaker which is not closed: open, isolated or half-open.
//	holdfast_keyed_overflowed_total  (counter)
//	    Calls of keys for which there was no room, so that they shared a pipeline.
//	holdfast_fleet_apart  (gauge)  fleet
//	    1 if this pod has had no news from the fleet's store for three ticks, so that every
//	    breaker goes by itself, else 0.
//	holdfast_fleet_troubles_total  (counter)  fleet
//	    How often this pod began to be apart from the fleet's store.
//	holdfast_fleet_ticks_total  (counter)  fleet
//	    Ticks, in which this pod tells the fleet's store what it counts and asks for news: two a
//	    second, and one in two seconds while it is apart.
//	holdfast_fleet_misses_total  (counter)  fleet
//	    Of the ticks, those without news.
//	holdfast_fleet_advised_total  (counter)  fleet
//	    Breakers of this pod that were opened on the fleet's advice.
//	holdfast_fleet_refused_total  (counter)  fleet
//	    Cells and digests of the store that counted for nothing: malformed, too long, too many,
//	    or of another version of the protocol.
//	holdfast_fleet_forged_total  (counter)  fleet
//	    Orders for the fleet that this pod refused at a tick: not signed with the fleet's key,
//	    played back, or dated by a wrong clock.
//	holdfast_fleet_orders  (gauge)  fleet, service, order
//	    Orders for all pods that are in force. Absent in a pod without the fleet's key.
//	holdfast_fleet_news_age_seconds  (gauge)  fleet, service
//	    How old the news of a service are. Absent if there were none yet.
//	holdfast_fleet_pods  (gauge)  fleet, service
//	    Pods that this pod hears of, itself included. Absent while there are no news.
//	holdfast_fleet_pods_speaking  (gauge)  fleet, service
//	    Of the pods, those that have had outcomes in the last 10 seconds. Absent while there are
//	    no news.
//	holdfast_fleet_pods_failing  (gauge)  fleet, service
//	    Of those that have had outcomes, the pods that are failing by their own numbers. Absent
//	    while there are no news.
//	holdfast_fleet_pods_open  (gauge)  fleet, service
//	    Of the pods, those whose breaker is open or half-open. Absent while there are no news.
//	holdfast_fleet_probing  (gauge)  fleet, service
//	    1 while this pod holds the lease, and so probes for all, else 0. Absent while there are
//	    no news.
//	holdfast_fleet_banned  (gauge)  fleet, service
//	    1 while this pod goes by itself, since its probes failed while those of others
//	    succeeded, else 0. Absent while there are no news.
//	holdfast_fleet_pool_leased_total  (counter)  fleet, budget
//	    Tokens that this pod got from the fleet's bucket.
//	holdfast_fleet_pool_given_total  (counter)  fleet, budget
//	    Tokens that this pod gave to the fleet's bucket, or gave back.
//	holdfast_fleet_pool_lost_total  (counter)  fleet, budget
//	    Tokens that this pod gave to the fleet's bucket, and whose store has not answered.
//	holdfast_fleet_pool_level  (gauge)  fleet, budget
//	    Tokens in the fleet's bucket, by the latest answer that this pod got.
//	holdfast_fleet_pool_floor_share_ratio  (gauge)  fleet, budget
//	    This pod's part of the floor: 1 if it is whole, 0 if there is no floor or the pod has no
//	    traffic.
//	holdfast_config_last_reload_successful  (gauge)  path
//	    1 if the configuration file, as it was last read, is in force; 0 if it is refused, so
//	    that the one before stays in force.
//	holdfast_config_last_reload_success_timestamp_seconds  (gauge)  path
//	    When a configuration file was last put into force, in seconds since 1970; 0 if none was.
//	holdfast_config_reloads_total  (counter)  path, result
//	    How often the configuration file was read because it had changed, the first time
//	    included, by what came of it.
//
// # Labels
//
//	outcome of holdfast_calls_total
//	    how the call ended: rejected if a stage refused it, or a retry that it wanted; canceled
//	    if the caller gave up.
//	    One of success, failure, canceled, rejected.
//	reason
//	    why it stopped: a resilience.Reason.
//	    One of none, retries_exhausted, budget_exhausted, too_late, canceled, permanent,
//	    retry_after_too_long, breaker_open, bulkhead_full, rejected, aborted, unlikely_to_help,
//	    unclassified, outcome_unknown, rate_limited, unknown.
//	attempt of holdfast_attempts_total
//	    which attempt of its call it was.
//	    One of 1, 2, 3, 4+.
//	verdict
//	    what the attempt's error means: a resilience.Verdict.
//	    One of success, transient, overload, permanent, canceled, rejected, unclassified,
//	    invalid.
//	stage
//	    who denied it: the package of a built-in stage (retry for a loop that stopped), the type
//	    of a Guard, or pipeline for a call whose time was up before it came.
//	kind
//	    stages if they were replaced, tuning if one number was changed by hand.
//	    One of stages, tuning.
//	source
//	    who paid for the retry.
//	    One of bank, floor.
//	breaker
//	    the breaker's name, with "#2" for the second of one name.
//	state
//	    a resilience.State.
//	    One of closed, half-open, open, isolated.
//	outcome of holdfast_breaker_outcomes
//	    what the breaker made of a call. Failures include unclassified ones; successes and
//	    failures include slow ones.
//	    One of success, failure, unclassified, slow, excluded.
//	from
//	    the breaker's state before: a resilience.State.
//	    One of closed, half-open, open, isolated, unknown.
//	to
//	    the breaker's state after.
//	    One of closed, half-open, open, isolated, unknown.
//	bulkhead
//	    which of the pipeline's bulkheads it is, from 1 in the order of the stages.
//	cause
//	    why an adaptive limit was cut: slow failures in a row, or successes that took longer
//	    than usual.
//	    One of slow_failures, slow_successes.
//	ratelimit
//	    which of the pipeline's rate limits it is, from 1 in the order of the stages.
//	attempt of holdfast_adaptive_success_ratio
//	    which attempt of its call it is, from 1 to 16; the last stands for all later ones.
//	service
//	    the breaker that the fleet follows, by its name: the pipeline's, unless it has one of
//	    its own or the pipeline has several.
//	order
//	    what an order for all pods is about: isolate, reset or tune.
//	budget
//	    the retry budget whose tokens the pods share, by the first pipeline that it stands in.
//	result
//	    whether the configuration file was put into force.
//	    One of applied, refused.
//
// # How to read them
//
// An unknown value, of a newer version for example, is shown as unknown; an unknown verdict as
// invalid. The number of values of a label does not grow with traffic.
//
// An attempt with an unclassified error has the verdict unclassified, and the call that it ends has
// the reason unclassified. The log, holdfast.Health and Snapshot.Unclassified say which errors
// those are; say what they mean with holdfast.Classify. A call with the reason outcome_unknown may
// have been carried out: check that before you repeat it.
//
// Counts of events stay until Forget. Gauges and the counters of a stage are read from the
// pipelines at each scrape, and cost a call nothing. They end with the pipeline, which Metrics does
// not keep alive. Pipelines with the same name are shown as one: counts and what is in use are
// added up, and other gauges are those of the pipeline that was made or updated last.
//
// A budget, breaker or bulkhead that several pipelines share is shown for each of them: take the
// maximum over them, not the sum. A change of a shared breaker is counted once, for the pipeline
// whose call came first.
//
// # Fleets
//
// The metrics of a fleet are read from its Stats at each scrape, until the pod has left. What is
// about all pods, such as holdfast_fleet_pods_failing, is what this pod has heard: each pod shows
// the same number, so take the maximum over them, not the sum. For each fleet there are seven
// series, seven for each breaker that it follows and three more in a pod with the fleet's key, and
// five for each budget that shares its tokens; their number does not grow with that of the pods.
//
// # Configuration files
//
// The metrics of a file that config.Watch follows are read from its Status, if FollowConfig is told
// of the Watcher, until that has ended. For each path there are four series.
//
// # Keyed pipelines
//
// All keys of a holdfast.Keyed are one pipeline here: its Total, which has the Keyed's name. Its
// counts are those of all keys, including the transitions of their breakers. A budget, breaker or
// bulkhead is shown only if all keys share it. For the keys' own breakers,
// holdfast_keyed_breakers_open says how many keys have a breaker that is not closed. The log,
// holdfast.Health and Keyed.Stats say which keys. A scrape reads every key.
//
// # Queries
//
// How many attempts the dependency sees per call, above 1 when retries add load:
//
//	sum by (pipeline) (rate(holdfast_attempts_total[5m]))
//	  / sum by (pipeline) (rate(holdfast_calls_total[5m]))
//
// Whether the third attempt ever helps:
//
//	sum by (pipeline) (rate(holdfast_attempts_total{attempt="3",verdict="success"}[5m]))
//	  / sum by (pipeline) (rate(holdfast_attempts_total{attempt="3"}[5m]))
//
// The share of attempts that end with an unclassified error:
//
//	sum by (pipeline) (rate(holdfast_attempts_total{verdict="unclassified"}[5m]))
//	  / sum by (pipeline) (rate(holdfast_attempts_total[5m]))
package holdfastprom
