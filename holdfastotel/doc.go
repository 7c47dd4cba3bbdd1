// Package holdfastotel reports what Holdfast's pipelines do to OpenTelemetry: as events on the
// caller's span, and as metrics.
//
//	observer, err := holdfastotel.New()
//	payments, err := holdfast.New("payments",
//		append([]resilience.Stage{holdfast.Observe(observer)}, holdfast.Standard()...)...)
//
// One Observer serves any number of pipelines, and of fleets (fleet.WithObserver). It uses only
// OpenTelemetry's API; the program chooses the SDK and the exporters.
//
// # Span events
//
// The events are added to the span in the caller's ctx, if it is recorded. A call that succeeds at
// its first attempt adds none. The span's status and attributes are not changed: they are the
// caller's. The names of all attributes except error.type begin with "holdfast.", which is left out
// below.
//
//	holdfast.retry: another attempt is decided and paid for
//	    attempt.number, verdict, delay, the error's
//	holdfast.wait: a patient loop was refused an attempt for now, and pauses before it asks again
//	    reason, attempt.number, delay, the error's
//	holdfast.give_up: a retry loop stops without success
//	    reason, attempt.count, verdict, elapsed, the error's
//	holdfast.reject: a stage refuses a call or an attempt
//	    stage, reason, the error's, a breaker's breaker.name
//	holdfast.breaker: a breaker changes its state
//	    breaker.name, breaker.from, breaker.to, and breaker.why if it opened
//	holdfast.limit: an adaptive bulkhead cuts its limit, or has none any more (limit is 0)
//	    stage, limit, and limit.why if it was cut
//	holdfast.shadow: a budget in shadow would have refused a retry
//	    attempt.number, verdict, the error's
//	holdfast.unclassified: nobody has classified an attempt's error
//	    attempt.number, verdict, error.kind, the error's
//	holdfast.update: the call is a Tune: a number was changed by hand
//	    update.what, update.from, update.to, update.by
//
// All events have pipeline.name too. Those of a holdfast.Keyed also have key, the key of the call.
// Metrics do not have it, since there may be many keys. holdfast.unclassified is reported once for
// each kind of error of a pipeline, and again after an hour; error.kind names the kind as the log
// does (see resilience.DescribeError). Every such attempt is counted in the metrics, with the
// verdict unclassified.
//
// attempt.number is the number of the failed attempt, from 1; attempt.count is the number of
// attempts; delay and elapsed are in seconds. "The error's" means error.type and error.message.
// error.type is the Go type of the dependency's last error, without the wrappers of stages and
// adapters, or the type of the refusal if there is no such error (see resilience.Origin).
//
// A refusal that ends a retry loop adds a reject and a give_up. A breaker's change of state is
// reported with the first call after it. A change because a probe hung has no call, and so no span.
//
// With [WithAttemptSpans] there is also a span for each attempt, named "attempt payments" for a
// pipeline called payments, with attempt.number, verdict, key and the error's attributes.
//
// # Metrics
//
//	holdfast.calls  (counter, {call})  holdfast.outcome, holdfast.reason
//	    Calls that ended, by outcome and by the reason why they stopped.
//	holdfast.calls_in_flight  (up-down counter, {call})
//	    Calls begun and not ended.
//	holdfast.call.duration  (histogram, s)  holdfast.outcome
//	    How long calls took, retries and pauses included.
//	holdfast.attempts  (counter, {attempt})  holdfast.attempt.group, holdfast.verdict
//	    Attempts that ended, by their number within the call and their verdict: what the
//	    dependency saw.
//	holdfast.attempt.duration  (histogram, s)
//	    How long attempts took.
//	holdfast.denials  (counter, {denial})  holdfast.stage, holdfast.reason
//	    Calls and attempts that were kept from the dependency, by who did that and why.
//	holdfast.updates  (counter, {update})  holdfast.update.kind
//	    Changes of the pipeline: its stages, or its tuning by hand.
//	holdfast.retries  (counter, {retry})
//	    Retries decided and paid for.
//	holdfast.backoff  (histogram, s)
//	    Pauses before retries.
//	holdfast.retry.waits  (counter, {wait})  holdfast.reason
//	    Pauses of a patient loop for what was refused to it for now, by the reason of the
//	    refusal.
//	holdfast.retry.waiting  (up-down counter, {call})
//	    Calls of a patient loop that wait for what was refused to them.
//	holdfast.retry.queue_limit  (up-down counter, {call})
//	    The most calls of a patient loop that may wait. Absent if any number may.
//	holdfast.budget.tokens  (gauge, {token})
//	    Tokens in the bank of the retry budget.
//	holdfast.budget.burst_tokens  (gauge, {token})
//	    The most tokens that the bank holds.
//	holdfast.budget.ratio  (gauge, 1)
//	    Tokens that a call deposits.
//	holdfast.budget.shadow  (gauge, {budget})
//	    1 if the budget only watches and refuses nothing, else 0.
//	holdfast.budget.deposits  (counter, {deposit})
//	    Deposits that found the bank less than full.
//	holdfast.budget.withdrawals  (counter, {retry})  holdfast.budget.source
//	    Retries paid for, by the bank or the floor.
//	holdfast.budget.slow_retries  (counter, {retry})
//	    Retries paid for after a slow failure, at a price of their own.
//	holdfast.budget.slow_tokens  (counter, {token})
//	    Tokens that retries after a slow failure cost.
//	holdfast.budget.late  (gauge, {budget})
//	    1 while most recent successes come late, so that the budget takes every failure for a
//	    slow one, else 0.
//	holdfast.budget.late_spells  (counter, {spell})
//	    How often successes began to come late.
//	holdfast.budget.refunds  (counter, {retry})
//	    Prices given back for retries that were never made.
//	holdfast.budget.success_refunds  (counter, {retry})
//	    Prices given back for retries that succeeded.
//	holdfast.budget.refunded_tokens  (counter, {token})
//	    Tokens that went back to the bank, for both reasons.
//	holdfast.budget.refused  (counter, {retry})
//	    Retries refused by the budget.
//	holdfast.budget.shadow_refused  (counter, {retry})
//	    Retries that would have been refused, were the budget not in shadow.
//	holdfast.breaker.state  (gauge, {breaker})  holdfast.breaker.name, holdfast.breaker.state
//	    1 for the state that the breaker is in, 0 for the others.
//	holdfast.breaker.outcomes  (gauge, {outcome})  holdfast.breaker.name, holdfast.breaker.outcome
//	    Outcomes that the breaker counts now: those in its window, or of its probes.
//	holdfast.breaker.transitions  (counter, {transition})  holdfast.breaker.from, holdfast.breaker.to
//	    Changes of a breaker's state.
//	holdfast.bulkhead.in_use  (up-down counter, {call})  holdfast.bulkhead.number
//	    Calls inside the bulkhead.
//	holdfast.bulkhead.waiting  (up-down counter, {call})  holdfast.bulkhead.number
//	    Calls that wait to enter the bulkhead.
//	holdfast.bulkhead.capacity  (up-down counter, {call})  holdfast.bulkhead.number
//	    The most calls that the bulkhead lets in. Absent if there is no limit but an adaptive
//	    one.
//	holdfast.bulkhead.queue_limit  (up-down counter, {call})  holdfast.bulkhead.number
//	    The most calls that may wait to enter the bulkhead. Absent if any number may.
//	holdfast.bulkhead.limit  (up-down counter, {call})  holdfast.bulkhead.number
//	    The limit of an adaptive bulkhead. Absent while it has none.
//	holdfast.bulkhead.cuts  (counter, {cut})  holdfast.bulkhead.number, holdfast.bulkhead.cause
//	    How often an adaptive bulkhead cut its limit, by why.
//	holdfast.ratelimit.rate  (gauge, {call})  holdfast.ratelimit.number
//	    The calls a second that the rate limit lets pass in the long run. Absent if it has no
//	    limit.
//	holdfast.ratelimit.tokens  (gauge, {token})  holdfast.ratelimit.number
//	    Tokens in the bucket of the rate limit: so many calls pass at once.
//	holdfast.ratelimit.burst_tokens  (gauge, {token})  holdfast.ratelimit.number
//	    The most tokens that the bucket holds.
//	holdfast.ratelimit.waiting  (up-down counter, {call})  holdfast.ratelimit.number
//	    Calls that wait for a token of the rate limit.
//	holdfast.adaptive.success  (gauge, 1)  holdfast.attempt.place
//	    Share of successes among the attempts that an adaptive retry loop remembers. Absent
//	    where it remembers none.
//	holdfast.adaptive.stretch  (gauge, 1)
//	    By how much an adaptive retry loop multiplies its base delay.
//	holdfast.keyed.keys  (up-down counter, {key})
//	    Keys that have a pipeline of their own.
//	holdfast.keyed.breakers_open  (up-down counter, {key})
//	    Keys that have a breaker which is not closed: open, isolated or half-open.
//	holdfast.keyed.overflowed  (counter, {call})
//	    Calls of keys for which there was no room, so that they shared a pipeline.
//	holdfast.fleet.apart  (up-down counter, {pod})  holdfast.fleet.name
//	    1 if this pod has had no news from the fleet's store for three ticks, so that every
//	    breaker goes by itself, else 0.
//	holdfast.fleet.troubles  (counter, {trouble})  holdfast.fleet.name
//	    How often this pod began to be apart from the fleet's store.
//	holdfast.fleet.ticks  (counter, {tick})  holdfast.fleet.name
//	    Ticks, in which this pod tells the fleet's store what it counts and asks for news: two a
//	    second, and one in two seconds while it is apart.
//	holdfast.fleet.misses  (counter, {tick})  holdfast.fleet.name
//	    Of the ticks, those without news.
//	holdfast.fleet.advised  (counter, {opening})  holdfast.fleet.name
//	    Breakers of this pod that were opened on the fleet's advice.
//	holdfast.fleet.refused  (counter, {cell})  holdfast.fleet.name
//	    Cells and digests of the store that counted for nothing: malformed, too long, too many,
//	    or of another version of the protocol.
//	holdfast.fleet.forged  (counter, {order})  holdfast.fleet.name
//	    Orders for the fleet that this pod refused at a tick: not signed with the fleet's key,
//	    played back, or dated by a wrong clock.
//	holdfast.fleet.orders  (up-down counter, {order})  holdfast.fleet.name, holdfast.fleet.service, holdfast.fleet.order
//	    Orders for all pods that are in force. Absent in a pod without the fleet's key.
//	holdfast.fleet.news_age  (gauge, s)  holdfast.fleet.name, holdfast.fleet.service
//	    How old the news of a service are. Absent if there were none yet.
//	holdfast.fleet.pods  (gauge, {pod})  holdfast.fleet.name, holdfast.fleet.service
//	    Pods that this pod hears of, itself included. Absent while there are no news.
//	holdfast.fleet.pods_speaking  (gauge, {pod})  holdfast.fleet.name, holdfast.fleet.service
//	    Of the pods, those that have had outcomes in the last 10 seconds. Absent while there are
//	    no news.
//	holdfast.fleet.pods_failing  (gauge, {pod})  holdfast.fleet.name, holdfast.fleet.service
//	    Of those that have had outcomes, the pods that are failing by their own numbers. Absent
//	    while there are no news.
//	holdfast.fleet.pods_open  (gauge, {pod})  holdfast.fleet.name, holdfast.fleet.service
//	    Of the pods, those whose breaker is open or half-open. Absent while there are no news.
//	holdfast.fleet.probing  (up-down counter, {pod})  holdfast.fleet.name, holdfast.fleet.service
//	    1 while this pod holds the lease, and so probes for all, else 0. Absent while there are
//	    no news.
//	holdfast.fleet.banned  (up-down counter, {pod})  holdfast.fleet.name, holdfast.fleet.service
//	    1 while this pod goes by itself, since its probes failed while those of others
//	    succeeded, else 0. Absent while there are no news.
//	holdfast.fleet.pool.leased  (counter, {token})  holdfast.fleet.name, holdfast.fleet.budget
//	    Tokens that this pod got from the fleet's bucket.
//	holdfast.fleet.pool.given  (counter, {token})  holdfast.fleet.name, holdfast.fleet.budget
//	    Tokens that this pod gave to the fleet's bucket, or gave back.
//	holdfast.fleet.pool.lost  (counter, {token})  holdfast.fleet.name, holdfast.fleet.budget
//	    Tokens that this pod gave to the fleet's bucket, and whose store has not answered.
//	holdfast.fleet.pool.level  (gauge, {token})  holdfast.fleet.name, holdfast.fleet.budget
//	    Tokens in the fleet's bucket, by the latest answer that this pod got.
//	holdfast.fleet.pool.floor_share  (gauge, 1)  holdfast.fleet.name, holdfast.fleet.budget
//	    This pod's part of the floor: 1 if it is whole, 0 if there is no floor or the pod has no
//	    traffic.
//	holdfast.config.last_reload_successful  (gauge, {file})  holdfast.config.path
//	    1 if the configuration file, as it was last read, is in force; 0 if it is refused, so
//	    that the one before stays in force.
//	holdfast.config.last_reload_success_timestamp  (gauge, s)  holdfast.config.path
//	    When a configuration file was last put into force, in seconds since 1970; 0 if none was.
//	holdfast.config.reloads  (counter, {reload})  holdfast.config.path, holdfast.config.result
//	    How often the configuration file was read because it had changed, the first time
//	    included, by what came of it.
//
// # Attributes
//
//	holdfast.outcome
//	    how the call ended: rejected if a stage refused it, or a retry that it wanted; canceled
//	    if the caller gave up.
//	    One of success, failure, canceled, rejected.
//	holdfast.reason
//	    why it stopped: a resilience.Reason.
//	    One of none, retries_exhausted, budget_exhausted, too_late, canceled, permanent,
//	    retry_after_too_long, breaker_open, bulkhead_full, rejected, aborted, unlikely_to_help,
//	    unclassified, outcome_unknown, rate_limited, unknown.
//	holdfast.attempt.group
//	    which attempt of its call it was.
//	    One of 1, 2, 3, 4+.
//	holdfast.verdict
//	    what the attempt's error means: a resilience.Verdict.
//	    One of success, transient, overload, permanent, canceled, rejected, unclassified,
//	    invalid.
//	holdfast.stage
//	    who denied it: the package of a built-in stage (retry for a loop that stopped), the type
//	    of a Guard, or pipeline for a call whose time was up before it came.
//	holdfast.update.kind
//	    stages if they were replaced, tuning if one number was changed by hand.
//	    One of stages, tuning.
//	holdfast.budget.source
//	    who paid for the retry.
//	    One of bank, floor.
//	holdfast.breaker.name
//	    the breaker's name, with "#2" for the second of one name.
//	holdfast.breaker.state
//	    a resilience.State.
//	    One of closed, half-open, open, isolated.
//	holdfast.breaker.outcome
//	    what the breaker made of a call. Failures include unclassified ones; successes and
//	    failures include slow ones.
//	    One of success, failure, unclassified, slow, excluded.
//	holdfast.breaker.from
//	    the breaker's state before: a resilience.State.
//	    One of closed, half-open, open, isolated, unknown.
//	holdfast.breaker.to
//	    the breaker's state after.
//	    One of closed, half-open, open, isolated, unknown.
//	holdfast.bulkhead.number
//	    which of the pipeline's bulkheads it is, from 1 in the order of the stages.
//	holdfast.bulkhead.cause
//	    why an adaptive limit was cut: slow failures in a row, or successes that took longer
//	    than usual.
//	    One of slow_failures, slow_successes.
//	holdfast.ratelimit.number
//	    which of the pipeline's rate limits it is, from 1 in the order of the stages.
//	holdfast.attempt.place
//	    which attempt of its call it is, from 1 to 16; the last stands for all later ones.
//	holdfast.fleet.service
//	    the breaker that the fleet follows, by its name: the pipeline's, unless it has one of
//	    its own or the pipeline has several.
//	holdfast.fleet.order
//	    what an order for all pods is about: isolate, reset or tune.
//	holdfast.fleet.budget
//	    the retry budget whose tokens the pods share, by the first pipeline that it stands in.
//	holdfast.config.result
//	    whether the configuration file was put into force.
//	    One of applied, refused.
//
// # How to read them
//
// All metrics have the attribute holdfast.pipeline.name as well, or holdfast.fleet.name if they are
// a fleet's, or holdfast.config.path if they are a configuration file's. An unknown value, of a
// newer version for example, is shown as unknown; an unknown verdict as invalid. The number of
// values of an attribute does not grow with traffic, which is why the metrics have no error.type.
//
// The histograms suggest bounds from 1 ms to 10 s, for backoff up to 30 s. A View of the SDK can
// change them, and can drop attributes or whole instruments. Events are counted under the call's
// ctx, so that the SDK can attach exemplars of sampled traces. A counter that most pipelines need
// is reported as 0 before it first counts.
//
// Gauges and the counters of a stage are read from the pipelines when metrics are collected, until
// Close. The Observer does not keep a pipeline alive; a pipeline that the program has dropped is no
// longer read. Pipelines with the same name are shown as one: counts and what is in use are added
// up, and other gauges are those of the pipeline that was made or updated last. A budget or breaker
// that pipelines with several names share is shown for each of them: take the maximum over them,
// not the sum. A change of a shared breaker is counted once, for the pipeline whose call came
// first.
//
// All keys of a holdfast.Keyed are one pipeline in the metrics: its Total, which has the Keyed's
// name. A budget, breaker or bulkhead is shown only if all keys share it; for the keys' own
// breakers, see holdfast.keyed.breakers_open. Each collection reads every key.
//
// The metrics of a fleet are read from its Stats, until the pod has left. What is about all pods is
// what this pod has heard: each pod shows the same number, so take the maximum over them, not the
// sum. A fleet's events are in no trace, since they are of no call.
//
// The metrics of a file that config.Watch follows are read from its Status, if FollowConfig is told
// of the Watcher, until that has ended. For each path there are four series.
//
// These are the metrics of package holdfastprom. An exporter that converts OpenTelemetry's names
// for Prometheus gives them the same names as that package: holdfast.denials becomes
// holdfast_denials_total. The labels differ: pipeline is holdfast_pipeline_name here.
package holdfastotel
