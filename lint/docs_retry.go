package lint

var retryDocs = []Doc{
	{noJitter, Warning, "Retries without jitter", `
All callers that fail together pause for the same time and come back together: a dependency that has
just recovered gets all of them in one wave, and then in the next. Jitter spreads them over the
pause.

With full jitter the pause is anything from 0 to the delay, which spreads best and lengthens
nothing; additive, the default, adds up to 30 % and shortens nothing. Source: M. Brooker,
"Exponential Backoff And Jitter", AWS, 2015.

Silence it if only one client calls the dependency, or if a test needs exact times.`},
	{littleJitter, Info, "Jitter that spreads next to nothing", `
There is jitter, but the delays (or its factor) are so small that no pause varies by even a
millisecond. Networks and schedulers vary more than that: callers that failed together come back
together. Retries after so little time also meet the same fault again.

The arithmetic: the largest (longest - shortest) of all pauses. Raise base_delay, or use another
jitter. There is no fix if the deadline is so short that longer pauses would cost retries.

Silence it if the retries are for faults of a single connection: then it does not matter when they
come.`},
	{noLimit, Error, "Retries without any limit", `
No number, no deadline and no budget that refuses ends the retries: in an outage every call
continues for ever, and so do the calls that arrive meanwhile. The load grows for as long as the
outage lasts.

Give retry.max_retries a number, the call a deadline, and the service a budget; one of them is
enough for this finding, and the others have findings of their own.

Silence it only if every caller's ctx has a deadline.`},
	{noBudget, Warning, "Retries without a budget", `
Nothing limits the retries of all calls together. While the dependency is healthy that does not
matter. In an outage, or when it is overloaded, every call becomes 1 + max_retries attempts (as many
as fit before the deadline), and that load keeps the dependency down.

A budget pays, in any time t, for at most burst + ratio × (calls whose first attempt succeeded) +
floor × t retries. In an outage no call succeeds, so only the floor is left: 1 + floor/rps attempts
per call. The fix adds a budget with a ratio of 0.3: if a fifth of the attempts fail, 3 % fewer calls
succeed with it (ADR 9). It did best where each retry costs the same; the presets have a
richer one, and a higher price for retries after slow failures (ADR 24). If the default floor of 1/s would be too high for the rps
(HF021), it sets the floor too. An adaptive loop is no budget (ADR 8).

Silence it if calls are rare, or something else (a breaker per call, a limiter) bounds the attempts.`},
	{pausesUnknown, Info, "Pauses that only code knows", `
retry.Config has a Backoff or Jitter of your own. The linter cannot know its pauses and assumes 0.
So what it says can never run really cannot run, but what it says fits may not fit. This only
happens with pipelines made in code.`},
	{neverPaid, Error, "Retries that are never paid for", `
A retry costs a token of the budget. Tokens come from the ratio (a fraction of one for each call
that succeeds at once), from the floor (so many per second), and from what the bank begins with
(initial). Here all three are 0: every retry is refused, for as long as the process runs, and
max_retries has no effect.

    retries ≤ initial + ratio × (calls whose first attempt succeeded) + floor × t = 0

The fix is a ratio of 0.3; a floor would do as well. If you want no retries, say so:
retry.max_retries: none. There is no reason to silence this.`},
	{neverWaits, Info, "Patience that waits for nothing", `
retry.patient makes a call wait for what is refused to it for now: by the budget, or by a breaker, a
bulkhead or a rate limit inside the loop. Here none of them can refuse: there is no budget, or it is
in shadow, and no such stage inside the loop.

Turn patience off, or add what it is for: a budget, or a breaker per attempt. A stage around the
whole loop does not count: what it refuses never comes to the loop.

Silence it in a template that services add a budget or a breaker to.`},
	{nobodyWaits, Info, "A queue without patience", `
retry.queue_limit is how many calls may wait for what was refused. Without retry.patient none waits:
a refusal ends the call.

Turn patience on, or leave the limit out. Silence it in a service that turned patience off for a
while.`},
	{endlessWait, Warning, "Patience without a bound", `
A patient call that waits holds its goroutine, its memory, and its caller. In an outage all calls
wait. With queue_limit: unlimited nothing bounds how many they are but the traffic:

    calls that wait = rps × the sum of the pauses

The fix is the default, 1000. A limit of 1000 and 10 KB for each call are 10 MB. Not reported if the
stated rps makes no more than 1000.

Silence it if something further out bounds the calls: a bulkhead around the call, or a server that
has a limit.`},
	{shortQueue, Info, "A queue that an outage fills", `
At the stated rps more calls would wait in an outage than queue_limit lets wait. The others fail at
once, as without patience.

    calls that wait = rps × the sum of the pauses (at their mean, of max_retries turns)

While the breaker is open a pause may be longer: it is at least as long as the breaker stays open.
So the number is the least.

That may be what you want: the limit bounds memory and goroutines. Raise it if there is room for
them, or silence this. The fix is the number of calls that would wait.`},
}

