package lint

var timeDocs = []Doc{
	{attemptsTooLate, Error, "Retries that cannot run once attempts hang", `
A retry loop does not sleep for an attempt that could not begin before the call's deadline: it ends
the call at once. So a dependency that hangs gets fewer attempts than max_retries says. The last
retries only exist in the file, and mislead its readers.

If attempts take all their time, attempt n begins at

    (n-1) × attempt_deadline + the first n-1 pauses

and runs only if there is time for min_attempt after that, before the deadline. An attempt that does
not fit even with the shortest pauses never runs. One that fits with the shortest pauses, but not
with the longest, runs by chance. The longest pause has all its jitter: delay for full, equal and
none, 1.3 × delay for additive(0.3), min(max_delay, base_delay × 3ⁿ) for decorrelated. The pauses of
an adaptive loop have their full stretch. A retry-after of the dependency is not counted.

Lower max_retries to what fits, shorten attempt_deadline (the fix, if it is nearly the deadline) or
the pauses, or give the call more time. Silence it if attempts hardly ever hang, and the later
retries are for failures that come at once.`},
	{attemptsNever, Error, "Retries that can never run", `
Even if every attempt fails at once and every pause is at its shortest, the deadline comes before
these retries: they never run. Most often base_delay, multiplier and max_retries were chosen without
regard to the deadline, or min_attempt asks for more time than is left.

The arithmetic: attempt n begins no sooner than the sum of the n-1 shortest pauses before it. The
shortest pause is the delay for none and additive, half of it for equal, (1-f) × delay for
proportional(f), base_delay for decorrelated, and 0 for full jitter.

Lower max_retries to what runs, or lower base_delay so that more retries run. There is no reason to
silence this.`},
	{attemptCut, Info, "A last retry with little time", `
If the attempts before it take all their time, the last retry begins so late that the call's
deadline ends it before half of its attempt_deadline is over. A dependency that needs that time
works for nobody, just when it is slow already.

Make the call's deadline a little longer, or make one retry less. retry.min_attempt says how much
time an attempt needs to be worth making. Silence it if the caller's time is fixed and a short
attempt is better than none.`},
	{noAttemptDeadline, Warning, "Retries, and no attempt deadline", `
Without an attempt_deadline an attempt may take all the time that is left of the call. An attempt
that hangs (a lost packet, a stuck worker: a retry would help best against these) uses up the call,
and no retry is made. Retries then only help against failures that end an attempt early.

The arithmetic: attempts × attempt_deadline + all pauses at their longest ≤ deadline. The fix is the
attempt deadline with which that holds, rounded down to two digits, and no more than half of the
window of a breaker that counts attempts (HF028). It must be above what a healthy dependency needs
for its slowest ordinary answers. If it is not, there is no room for so many retries.

Silence it if the client inside has a timeout of its own that is short enough.`},
	{noDeadline, Warning, "Nothing ends a call", `
There is no deadline, and either an attempt may take for ever, or there may be any number of
attempts. Calls pile up behind a dependency that hangs, each with its goroutine, connection and
memory, until the process has none left.

Every call needs a deadline: the time that its own caller allows, less what the service needs for
itself. The fix proposes 10 s, as in the presets, and an attempt_deadline with which all retries fit
into that. It proposes more if the pauses need more, and less (half of the window) if a breaker
could not see calls that hang.

Silence it if every caller's ctx has a deadline: a shorter one of the caller's always holds.`},
	{attemptDeadlineNear, Warning, "An attempt may take nearly the whole call", `
The attempt_deadline is more than four fifths of the deadline. One attempt that hangs leaves less
than a fifth of the call's time for all retries and their pauses: there are retries, but not when
they are needed.

The arithmetic: attempts × attempt_deadline + all pauses at their longest ≤ deadline. The fix is the
attempt deadline with which that holds, and fewer retries if it would be below a twentieth of the
deadline.

Silence it if retries are only meant for failures that come at once.`},
	{minAttemptTooLong, Info, "min_attempt is longer than an attempt", `
retry.min_attempt is how much time an attempt needs to be worth starting. If it is more than the
attempt_deadline, the loop gives up retries that would have had a full attempt_deadline.

Set it to at most the attempt_deadline. The time of a quick ordinary answer is a good value.`},
	{attemptsBoundCall, Info, "No deadline, but attempts are bounded", `
There is no deadline for the call, but the number of attempts, their attempt_deadline and the pauses
bound it, at

    attempts × attempt_deadline + all pauses at their longest

If callers do not wait that long, say so: with a deadline in the file, or in their ctx. A
retry-after of the dependency (up to max_retry_after, plus up to half of it) is added to that, and
only a deadline bounds it.

Silence it if every caller's ctx has a deadline.`},
	{attemptsByLuck, Warning, "Retries that run by luck only", `
As HF001, but jitter may make the pauses so short that the retries run before the deadline, even if
attempts take all their time: there is enough time for the attempts, but not for the longest pauses.
Chance decides how many attempts a call gets.

    attempts × attempt_deadline + all pauses at their shortest < deadline
    attempts × attempt_deadline + all pauses at their longest  > deadline

Lower max_retries to what always fits, or shorten attempt_deadline or the pauses a little. Silence
it if attempts hardly ever hang.`},
}
