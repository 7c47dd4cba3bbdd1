package lint

var retryDocs = []Doc{
	{noJitter, Warning, "Retries without jitter", `
All callers whom one fault hits together pause for the same time and come back together: the dependency, just
back, meets all of them in one wave, and then in the next. Jitter spreads them over the pause.

With full jitter the pause is anything from 0 to the delay, which spreads best and lengthens nothing;
additive, the default, adds up to 30 % and shortens nothing.
Source: M. Brooker, "Exponential Backoff And Jitter", AWS, 2015.

Silence it where one client alone calls the dependency, or a test needs exact times.`},
	{littleJitter, Info, "Jitter that spreads next to nothing", `
There is jitter, but the delays (or its factor) are so small that no pause varies by even a millisecond. That
is less than what networks and schedulers do by themselves: callers that failed together come back together. Retries
after so little time also meet the same fault again.

The arithmetic: the widest of all pauses' (longest - shortest). Raise base_delay, or take another jitter.
There is no fix where the deadline is so short that longer pauses would cost retries.

Silence it if the retries are for faults of a single connection, where it does not matter when they come.`},
	{noLimit, Error, "Retries without any limit", `
Neither a number, nor a deadline, nor a budget that refuses ends the retries: in an outage every call goes
on for ever, and the calls that come in meanwhile do so as well. The load grows for as long as the outage lasts.

Give retry.max_retries a number, the call a deadline, and the service a budget; one of them silences this, and the
others have findings of their own.

Silence it only if every caller's ctx has a deadline.`},
	{noBudget, Warning, "Retries without a budget", `
Nothing keeps the retries of all calls together in proportion. While the dependency is well that is no matter;
in an outage, or when it is overloaded, every call becomes 1 + max_retries attempts (as many of them as fit before the
deadline), and that load keeps the dependency down.

A budget pays, in any time t, for at most burst + ratio × (calls whose first attempt succeeded) + floor × t
retries; in an outage none succeeds, so what is left is the floor: 1 + floor/rps attempts per call. The fix
adds a budget with the ratio of the presets: where a fifth of the attempts fail, it lets 3 % fewer calls succeed (ADR 9). At an rps
at which the default floor of 1/s would be too much (HF021), it sets the floor too.
An adaptive loop is no budget (ADR 8).

Silence it if calls are rare, or something else (a breaker per call, a limiter) bounds the attempts.`},
	{pausesUnknown, Info, "Pauses that only code knows", `
retry.Config has a Backoff or Jitter of one's own. The linter cannot know its pauses; it takes them for 0, so that what
it says can never run really cannot, and what fits may not. It happens with pipelines made in code only.`},
	{neverPaid, Error, "Retries that are never paid for", `
A retry costs a token of the budget. Tokens come from the ratio (a part of one for each call that succeeds at once), from
the floor (so many a second), and from what the bank begins with (initial). Here all three are 0: every retry is
refused, for as long as the process runs, and max_retries says what never happens.

    retries ≤ initial + ratio × (calls whose first attempt succeeded) + floor × t = 0

The fix is the ratio of the presets; a floor does as well. If there are to be no retries, say so:
retry.max_retries: none. There is no reason to silence this.`},
}

var budgetDocs = []Doc{
	{shadow, Warning, "A budget in shadow", `
shadow: true counts what the budget would refuse, and lets it pass: the service has no limit on its retries. That is
meant for finding out, for a week, what a budget would do. It is easily forgotten there.

Look at ShadowRefused (holdfast_budget_shadow_refused_total): where it only moves in outages, shadow can go.

Silence it, with the date of its end as the reason, while you are finding out.`},
	{floorDwarfs, Warning, "A floor that is more than the ratio", `
The floor is there so that a service with little traffic can retry at all. At the stated rps it is more than
twice what the ratio pays for, and more than a fifth of the calls: the floor is the budget, and the ratio
says nothing. Successes do not matter to a floor, so it pays just as much in an outage.

    in an outage: attempts per call = 1 + floor / rps, at the most
    on an ordinary day: retries ≤ ratio × rps + floor, a second

A floor of up to 0.5/s, the presets' largest, is not reported: with it a service that makes a call in ten seconds can retry that call,
which is what a floor is for, and it saves no more than one such retry. So the fix is a fifth of the traffic, but at least 0.2/s, a
retry in 5 s. Each instance has a floor of its own: what a hundred of them pay for together, HF026 tells.

Silence it where the load of all instances together is nothing to the dependency.`},
	{burstCovers, Warning, "A burst that pays for a whole outage", `
The bank starts an outage full (with its burst or, where no ratio fills it, with what initial says), and pays for every retry
until it is empty. At the stated rps that takes more than
10 s, and for that long the dependency gets the whole storm that a budget is to keep from it.

    lasts = bank / (rps × (attempts - 1) - floor)

The lab (docs/storms.md) found that large banks are what loses where a hundred small clients overload a server. The fix is
the burst that lasts 10 s; the presets have 5. One of up to 20 is not reported: so few retries do no harm.

Silence it if the dependency can bear all retries of all its clients.`},
	{ratioHuge, Warning, "A ratio of 1 or more", `
Each success pays for at least one retry: as long as half of the first attempts succeed, every other one can be
retried, and the budget refuses next to nothing. That is just what an overloaded dependency looks like.

    attempts per call ≤ 1 + ratio, in the long run

The presets have 0.3, chosen in the storms of the lab (ADR 9): there, retries without any limit bring 3 % more of
the calls through when a fifth of the attempts fail. Ratios are fractions: 20 % is 0.2.`},
	{fedByArrivals, Info, "A budget fed by arrivals", `
With deposit_on: arrival every call deposits, whether it succeeds or not, as in Finagle's RetryFilter (24.5). In an outage
the budget goes on paying:

    attempts per call = 1 + ratio + floor / rps

where one that is fed by successes fades to 1 + floor / rps by itself. A dependency at utilization ρ stays
overloaded after the fault has gone if ρ × (1 + ratio) is near 1 or above (ADR 3).

Silence it where the dependency has so much to spare.`},
	{outageLoad, Info, "What an outage makes of the traffic", `
While everything fails, calls deposit nothing (unless fed by arrivals): the bank is spent once, and the floor is left.

    without the budget: attempts per call = 1 + max_retries, as many as fit before the deadline
    with it, in the long run: 1 + floor / rps, at the most

A breaker that opens lowers both, below 1. This is a figure to know and not a fault: it is told of each service where it is
1.1 or more (and more than half a retry a second), and else of the one of the file where it is the most. Silence it when you have seen it.`},
	{fleet, Info, "What all instances together let pass", `
Budgets are per process: n instances have n banks and n floors. In an outage they let

    n × burst retries pass at once, and then n × floor a second

on top of the first attempts. (Without a ratio it is initial in place of burst, and once only: nothing fills the bank again.) The
dependency sees the sum, so look at it with its capacity in mind. It is shown in place of HF025 if the number of instances is
given (-pods 200): once for all services of a file, at the one of which it is the most, and of each alone that makes 1.1 attempts or more
of each call (and more than half a retry a second, of all its instances).`},
	{bankRunsDry, Warning, "A bank that nothing fills", `
The budget has neither a ratio, so that no call deposits anything, nor a floor. What the bank begins with (initial, by
default its burst) is all that it ever pays for: a few bad minutes, days apart, spend it, and from then on no call is
retried until the process starts anew. Nothing looks different meanwhile.

    retries in the life of a process ≤ initial

The fix is the ratio of the presets; a floor does as well. HF015 is the same with an empty bank.

Silence it in a process that lives as long as one task: the bank is then the task's.`},
}
