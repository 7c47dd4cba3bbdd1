package lint

var breakerDocs = []Doc{
	{ratioBlind, Warning, "A failure ratio that cannot see what hangs", `
As HF030, but consecutive_failures opens the breaker as well, and counts failures in a row however
long they take. So a dependency that hangs altogether does open it. If only some of the attempts
hang, the ratio sees only the others: if 80 % hang and 20 % succeed, it sees no failure at all.

The fix is a window of twice the time that an attempt may take, and at least the default of 10 s.
Silence it if failures in a row are enough.`},
	{opensLate, Info, "A breaker that opens late at this traffic", `
At the stated rps the window never holds min_requests outcomes, so failure_ratio never counts (or it
is off). Failures in a row count over any time. They do open the breaker in an outage, but only
after more than a minute:

    opens after = consecutive_failures / (rps × attempts per call), and what an attempt takes

Attempts per call are those that the budget pays for, starting with a full bank. A breaker around
the loop sees calls: 1. The fix is a number that is reached within a minute, but at least 5: fewer
failures in a row are too likely by chance.

In a fleet (breaker.fleet: on, and -pods or fleet.pods) it is not reported if the outcomes of all
pods together open it within a minute. Silence it if the calls are so few that they need no
breaker.`},
	{windowBlind, Error, "A breaker that cannot see what hangs", `
failure_ratio counts an outcome in the part of the window in which the attempt began (or the call,
for a breaker outside the loop). If an attempt may take as long as the window, that part is
forgotten when the outcome is known, and the outcome is dropped. With consecutive_failures off,
nothing else opens the breaker: a dependency that hangs never opens it.

    counted for = window - time taken

The fix is a window of twice that time, and at least the default of 10 s. consecutive_failures would
see it as well. There is no reason to silence this.`},
	{neverOpens, Warning, "A breaker that never opens at this traffic", `
At the stated rps the window never holds min_requests outcomes, and consecutive_failures is off:
nothing opens the breaker.

    outcomes in an outage = rps × window (inside the loop: plus the retries that the budget pays for)

The linter assumes random arrivals (a Poisson process) and a full budget. Even so, the chance that
the window holds enough outcomes at a given moment of an outage is below 1 in 10,000. The fix is a
window for twice the outcomes needed. If that would be longer than two minutes, it is 5 failures in
a row, which count over any time.

Silence it if the breaker is shared with services that have more traffic.`},
	{ratioIdle, Info, "A failure ratio that never counts", `
At the stated rps the window never holds min_requests outcomes, so failure_ratio never counts:
consecutive_failures does all the work. It opens the breaker in an outage, but rarely if, for
example, half of the attempts fail.

    outcomes in an outage = rps × window, with the retries that the budget pays

Lower min_requests, or widen the window. If that would be more than two minutes, turn failure_ratio
off, so that the file says what really happens. It is not reported for a breaker with a fleet whose
pods have enough outcomes together. Silence it if failures in a row are enough.`},
	{hangsUnseen, Warning, "A breaker that opens for errors, but not for hanging", `
failure_ratio counts an outcome from the end of the attempt, but only until the window has passed
since its beginning. consecutive_failures is off. At the stated rps the window holds enough outcomes
if attempts fail at once, but never if they hang until their deadline.

    outcomes while all hang = rps × (window - time taken), and the retries

The fix is a window for twice the outcomes needed, plus the time that one takes. If that would be
longer than two minutes, it is 5 failures in a row, which count however long they take.

Silence it if the breaker is shared with services that have more traffic.`},
	{tripsOnNoise, Warning, "Failures in a row that come about by chance", `
Failures in a row count over any time. If each attempt fails with chance f, independently of the
others, k failures in a row happen once in

    (f⁻ᵏ - 1) / (1 - f)

attempts on average (W. Feller, An Introduction to Probability Theory and Its Applications, vol. 1,
XIII.7). At f = 10 %, which is a bad day and no outage, the breaker would open more than once an
hour at the stated rps (or, if rps is not known, once in less than 10,000 attempts). Then it refuses
calls, nine in ten of which would succeed. Real failures come in clusters, which makes this more
frequent. For a breaker around the loop, f is the chance that all attempts of a call fail.

The fix is the least k with which this is rarer. Silence it if the dependency fails less often than
that, or not at all.

An unclassified error is a failure, too. If callers' own mistakes are such errors (a declined card),
k of them in a row open the breaker for everybody. Classify them as the caller's fault:
holdfast.Classify(resilience.Errors(resilience.Permanent, ErrDeclined)).`},
	{tripsAtHalf, Info, "Failures in a row that undo the ratio", `
failure_ratio tolerates a dependency that is half down (it is above 0.5, as in the presets), but
consecutive_failures does not: if half of the attempts fail, k failures in a row happen once in
2ᵏ⁺¹ - 2 attempts. Here that is less than a minute (or, if rps is not known, fewer than 10,000
attempts).

In the lab half of the attempts failed. There 3.8 % of the calls succeeded with breakers of 50 % or
10 in a row, and 57.8 % with 80 % or 20 in a row (ADR 9). The fix is the least k with which this is
rarer. The presets have 20.`},
	{probesTooSoon, Warning, "Probes that are given up too soon", `
While half-open, the breaker lets some probes pass. If one of them takes longer than probe_timeout,
the round has failed and the breaker opens again. If the deadline of a probe is longer than that, a
dependency that is back but slow never closes the breaker.

    probe_timeout ≥ the longest an attempt may take (a call, for a breaker around the loop)`},
	{probesHang, Warning, "Probes that nothing ends", `
With probe_timeout: unlimited and no deadline, the breaker waits for a hanging probe without end: it
stays half-open, and refuses every call beyond its probes. (With min_open_for a probe that hangs
keeps no other out.)

Give the attempt a deadline, or leave probe_timeout at its default of 10 s. Silence it if every
caller's ctx has a deadline.`},
	{manyProbes, Warning, "More probes in a row than likely succeed", `
A breaker closes when half_open_probes have ended. It opens again, for longer, when failure_ratio of
them fail or, without a failure_ratio, when one fails. With min_successes, it closes when so many
have succeeded, and opens again when too many have failed for that. If a share f of the attempts
fail, the chance that all n probes of a round succeed is

    (1 - f)ⁿ

which is below one half for n ≥ 7 at f = 10 %. If a round may have some failures, its chance is that
of a binomial distribution; with a ratio below f, most rounds are lost. Then the probes keep the
breaker open for a dependency that has nearly recovered. The default is 3. The fix of min_successes
is the highest number with which the chance is at least one half.`},
	{shutForLong, Info, "A breaker that stays shut for long", `
Each failed round of probes doubles the time that the breaker stays open, up to max_open_for. Up to
a quarter is added at random. A long outage reaches that limit. Then the breaker may refuse calls
for that long after the dependency is back. With min_open_for nothing doubles, and open_for is the
limit: the presets have that, and 1.25 times as long as an attempt may take. With 60 s, 8 % fewer of
the calls after an outage of 10 s succeeded in the lab (ADR 9).

Silence it if each probe is costly, or the dependency takes long to start.`},
}

