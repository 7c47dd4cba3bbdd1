package lint

var breakerDocs = []Doc{
	{ratioBlind, Warning, "A failure ratio that cannot see what hangs", `
As HF030, but consecutive_failures opens the breaker as well, and counts failures in a row however long they take. So a dependency
that hangs altogether does open it. Where a part of the attempts hangs, the ratio sees only the others: with
80 % that hang and 20 % that succeed it sees no failure at all.

The fix is a window of twice the time that an attempt may take, and at least the default of 10 s. Silence it if failures in a
row are enough.`},
	{opensLate, Info, "A breaker that opens late at this traffic", `
At the stated rps the window never holds min_requests outcomes, so that failure_ratio is never looked at (or it is off).
Failures in a row count over any time, so they do open the breaker in an outage, but it takes more than a minute of it:

    opens after = consecutive_failures / (rps × attempts per call), and what an attempt takes

Attempts per call are those that the budget pays for, its bank being full at first (a breaker around the loop sees calls: 1).
The fix is a number that comes together within a minute, and at least 5: fewer come about by chance too soon.

Silence it if so few calls may as well fail by themselves.`},
	{windowBlind, Error, "A breaker that cannot see what hangs", `
failure_ratio counts an outcome in the part of the window in which the attempt (or call, if it stands outside the
loop) began. Where that may take as long as the window, the part is forgotten when the outcome is known, and the outcome
is dropped. With consecutive_failures off nothing else opens the breaker: a dependency that hangs never does.

    counted for = window - time taken

The fix is a window of twice that time, and at least the default of 10 s. consecutive_failures would see it as well.
There is no reason to silence this.`},
	{neverOpens, Warning, "A breaker that never opens at this traffic", `
At the stated rps the window never holds min_requests outcomes, and consecutive_failures is off: nothing opens the breaker.

    outcomes in an outage = rps × window; for a breaker inside the loop, with the retries that the budget pays

Arrivals are taken for random (a Poisson process), and the budget for full; the finding says that even so the
chance to find the window full enough, at any moment of an outage, is below 1 in 10,000. The fix is a window of twice
the outcomes needed; or 5 failures in a row, which count over any time, if that were more than two minutes.

Silence it if the breaker is shared with services that have more traffic.`},
	{ratioIdle, Info, "A failure ratio that never counts", `
At the stated rps the window never holds min_requests outcomes, so failure_ratio is never looked at:
consecutive_failures does all the work. It opens in an outage, but hardly when, say, half of the attempts fail.

    outcomes in an outage = rps × window, with the retries that the budget pays

Lower min_requests, or widen the window; where that would be more than two minutes, turn failure_ratio off, so that
the file says what is so. Silence it if failures in a row are enough.`},
	{hangsUnseen, Warning, "A breaker that opens for errors, but not for hanging", `
failure_ratio counts an attempt's outcome when it is over, for what is then left of the window, and consecutive_failures is off.
At the stated rps the window holds enough outcomes if attempts fail at once, but never if they hang until their deadline.

    outcomes while all hang = rps × (window - time taken), and the retries

The fix is a window that holds twice the outcomes needed, beside the time that one takes; or 5 failures in a row, which
count however long they take, if that were more than two minutes.

Silence it if the breaker is shared with services that have more traffic.`},
	{tripsOnNoise, Warning, "Failures in a row that come about by chance", `
Failures in a row count over any time. Where each attempt fails with chance f, whatever the others do, k in a row come about once
in

    (f⁻ᵏ - 1) / (1 - f)

attempts on average (W. Feller, An Introduction to Probability Theory and Its Applications, vol. 1, XIII.7). At
f = 10 %, a bad day and no outage, the breaker would so open more than once an hour at the stated rps (or,
where that is not known, within 10,000 attempts), and refuse calls of which nine in ten would succeed. Real
failures come in clusters, and then it is sooner. For a breaker around the loop, f is that all attempts of a call fail.

The fix is the least k at which it is rarer. Silence it if the dependency fails less often than that, or not at all.

An error that nobody has classified is a failure, too. Where callers' own mistakes come as such errors (a declined
card), k of them in a row open the breaker for everybody. Say that they are the caller's fault:
holdfast.Classify(resilience.Errors(resilience.Permanent, ErrDeclined)).`},
	{tripsAtHalf, Info, "Failures in a row that undo the ratio", `
failure_ratio bears a dependency of which only half is to be had (above 0.5, as in the presets), but
consecutive_failures does not: where half of the attempts fail, k in a row do so once in 2ᵏ⁺¹ - 2 attempts, which
is less than a minute here (or, where rps is not known, fewer than 10,000 attempts).

In the lab, where half of the attempts failed, breakers with 50 % or 10 in a row let 3.8 % of the calls succeed, and with 80 %
or 20 in a row 57.8 % (ADR 9). The fix is the least k at which it is rarer; the presets have 20.`},
	{probesTooSoon, Warning, "Probes that are given up too soon", `
Half-open, the breaker lets some probes pass. If one is not back within probe_timeout, the round has failed
and the breaker opens again. Where a probe may take longer than that
by its deadline, a dependency that is back but slow never gets to close the breaker.

    probe_timeout ≥ the longest an attempt may take (a call, for a breaker around the loop)`},
	{probesHang, Warning, "Probes that nothing ends", `
With probe_timeout: unlimited and no deadline, a probe that hangs is waited for without end: the
breaker stays half-open, and keeps out every call beyond its probes.

Give the attempt a deadline, or leave probe_timeout at its default of 10 s. Silence it if every caller's ctx has a
deadline.`},
	{manyProbes, Warning, "More probes in a row than likely succeed", `
A breaker closes when half_open_probes are back, and opens again, for longer, when failure_ratio of them fail; without
a failure_ratio, when one does. With min_successes, it closes when so many have succeeded, and opens again when too many
have failed for that. Where a share f of the attempts fail, a round of which all n have to succeed does with the chance

    (1 - f)ⁿ

which is below one half for n ≥ 7 at f = 10 %, and any other with the chance that a binomial distribution gives to fewer
failures than lose it: a ratio below f loses most rounds. A dependency that is nearly well is kept shut by its probes.
The default is 3. The fix of min_successes is the most with which the chance is one half or more.`},
	{shutForLong, Info, "A breaker that stays shut for long", `
Each failed round of probes doubles the time that the breaker stays open, up to max_open_for, and up to a quarter comes on
top at random. After a long outage it is there, and the dependency may have to wait that long for its first call after it
is back; the calls until then are refused. The presets have 1.5 s: with their former numbers, 60 s among them, 8 %
fewer of the calls after an outage of 10 s succeeded in the lab (ADR 9).

Silence it if each probe is costly, or the dependency takes long to come up.`},
}

