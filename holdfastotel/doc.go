// Package holdfastotel reports what Holdfast's pipelines do to OpenTelemetry: as events on the
// caller's span, and as metrics.
//
//	observer, err := holdfastotel.New()
//	payments, err := holdfast.New("payments", append([]resilience.Stage{holdfast.Observe(observer)}, holdfast.Standard()...)...)
//
// One Observer serves any number of pipelines. It uses OpenTelemetry's API alone; which SDK is
// behind it, and where that sends things to, is the program's affair.
//
// # Span events
//
// They go to the span in the caller's ctx, if it is recorded. A call that succeeds at once
// leaves none. The span's status and attributes are not touched: they are the caller's.
//
//	Event              When                                              Attributes
//	holdfast.retry     another attempt is decided and paid for           attempt.number, verdict, delay, the error's
//	holdfast.give_up   a retry loop stops without success                reason, attempt.count, verdict, elapsed, the error's
//	holdfast.reject    a stage refuses a call or an attempt              stage, reason, the error's, a breaker's breaker.name
//	holdfast.breaker   a breaker changes its state                       breaker.name, breaker.from, breaker.to, and breaker.why if it opened
//	holdfast.shadow    a budget in shadow would have refused a retry     attempt.number, verdict, the error's
//	holdfast.update    the call is a Tune: a thing was changed by hand   update.what, update.from, update.to, update.by
//
// All have pipeline.name too, and those of a holdfast.Keyed key, which says whose call it was; metrics do
// not, since keys are many. The names of all attributes begin with "holdfast.", but for error.type.
// attempt.number is the attempt that failed, from 1; attempt.count is how many there were; delay and
// elapsed are in seconds. The error's are error.type, which is the Go type of the dependency's last
// error or else of the refusal, and holdfast.error.message. A refusal inside a retry loop that
// ends it leaves a reject and a give_up. A breaker's change is told to the first call that comes after it.
//
// With WithAttemptSpans there is a span "attempt payments" for each attempt as well, with
// attempt.number, verdict, key and the error's attributes.
//
// # Metrics
//
// All have the attribute holdfast.pipeline.name; the others, here without "holdfast.", on the
// instruments and on the attributes alike:
//
//	Instrument             Kind            Unit          Attributes                    Meaning
//	calls                  counter         {call}        outcome, reason               calls that ended
//	calls.in_flight        up-down         {call}                                      calls begun and not ended
//	call.duration          histogram       s             outcome                       how long calls took, retries and pauses included
//	attempts               counter         {attempt}     attempt.group, verdict        attempts that ended: what the dependency saw
//	attempt.duration       histogram       s                                           how long attempts took
//	retries                counter         {retry}                                     retries decided and paid for
//	backoff                histogram       s                                           pauses before retries
//	retries.denied         counter         {call}        reason                        calls whose next attempt was denied
//	rejections             counter         {rejection}   stage, reason                 calls and attempts that a stage refused
//	budget.tokens          gauge           {token}                                     tokens in the bank
//	budget.burst.tokens    gauge           {token}                                     the most that the bank holds
//	budget.ratio           gauge           1                                           tokens that a call deposits
//	budget.shadow          gauge           {budget}                                    1 if the budget only watches
//	budget.deposits        counter         {deposit}                                   deposits that found the bank less than full
//	budget.withdrawals     counter         {retry}       budget.source                 retries paid for, by the bank or the floor
//	budget.refunds         counter         {retry}                                     tokens given back for retries never made
//	budget.refused         counter         {retry}                                     retries refused
//	budget.shadow.refused  counter         {retry}                                     retries that would have been refused, but for shadow
//	breaker.state          gauge           {breaker}     breaker.name, breaker.state   1 for the state that the breaker is in, else 0
//	breaker.transitions    counter         {transition}  breaker.from, breaker.to      changes of a breaker's state
//	bulkhead.in_use        up-down         {call}        bulkhead.number               calls inside the bulkhead
//	bulkhead.waiting       up-down         {call}        bulkhead.number               calls that wait to enter
//	bulkhead.capacity      up-down         {call}        bulkhead.number               the most that it lets in
//	adaptive.success       gauge           1             attempt.place                 share of successes among the attempts that a loop remembers
//	adaptive.stretch       gauge           1                                           by how much a loop multiplies its base delay
//	keyed.keys             up-down         {key}                                       keys of a holdfast.Keyed that have a pipeline
//	keyed.breakers.open    up-down         {key}                                       keys that have a breaker which is not closed
//	keyed.overflowed       counter         {call}                                      calls of keys for which there was no room
//	updates                counter         {update}      update.kind                   changes of the pipeline: stages, or tuning by hand
//
// outcome is success, failure, rejected (a stage refused) or canceled (the caller gave up);
// reason is a resilience.Reason, verdict a resilience.Verdict; attempt.group is "1", "2", "3" or
// "4+"; attempt.place counts from 1 to 16, which stands for all later attempts as well; stage is a built-in stage's package, or the type of a Guard; budget.source is bank or floor;
// breaker.state, breaker.from and breaker.to are a resilience.State; breaker.name is its name, with
// "#2" for the second of one name; bulkhead.number counts from 1 in the order of the stages;
// update.kind is stages or tuning. None of them grows with traffic, which is why the metrics have no error.type.
//
// The histograms ask for bounds from 1 ms to 10 s, backoff up to 30 s. A View of the SDK changes
// that, and drops attributes or whole instruments. Measurements are made under the call's ctx, so that the
// SDK can attach exemplars of sampled traces.
//
// The counters of the budget, and what is no counter or histogram, are read from the pipelines
// when metrics are collected, until Close. The Observer keeps no pipeline alive; one that the
// program has dropped is read no more. Pipelines of one name are one: what they have in
// use and what their budgets counted is added up, the rest is that of the one made or updated last. A
// budget or breaker shared by pipelines of several names is shown for each of them: take max, not sum, over
// them. A shared breaker's transition is counted once, for the pipeline whose call came first.
//
// All keys of a holdfast.Keyed are one pipeline in the metrics. What is read (budget, breaker and bulkhead) is of its Front, which
// only keys without room share; for the keys' own breakers look at keyed.breakers.open. Reading looks at every key.
//
// These are the facts of package holdfastprom. An exporter that gives OpenTelemetry's metrics
// names for Prometheus (holdfast.retries.denied becomes holdfast_retries_denied_total) makes
// the names of that package of them; the labels differ: pipeline is holdfast_pipeline_name here.
package holdfastotel