var slowDocs = []Doc{
	{neverSlow, Warning, "A call that can never be slow", `
A call counts as slow if it takes longer than slow_call_duration. If a deadline ends it before, no
call that succeeds is slow, and a call that the deadline ends is a failure anyway. So
slow_call_ratio sees nothing that failure_ratio does not see.

The fix is half the time that an attempt (a call, for a breaker around the loop) may take. A better
value is well above what the dependency takes on an ordinary day: twice its 99th percentile, for
example.

Silence it if the deadline is longer elsewhere, and the file is shared.`},
	{ignoresDoubt, Info, "A breaker that does not see what nobody classified", `
With ignore_unclassified, the breaker ignores calls with an unclassified error. An outage that shows
itself in such errors (for example a client's errors.New("connection closed")) never opens the
breaker: every call still goes to a dependency that is down.

The fix counts them as failures. If some errors are the caller's fault, classify them in code, once
for all stages: holdfast.Classify(resilience.Errors(resilience.Permanent, ErrDeclined)).

Silence it if the client returns errors that nobody can tell apart, and others watch the dependency.`},
}

var bulkheadDocs = []Doc{
	{fillsWhenSlow, Info, "Places that run out soon", `
Little's law (J. D. C. Little, 1961): the average number in flight is the arrival rate times the
time that each one stays. At the stated rps all places are taken once calls take longer than

    max_concurrent / rps

on average, and further ones are refused. That is what a bulkhead is for when calls hang. Here it
happens at less than a quarter of the time that they may take. Make sure that this is well above
what they take on an ordinary day, peaks included. The fix has enough places for a quarter of the
time that they may take.

Silence it when you have compared.`},
	{neverFills, Info, "Places that never run out", `
Even if every attempt hangs until its deadline, and every retry is made, far fewer are in flight
than there are places (Little's law: rate × time). The bulkhead never refuses a call, so it bounds
nothing at this traffic.

It does no harm, and it bounds traffic that is higher than the file says. The fix has the places
that are taken if all calls hang, and some more for random peaks.`},
	{endlessQueue, Warning, "A queue without an end", `
max_wait: unlimited lets calls wait for a place until their ctx ends. There is no deadline around
it, and no queue_limit. When the dependency is slow, the queue grows until callers give up. The
calls at its head have waited longest, and their callers have most likely given up. Better refuse at
once (0s), or after a wait that is short compared with the deadline, or bound the queue
(queue_limit).

Silence it if every caller's ctx has a deadline.`},
	{waitsTooLong, Info, "A wait as long as the call", `
A call may wait for its place until its deadline is nearly over. Then it has no time to succeed:
work for nobody. A tenth of the deadline is enough to smooth a burst.

Silence it if in practice places become free quickly.`},
	{nobodyQueues, Info, "A queue in which nobody waits", `
queue_limit bounds how many calls wait for a place, and max_wait how long a call may wait. max_wait
is 0s, its default, so no call waits. Calls beyond max_concurrent are refused at once, whatever
queue_limit says.

Give max_wait a value, a tenth of the deadline for example, or leave queue_limit out (the fix).`},
}