var slowDocs = []Doc{
	{neverSlow, Warning, "A call that can never be slow", `
A call counts as slow if it takes longer than slow_call_duration. Where a deadline ends it before, no call that is in
time is slow, and what the deadline cuts off is a failure anyway. So slow_call_ratio opens the breaker for nothing that
failure_ratio does not see.

The fix is half the time that an attempt (a call, for a breaker around the loop) may take. Better is a time well above
what the dependency takes on an ordinary day, say twice its 99th percentile.

Silence it if the deadline is longer elsewhere, and the file is shared.`},
	{ignoresDoubt, Info, "A breaker that does not see what nobody classified", `
With ignore_unclassified, an error that nobody has classified is as if the call had not been made. An outage that shows
itself in such errors (a client's errors.New("connection closed"), say) never opens the breaker: every call goes on to a
dependency that is down.

The fix counts them as failures. Errors that are the caller's fault are better named, in code, once for all stages:
holdfast.Classify(resilience.Errors(resilience.Permanent, ErrDeclined)).

Silence it if the client returns errors that nobody can tell apart, and others watch the dependency.`},
}

var bulkheadDocs = []Doc{
	{fillsWhenSlow, Info, "Places that run out soon", `
Little's law (J. D. C. Little, 1961): what is in flight on average is the rate of arrivals times the time that each
stays. At the stated rps the places are all taken once calls take longer than

    max_concurrent / rps

on average, and further ones are refused. That is what a bulkhead is for when calls hang; here it happens at less than a quarter
of the time that they may take. See that it is well above what they take on an ordinary day, peaks included. The fix
has places until a quarter of that time.

Silence it when you have compared.`},
	{neverFills, Info, "Places that never run out", `
Even if every attempt hangs until its deadline, and every retry is made, far fewer are in flight than there are
places (Little's law: rate × time). The bulkhead never refuses anything, so it bounds nothing at this traffic.

It does no harm, and bounds more traffic than the file says. The fix is what hanging takes, with room for chance.`},
	{endlessQueue, Warning, "A queue without an end", `
max_wait: unlimited lets calls wait for a place as long as their ctx lives, no deadline stands around it, and no queue_limit bounds
how many wait. When
the dependency is slow, the queue grows for as long as callers do not give up, and those at its head are the oldest, who
most likely have. Prefer to refuse at once (0s), or after a time short beside the deadline, or to bound the queue (queue_limit).

Silence it if every caller's ctx has a deadline.`},
	{waitsTooLong, Info, "A wait as long as the call", `
A call may wait for its place until nothing is left of its deadline, and then be made with no time to succeed: work
for nobody. A tenth of the deadline is enough to smooth a burst.

Silence it if places come free quickly whenever they come free at all.`},
	{nobodyQueues, Info, "A queue in which nobody waits", `
queue_limit bounds how many calls wait for a place, and max_wait says how long one may: 0s, its default, so none waits. The
calls beyond max_concurrent are refused at once, whatever queue_limit says.

Give max_wait a value, a tenth of the deadline for example, or leave queue_limit out (the fix).`},
}