var budgetDocs = []Doc{
	{shadow, Warning, "A budget in shadow", `
shadow: true counts what the budget would refuse, and lets it pass: the service has no limit on its
retries. It is meant for a trial, of a week for example, that shows what a budget would do. It is
easily forgotten.

Look at ShadowRefused (holdfast_budget_shadow_refused_total): if it only grows in outages, turn
shadow off.

Silence it during the trial, with its last day as the reason.`},
	{floorDwarfs, Warning, "A floor that is more than the ratio", `
The floor is for services with little traffic, so that they can retry at all. At the stated rps it
is more than twice what the ratio pays for, and more than a fifth of the calls: the floor is the
budget, and the ratio has no effect. A floor does not depend on successes, so it pays just as much
in an outage.

    in an outage: attempts per call = 1 + floor / rps, at the most
    on an ordinary day: retries ≤ ratio × rps + floor, a second

A floor of up to 0.5/s, the presets' largest, is not reported. With it a service with one call in
ten seconds can retry that call, which is what a floor is for, and it saves no more than one such
retry. So the fix is a fifth of the traffic, but at least 0.2/s: one retry in 5 s. Each instance has
its own floor. HF026 reports what a hundred of them pay for together.

Silence it if the load of all instances together is negligible for the dependency.`},
	{burstCovers, Warning, "A burst that pays for a whole outage", `
The bank is full at the start of an outage (it holds its burst or, without a ratio, initial), and
pays for every retry until it is empty. At the stated rps that takes more than 10 s. For that long
the dependency gets the whole retry storm that a budget should prevent.

    lasts = bank / (rps × (attempts - 1) - floor)

In the lab (docs/storms.md) large banks were the worst choice when a hundred small clients overload
a server. The fix is the burst that lasts 10 s; the presets have 5. A burst of up to 20 is not
reported: so few retries do no harm.

Silence it if the dependency can handle all retries of all its clients.`},
	{ratioHuge, Warning, "A ratio of 1 or more", `
Each success pays for at least one retry. As long as half of the first attempts succeed, all others
can be retried, and the budget refuses nearly nothing. An overloaded dependency looks just like
that.

    attempts per call ≤ 1 + ratio / slow_cost, in the long run, if attempts fail slowly
    and one more, at the most, with refund_on_success: a retry that succeeds costs nothing

A ratio of 3 with a slow_cost of 5 is not reported: an overloaded dependency mostly fails slowly, and
then only 0.6 retries are paid for by each success (ADR 24).

Without a slow_cost 0.3 did best in the storms of the lab (ADR 9): there, retries without any limit
make 3 % more of the calls succeed if a fifth of the attempts fail. The presets have 3 and a
slow_cost of 5. Ratios are fractions: 20 % is 0.2.`},
	{fedByArrivals, Info, "A budget fed by arrivals", `
With deposit_on: arrival every call deposits, whether it succeeds or not, as in Finagle's
RetryFilter (24.5). In an outage the budget continues to pay:

    attempts per call = 1 + ratio + floor / rps

A budget that is fed by successes falls to 1 + floor / rps by itself. A dependency at utilization ρ
stays overloaded after the fault has gone if ρ × (1 + ratio) is near 1 or above (ADR 3).

Silence it if the dependency has that much spare capacity.`},
	{outageLoad, Info, "What an outage makes of the traffic", `
While everything fails, calls deposit nothing (unless arrivals deposit): the bank is spent once, and
then only the floor pays.

    without the budget: attempts per call = 1 + max_retries, as many as fit before the deadline
    with it, in the long run: 1 + floor / rps, at the most
    with it, if attempts fail slowly: 1 + floor / (rps × slow_cost)

A breaker that opens lowers both below 1. This is information, not a fault. It is reported for each
service with 1.1 or more (and more than half a retry per second), or else for the service of the
file with the most. Silence it when you have seen it.`},
	{fleet, Info, "What all instances together let pass", `
Budgets are per process: n instances have n banks and n floors. In an outage they let

    n × burst retries pass at once, and then n × floor a second

in addition to the first attempts. (Without a ratio it is initial instead of burst, and only once:
nothing fills the bank again.) Pooled ones (budget.fleet: pooled) have one floor together, and a
pool of up to one burst. The dependency sees the sum, so compare it with its capacity. It is shown
instead of HF025 if the number of instances is given (-pods 200): once for all services of a file,
at the one with the most; and for each service that makes 1.1 attempts or more of each call (and
more than half a retry per second, in all its instances).`},
	{bankRunsDry, Warning, "A bank that nothing fills", `
The budget has no ratio, so that no call deposits anything, and no floor. It only ever pays for what
the bank begins with (initial, by default its burst). A few bad minutes, days apart, spend it. From
then on no call is retried until the process restarts, and nobody notices.

    retries in the life of a process ≤ initial

The fix is a ratio of 0.3; a floor would do as well. HF015 is the same with an empty bank.

Silence it in a process that only runs one task: then the bank is for that task.`},
}
