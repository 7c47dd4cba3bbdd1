package lint

var timeDocs = []Doc{
	{attemptsTooLate, Error, "Retries that cannot run once attempts hang", `
A retry loop does not sleep for an attempt that could not begin before the call's deadline: it ends the call
there and then. So a dependency that hangs gets fewer attempts than max_retries says, and the last ones are there
on paper only: whoever reads the file thinks the call is tried more often than it is.

If attempts take all their time, attempt n begins at

    (n-1) × attempt_deadline + the first n-1 pauses

and runs only if that, and min_attempt, lie before the deadline. What cannot even with all pauses at their shortest never
runs; what can with those and not with the longest, by chance. The longest pause has all its jitter: delay for
full, equal and none, 1.3 × delay for additive(0.3), min(max_delay, base_delay × 3ⁿ) for decorrelated. An adaptive
loop's pauses are stretched in full. A retry-after of the dependency is not counted.

Lower max_retries to what fits, shorten attempt_deadline (the fix, where it is nearly the deadline) or the pauses, or allow the
call more time. Silence it
where attempts hardly ever hang, and the later retries are meant for failures that come at once.`},
	{attemptsNever, Error, "Retries that can never run", `
Even if every attempt fails at once and every pause is at its shortest, the deadline comes before these
retries: they never run, whatever happens. Most often base_delay, multiplier and max_retries were chosen without
a look at the deadline, or min_attempt asks for more than is left.

The arithmetic: attempt n begins no sooner than the sum of the n-1 shortest pauses before it. The shortest
pause is the delay for none and additive, half of it for equal, (1-f) × delay for proportional(f), base_delay
for decorrelated, and 0 for full jitter.

Lower max_retries to what runs, or base_delay so that more does. There is no reason to silence this.`},
	{attemptCut, Info, "A last retry with little time", `
If the attempts before it take all the time they may, the last retry begins so late that the call's
deadline ends it before half of its attempt_deadline is over. A dependency that needs that time does the work for
nobody, just when it is slow already.

Either the call's deadline is a little longer, or there is a retry less; retry.min_attempt says how much time an
attempt needs to be worth making at all. Silence it if the caller's time is fixed and a short try is
better than none.`},
	{noAttemptDeadline, Warning, "Retries, and no attempt deadline", `
Without an attempt_deadline an attempt may take all that is left of the call. One that hangs (a lost packet, a
stuck worker: what a retry would help against best) uses up the call, and no retry is ever made. The
retries then only help against failures that come by themselves.

The arithmetic: attempts × attempt_deadline + all pauses at their longest ≤ deadline. The fix is
the attempt deadline at which that holds, two digits of it, and no more than half of the window of a breaker that counts
attempts (HF028). It has to lie above what a healthy dependency needs for its slowest ordinary answers; if it does not, there
is no room for so many retries.

Silence it if the client inside has a timeout of its own that is short enough.`},
	{noDeadline, Warning, "Nothing ends a call", `
There is no deadline, and either an attempt may take for ever or there may be any number of them. Calls
pile up behind a dependency that hangs, each with its goroutine, connection and memory, until the
process has none left.

A deadline belongs to every call: what its own caller allows, less what the service needs for itself. The fix
proposes 10 s, as in the presets (more where the pauses need it, and half of the window of a breaker that is to see what hangs),
and an attempt_deadline at which all retries fit into that.

Silence it if every caller's ctx has a deadline: a shorter one of the caller's always holds.`},
	{attemptDeadlineNear, Warning, "An attempt may take nearly the whole call", `
The attempt_deadline is more than four fifths of the deadline. One attempt that hangs leaves a fifth of the
call's time or less for all retries and their pauses: there are retries, but not where they are needed.

The arithmetic: attempts × attempt_deadline + all pauses at their longest ≤ deadline. The fix is the
attempt deadline at which that holds, and fewer retries if it would be below a twentieth of the deadline.

Silence it if retries are only meant for failures that come at once.`},
	{minAttemptTooLong, Info, "min_attempt is longer than an attempt", `
retry.min_attempt is how much time an attempt needs to be worth starting. If it is more than the
attempt_deadline, the loop gives up retries that would have had all the time an attempt ever gets.

Set it to the attempt_deadline at the most: the time of a quick ordinary answer is a good value.`},
	{attemptsBoundCall, Info, "No deadline, but attempts are bounded", `
There is no deadline for the call; the number of attempts, their attempt_deadline and the pauses bound
it all the same, at

    attempts × attempt_deadline + all pauses at their longest

A caller that waits less long should say so: as a deadline in the file, or in its ctx. A retry-after of
the dependency (up to max_retry_after, and up to half as much again) comes on top, and only a deadline bounds that.

Silence it if every caller's ctx has a deadline.`},
	{attemptsByLuck, Warning, "Retries that run by luck only", `
As HF001, but with jitter the pauses may come out so short that the retries run before the deadline, even if
attempts take all their time: there is just enough room for the attempts, and not for the pauses at
their longest. How many attempts a call gets is left to chance.

    attempts × attempt_deadline + all pauses at their shortest < deadline
    attempts × attempt_deadline + all pauses at their longest  > deadline

Lower max_retries to what always fits, or shorten attempt_deadline or the pauses a little. Silence it where attempts
hardly ever hang.`},
}
